//! Works signed with keys that took the place of others: at home, at another node, and in the check of the databases.

use std::path::Path;

use imajin_did::Did;
use imajin_fair::Manifest;
use imajin_kernel::Env;
use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::fair_library::{fair, key_of, register, remix};
use crate::support::{Home, imajin, text};

/// A work of `did`, signed now with some key of theirs.
fn work(home: &Home, name: &str, did: &Did, key: &Path) -> (String, Manifest) {
    let draft = json!({
        "title": name, "type": "audio", "author": did, "terms": {"remix": {"price": "free"}},
        "contributors": [{"did": did, "role": "artist", "share": 1}],
    });
    let manifest = Manifest::from_value(draft).unwrap();
    let manifest = manifest.sign(&key_of(key), did.clone(), Env::system().now()).unwrap();
    let path = home.path(&format!("{name}.fair.json"));
    std::fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    (text(&path).to_owned(), manifest)
}

fn a_work_signed_with_a_rotated_key_counts_at_every_node(backend: Backend) {
    let (far, home) = (Home::new(backend), Home::new(backend));
    let (far_node, node) = (far.up(&["--dev"]), home.up(&["--dev"]));
    let (ada, ben, old) = (far.key("ada.key"), home.key("ben.key"), far.path("old.key"));
    register(&far_node, &ada, "ada");
    register(&node, &ben, "ben");
    let did = key_of(&ada).did();
    let (before_file, before) = work(&far, "before", &did, &ada);
    std::fs::copy(&ada, &old).unwrap();
    imajin(&["key", "rotate", "--node", &far_node.url(), "--key", text(&ada)]).expect_success();
    let (after_file, after) = work(&far, "after", &did, &ada);
    let (stolen_file, _stolen) = work(&far, "stolen", &did, &old);
    for file in [&before_file, &after_file] {
        fair(&far_node, &["publish", file, "--key", text(&ada)]).expect_success();
    }
    let refused = fair(&far_node, &["publish", &stolen_file, "--key", text(&ada)]);
    let refusal = refused.refusal();
    assert_eq!(refusal["error"], "bad_signature");
    assert!(refusal.to_string().contains("did not count"), "{refusal}");

    // The other node has never heard of its author: the node that shows the work has.
    let (file, made) = remix(&home, &ben, &after, &format!("{}/", far_node.url()));
    fair(&node, &["publish", &file, "--key", text(&ben)]).expect_success();
    for (node, id) in [(&node, &made.id), (&far_node, &before.id), (&far_node, &after.id)] {
        let verified = fair(node, &["verify", id.as_str()]).expect_success();
        assert_eq!(verified["verdict"], "intact", "{verified}");
        fair(node, &["fetch", id.as_str()]).expect_success();
    }
    far_node.stop();
    node.stop();
    for place in [&home, &far] {
        place.verify_clean();
    }
    if backend == Backend::Sqlite {
        auth_is_away(&home, &did);
    }
}

/// Without auth's database nobody can say whose the new key is: that is no finding, and it is said.
fn auth_is_away(home: &Home, did: &Did) {
    let databases = walk(&home.data(), "auth");
    assert!(!databases.is_empty());
    for path in databases {
        std::fs::rename(&path, path.with_extension("away")).unwrap();
    }
    let report = home.verify();
    assert_eq!(report.json["findings"], json!([]), "{}", report.json);
    let unchecked: Vec<&Value> = report.json["unchecked"].as_array().unwrap().iter().collect();
    assert!(
        unchecked.iter().any(|line| line["did"] == did.as_str()),
        "{}",
        report.json
    );
}

/// The files below a folder whose names begin so.
fn walk(folder: &Path, name: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(walk(&path, name));
        } else if path.file_name().unwrap().to_str().unwrap().starts_with(name) {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_work_signed_with_a_rotated_key_counts_at_every_node_on_sqlite() {
    a_work_signed_with_a_rotated_key_counts_at_every_node(Backend::Sqlite);
}

#[test]
fn a_work_signed_with_a_rotated_key_counts_at_every_node_on_postgres() {
    a_work_signed_with_a_rotated_key_counts_at_every_node(Backend::Postgres);
}
