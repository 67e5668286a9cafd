//! Works signed with keys that took the place of others, at home and at another node.

use std::path::Path;

use imajin_did::Did;
use imajin_fair::Manifest;
use imajin_kernel::Env;
use imajin_testkit::Backend;
use serde_json::json;

use crate::fair_library::{fair, key_of, register, remix};
use crate::support::{Home, Node, imajin, text};

/// A work of `did`, signed now with some key of theirs.
pub(crate) fn work(home: &Home, name: &str, did: &Did, key: &Path) -> (String, Manifest) {
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

/// A file is checked with its signer's key log, where a node knows it; else it is said what may be wrong.
fn file_check(home: &Home, key: &Path, node: &Node) {
    let poem = home.path("poem.txt");
    std::fs::write(&poem, "A poem\n").unwrap();
    let (poem, manifest) = (text(&poem), home.path("poem.txt.fair.json"));
    imajin(&["fair", "new", poem, "--key", text(key)]).expect_success();
    imajin(&["fair", "sign", text(&manifest), "--key", text(key)]).expect_success();
    fair(node, &["verify", poem]).expect_success();
    let alone = imajin(&["fair", "verify", poem, "--node", "http://127.0.0.1:1"]);
    assert_eq!((alone.success, &alone.json["verdict"]), (false, &json!("broken")));
    assert!(
        alone.json["reason"].as_str().unwrap().contains("--key"),
        "{}",
        alone.json
    );
    let new = key_of(key).public().multikey();
    imajin(&["fair", "verify", poem, "--key", &new]).expect_success();
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
    file_check(&far, &ada, &far_node);
    far_node.stop();
    node.stop();
    for place in [&home, &far] {
        place.verify_clean();
    }
}

#[test]
fn a_work_signed_with_a_rotated_key_counts_at_every_node_on_sqlite() {
    a_work_signed_with_a_rotated_key_counts_at_every_node(Backend::Sqlite);
}

#[test]
fn a_work_signed_with_a_rotated_key_counts_at_every_node_on_postgres() {
    a_work_signed_with_a_rotated_key_counts_at_every_node(Backend::Postgres);
}
