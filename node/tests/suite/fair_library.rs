//! Works in the libraries of nodes: published, made from each other across nodes, got back by the command line.

use std::path::Path;

use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_fair::Manifest;
use imajin_kernel::Env;
use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::support::{Buyer, Home, Node, Outcome, imajin, text};

pub(crate) fn key_of(path: &Path) -> SecretKey {
    SecretKey::from_pkcs8_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A signed manifest in a file, and itself.
pub(crate) fn work(home: &Home, name: &str, key: &Path, draft: Value) -> (String, Manifest) {
    let key = key_of(key);
    let mut draft = draft;
    draft["author"] = json!(key.did());
    let manifest = Manifest::from_value(draft).unwrap();
    let manifest = manifest.sign(&key, key.did(), Env::system().now()).unwrap();
    let path = home.path(name);
    std::fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
    (text(&path).to_owned(), manifest)
}

/// A work by two, of whom one has not signed.
pub(crate) fn strings(home: &Home, author: &Path, other: &Path) -> (String, Manifest) {
    let (author_did, other_did) = (key_of(author).did(), key_of(other).did());
    let draft = json!({
        "title": "Strings", "type": "audio", "terms": {"remix": {"price": "free", "royalty": 0.25}},
        "contributors": [
            {"did": author_did, "role": "artist", "share": 0.5}, {"did": other_did, "role": "engineer", "share": 0.5},
        ],
    });
    work(home, "strings.fair.json", author, draft)
}

/// A work that gives a part to another.
pub(crate) fn remix(home: &Home, author: &Path, source: &Manifest, canonical: &str) -> (String, Manifest) {
    let draft = json!({
        "title": "Remix", "type": "audio", "canonical": canonical, "derives_from": [source.id],
        "contributors": [
            {"did": key_of(author).did(), "role": "author", "share": 0.75},
            {"fair": source.id, "role": "source", "share": 0.25},
        ],
    });
    work(home, "remix.fair.json", author, draft)
}

pub(crate) fn fair(node: &Node, args: &[&str]) -> Outcome {
    let url = node.url();
    let mut all = vec!["fair", args[0], "--node", &url];
    all.extend(&args[1..]);
    imajin(&all)
}

pub(crate) fn register(node: &Node, key: &Path, handle: &str) {
    imajin(&["login", "--node", &node.url(), "--key", text(key), "--handle", handle]).expect_success();
}

fn a_work_is_made_from_one_of_another_node(backend: Backend) {
    let (far, home) = (Home::new(backend), Home::new(backend));
    let (far_node, node) = (far.up(&["--dev"]), home.up(&["--dev"]));
    let (ada, cleo, ben) = (far.key("ada.key"), far.key("cleo.key"), home.key("ben.key"));
    register(&far_node, &ada, "ada");
    register(&far_node, &cleo, "cleo");
    register(&node, &ben, "ben");

    let (source_file, source) = strings(&far, &ada, &cleo);
    let published = fair(&far_node, &["publish", &source_file, "--key", text(&ada)]).expect_success();
    assert_eq!(published["url"], format!("{}/fair/{}", far_node.url(), source.id));
    let (file, made) = remix(&home, &ben, &source, &format!("{}/", far_node.url()));
    let id = made.id.as_str();
    fair(&node, &["publish", &file, "--key", text(&ben)]).expect_success();

    let shown = fair(&node, &["show", id]).expect_success();
    assert_eq!(shown["sources"][0]["record"]["manifest"], source.to_value());
    assert_eq!(shown["sources"][0]["kept"]["place"], "elsewhere");
    let plan = fair(&node, &["plan", id, "--gross", "8.00 USD"]).expect_success();
    let held: Vec<_> = plan["legs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|leg| leg["held"] == true)
        .collect();
    assert_eq!(
        (&plan["legs"][1]["amount"], held),
        (&json!("1.00"), vec![false, false, true])
    );

    fair(&far_node, &["accept", source.id.as_str(), "--key", text(&cleo)]).expect_success();
    let address = format!("{}/fair/{}", far_node.url(), source.id);
    let plan = fair(&node, &["plan", &address, "--gross", "8.00 USD"]).expect_success();
    assert!(
        plan["legs"].as_array().unwrap().iter().all(|leg| leg["held"] == false),
        "at home they agree"
    );

    let verified = fair(&node, &["verify", id]).expect_success();
    assert_eq!(
        (&verified["verdict"], &verified["title"]),
        (&json!("intact"), &json!("Remix"))
    );
    let out = home.path("fetched.json");
    fair(&node, &["fetch", source.id.as_str(), "--out", text(&out)]).expect_success();
    assert_eq!(Manifest::parse(&std::fs::read(&out).unwrap()).unwrap(), source);

    let unknown = fair(&node, &["show", "fair_nothing"]);
    assert_eq!(unknown.refusal()["error"], "not_found");
    let stranger = home.key("stranger.key");
    let refused = fair(&node, &["publish", &file, "--key", text(&stranger)]);
    assert_eq!(refused.refusal()["error"], "forbidden");
    far_node.stop();
    // The home of the source is gone, and the copy is not.
    fair(&node, &["verify", id]).expect_success();
    node.stop();
    home.verify_clean();
    far.verify_clean();
}

#[test]
fn a_work_is_made_from_one_of_another_node_on_sqlite() {
    a_work_is_made_from_one_of_another_node(Backend::Sqlite);
}

#[test]
fn a_work_is_made_from_one_of_another_node_on_postgres() {
    a_work_is_made_from_one_of_another_node(Backend::Postgres);
}

#[tokio::test]
async fn an_events_manifest_has_an_address_of_its_own() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let event = crate::support::event_find(&node, "10.00");
    let id = event["manifest"]["id"].as_str().unwrap();
    let shown = fair(&node, &["show", id]).expect_success();
    assert_eq!(shown["work"]["kept"], json!({"place": "goods"}));
    let reader = Buyer::stranger(&node);
    let get = |path: String, accept: &'static str| reader.http.get(reader.url(&path)).header("accept", accept).send();
    let document = get(format!("/fair/{id}"), "application/fair+json").await.unwrap();
    assert_eq!(document.status(), StatusCode::OK);
    let digest = document.headers()["x-fair-digest"].clone();
    let page = get(format!("/fair/{id}"), "text/html").await.unwrap();
    assert_eq!(page.headers()["x-fair-digest"], digest);
    assert!(page.text().await.unwrap().contains("where it is sold"));
    let event_page = get(format!("/events/{}", event["id"].as_str().unwrap()), "text/html")
        .await
        .unwrap();
    assert_eq!(event_page.headers()["x-fair-digest"], digest);
    node.stop();
    home.verify_clean();
}
