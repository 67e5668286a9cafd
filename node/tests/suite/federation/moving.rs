//! Somebody moves to another node by the command line: each node a process of its own, as the program sees the world.

use std::path::{Path, PathBuf};

use imajin_kernel::Env;
use imajin_proof::SignedMessage;
use imajin_testkit::{Backend, on_both};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::browser;
use crate::keys_abroad::{Ada, Place};
use crate::profile::picture_file;
use crate::support::{Node, Outcome, imajin, text};

/// What goes along.
const PARTS: [&str; 7] = [
    "profile",
    "picture",
    "statements",
    "grants",
    "consent",
    "manifests",
    "works",
];

fn at(place: &Place, key: &Path, args: &[&str]) -> Outcome {
    let origin = place.origin();
    let mut all = args.to_vec();
    all.extend(["--node", &origin, "--key", text(key)]);
    imajin(&all)
}

#[track_caller]
fn refused(outcome: &Outcome, why: &str) {
    assert!(!outcome.success, "{}", outcome.json);
    assert!(outcome.stderr.contains(why), "{} lacks `{why}`", outcome.stderr);
}

/// How many of a part were new, and how many were there.
#[track_caller]
fn part(done: &Value, name: &str) -> (u64, u64) {
    let parts = done["parts"].as_array().unwrap();
    let found = parts.iter().find(|part| part["part"] == name).unwrap();
    (found["brought"].as_u64().unwrap(), found["there"].as_u64().unwrap())
}

async fn get(place: &Place, path: &str) -> reqwest::Response {
    let url = format!("{}{path}", place.origin());
    browser().get(url).send().await.unwrap()
}

async fn json_of(place: &Place, path: &str) -> Value {
    get(place, path).await.json().await.unwrap()
}

/// Somebody with a profile, a picture, a vouch for somebody else and a work that costs something.
fn with_everything(place: &Place, node: &Node) -> Ada {
    let ada = Ada::registered(place, node);
    let bob = place.home.key("bob.key");
    let bob = at(place, &bob, &["login", "--handle", "bob"]).expect_success();
    at(place, &ada.file, &["profile", "handle", "ada"]).expect_success();
    at(
        place,
        &ada.file,
        &["profile", "set", "--name", "Ada", "--bio", "Counts."],
    )
    .expect_success();
    let picture = picture_file(&place.home);
    at(place, &ada.file, &["profile", "avatar", text(&picture)]).expect_success();
    let who = bob["did"].as_str().unwrap();
    let grant = [
        "consent",
        "give",
        "--to",
        who,
        "--purpose",
        "directory",
        "--field",
        "profile.name",
    ];
    at(place, &ada.file, &grant).expect_success();
    at(
        place,
        &ada.file,
        &["consent", "toggle", "directory", "--on", "profile.name"],
    )
    .expect_success();
    at(place, &ada.file, &["trust", "vouch", who]).expect_success();
    let work = place.home.path("strings.md");
    std::fs::write(&work, "# Strings\n\nA string that is plucked moves.\n").unwrap();
    let price = ["--price", "0.50 TEST-USD"];
    let add: Vec<&str> = ["content", "add", text(&work)].into_iter().chain(price).collect();
    at(place, &ada.file, &add).expect_success();
    ada
}

async fn a_person_moves_with_what_is_theirs(backend: Backend) {
    let places = [(); 3].map(|()| Place::new(backend));
    let nodes = places.each_ref().map(Place::up);
    let [old, new, visited] = &places;
    let ada = with_everything(old, &nodes[0]);
    let (key, did, http) = (ada.file.as_path(), ada.did.as_str(), browser());
    for other in [visited, new] {
        // Who looks at the new node before is a visitor there, of the old one.
        let arrived = ada.visit(&http, old, other).await;
        assert_eq!(arrived.status(), StatusCode::SEE_OTHER);
    }
    at(old, key, &["key", "rotate"]).expect_success();
    let folder = old.home.path("moving");
    let (origin, name) = (new.origin(), text(&folder).to_owned());
    let export = ["move", "export", "--to", &origin, "--out", &name];
    let saved = at(old, key, &export).expect_success();
    assert_eq!((&saved["works"], &saved["missing"]), (&json!(1), &json!([])), "{saved}");
    assert_eq!(saved["to"], json!(new.web_did()));
    // Interrupted before its end it is not complete, and it is repeated.
    std::fs::remove_file(folder.join("bundle.json")).unwrap();
    refused(&at(new, key, &["move", "import", &name]), "repeat it");
    at(old, key, &export).expect_success();
    at(old, key, &export).expect_success();

    let done = at(new, key, &["move", "import", &name, "--grants"]).expect_success();
    for name in PARTS {
        assert_eq!(part(&done, name), (1, 0), "{done:#}");
    }
    assert_eq!(
        (&done["handle"], &done["moved"]["url"], &done["notes"]),
        (&json!("ada"), &json!(new.origin()), &json!([])),
        "{done:#}"
    );
    old_home_leads_there(old, new, did).await;
    new_home_has_everything(new, did).await;
    new_home_keeps_what_is_allowed(new, key);
    // The new node keeps the log of the keys now, and the old one follows it.
    at(new, key, &["key", "rotate"]).expect_success();
    let (there, here) = (
        format!("/auth/api/identity/{did}/log"),
        format!("/1.0/identifiers/{did}"),
    );
    let head = json_of(new, &there).await["head"].clone();
    assert_eq!(json_of(old, &here).await["didDocumentMetadata"]["versionId"], head);
    // Everything once more changes nothing.
    let again = at(new, key, &["move", "import", &name, "--grants", "--anyway"]).expect_success();
    for name in PARTS {
        assert_eq!(part(&again, name), (0, 1), "{again:#}");
    }
    assert_eq!(again["moved"], done["moved"]);
    // Where they were known, they come from the new home.
    let arrived = ada.visit(&http, new, visited).await;
    assert_eq!(arrived.status(), StatusCode::SEE_OTHER, "{:?}", arrived.text().await);
    let status = at(old, key, &["move", "status"]).expect_success();
    assert_eq!(
        (
            &status["moved"]["url"],
            &status["along"]["works"],
            &status["along"]["statements"],
            &status["along"]["grants"],
        ),
        (&json!(new.origin()), &json!(1), &json!(1), &json!(1)),
        "{status:#}"
    );
    let back = at(old, key, &["move", "back"]).expect_success();
    assert_eq!(back["url"], json!(old.origin()));
    assert_eq!(get(old, "/p/ada").await.status(), StatusCode::OK);
    for (place, node) in places.iter().zip(nodes) {
        node.stop();
        place.home.verify_clean();
    }
}

/// What strangers find at the new home.
async fn new_home_has_everything(new: &Place, did: &str) {
    let shown = json_of(new, &format!("/profile/api/profile/{did}")).await;
    assert_eq!(
        (&shown["displayName"], &shown["bio"]),
        (&json!("Ada"), &json!("Counts."))
    );
    assert_eq!(get(new, &format!("/p/{did}")).await.status(), StatusCode::OK);
    let works = json_of(new, "/publisher/api/content").await;
    assert_eq!(
        (&works["works"][0]["title"], &works["works"][0]["price"]["amount"]),
        (&json!("strings.md"), &json!("0.50")),
        "{works:#}"
    );
}

/// What she allows there: the grant that she has signed at the old home, and what is on.
fn new_home_keeps_what_is_allowed(new: &Place, key: &Path) {
    let grants = at(new, key, &["consent", "list"]).expect_success();
    assert_eq!(
        (&grants[0]["state"], &grants[0]["grant"]["payload"]["fields"]),
        (&json!("active"), &json!(["profile.name"])),
        "{grants:#}"
    );
    let on = at(new, key, &["consent", "profile"]).expect_success();
    assert_eq!(
        on["profile"]["payload"]["purposes"],
        json!({"directory": ["profile.name"]}),
        "{on:#}"
    );
}

/// What strangers find at the old home.
async fn old_home_leads_there(old: &Place, new: &Place, did: &str) {
    let there = format!("{}/p/{did}", new.origin());
    for id in ["ada", did] {
        let page = get(old, &format!("/p/{id}")).await;
        assert_eq!(page.status(), StatusCode::PERMANENT_REDIRECT);
        assert_eq!(page.headers()["location"], there.as_str());
        let found = json_of(old, &format!("/auth/api/lookup/{id}")).await;
        assert_eq!(found["movedTo"], json!(new.origin()), "{found}");
        let profile = get(old, &format!("/profile/api/profile/{id}")).await;
        assert_eq!(profile.status(), StatusCode::PERMANENT_REDIRECT);
        let there = format!("{}/profile/api/profile/{did}", new.origin());
        assert_eq!(profile.headers()["location"], there.as_str());
    }
    let document = json_of(old, &format!("/auth/api/identity/{did}/did.json")).await;
    let endpoint = format!("{}/mjn", new.origin());
    assert_eq!(document["service"][0]["serviceEndpoint"], json!(endpoint));
    let log = json_of(old, &format!("/auth/api/identity/{did}/log")).await;
    assert_eq!(log["entries"].as_array().unwrap().len(), 2, "{log}");
}

on_both!(a_person_moves_with_what_is_theirs);

/// A copy of a folder, with one of its files changed.
fn changed(folder: &Path, name: &str, file: &Path, change: impl FnOnce(String) -> String) -> PathBuf {
    let copy = folder.with_file_name(name);
    std::fs::create_dir_all(copy.join("works")).unwrap();
    for part in ["bundle.json", "export.json"] {
        std::fs::copy(folder.join(part), copy.join(part)).unwrap();
    }
    for work in std::fs::read_dir(folder.join("works")).unwrap() {
        let work = work.unwrap().path();
        std::fs::copy(&work, copy.join("works").join(work.file_name().unwrap())).unwrap();
    }
    let target = copy.join(file);
    let text = std::fs::read_to_string(&target).unwrap();
    std::fs::write(&target, change(text)).unwrap();
    copy
}

fn export_to(from: &Place, key: &Path, to: &Place, name: &str) -> PathBuf {
    let folder = from.home.path(name);
    let args = ["move", "export", "--to", &to.origin(), "--out", text(&folder)];
    at(from, key, &args).expect_success();
    folder
}

fn import(to: &Place, key: &Path, folder: &Path) -> Outcome {
    at(to, key, &["move", "import", text(folder)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_is_not_as_it_was_signed_is_brought_by_nobody() {
    let places = [(); 2].map(|()| Place::new(Backend::Sqlite));
    let nodes = places.each_ref().map(Place::up);
    let [old, new] = &places;
    let ada = with_everything(old, &nodes[0]);
    let (key, eve) = (ada.file.as_path(), old.home.key("eve.key"));
    at(old, &eve, &["login"]).expect_success();
    let folder = export_to(old, key, new, "moving");
    let was_changed = "was changed after it was signed";
    let other = changed(&folder, "export-changed", Path::new("export.json"), |text| {
        text.replace("Counts.", "Cheats.")
    });
    refused(&import(new, key, &other), was_changed);
    let work = std::fs::read_dir(folder.join("works"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let work = Path::new("works").join(work.file_name());
    let other = changed(&folder, "work-changed", &work, |text| text + "!");
    refused(&import(new, key, &other), was_changed);
    let other = changed(&folder, "list-changed", Path::new("bundle.json"), |text| {
        text.replace("0.50", "5.00")
    });
    refused(&import(new, key, &other), "not signed by its owner");
    let other = changed(&folder, "signed-by-another", Path::new("bundle.json"), |text| {
        let message: SignedMessage = serde_json::from_str(&text).unwrap();
        let secret = imajin_did::SecretKey::from_pkcs8_pem(&std::fs::read_to_string(&eve).unwrap()).unwrap();
        let now = Env::system().now();
        let by_eve = SignedMessage::sign(&secret, secret.did(), "move-bundle", message.to, now, message.payload);
        serde_json::to_string(&by_eve.unwrap()).unwrap()
    });
    refused(&import(new, &eve, &other), "nobody brings what is another's");
    refused(&import(new, &eve, &folder), "everybody brings their own");
    refused(&import(old, key, &folder), "export it for this one");
    refused(&import(new, key, &old.home.path("nothing")), "cannot be read");
    // Of none of them is anything at the new node.
    let found = get(new, &format!("/auth/api/lookup/{}", ada.did)).await;
    assert_eq!(found.status(), StatusCode::NOT_FOUND);
    let eves = [text(&folder), &new.origin()].map(str::to_owned);
    let out = at(old, &eve, &["move", "export", "--to", &eves[1], "--out", &eves[0]]);
    refused(&out, "choose another folder");
    let own = at(old, key, &["move", "export", "--to", &old.origin()]);
    refused(&own, "the node that you are at");
    nodes.into_iter().for_each(Node::stop);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_moves_twice_or_after_their_end() {
    let places = [(); 3].map(|()| Place::new(Backend::Sqlite));
    let nodes = places.each_ref().map(Place::up);
    let [old, new, other] = &places;
    let ada = Ada::registered(old, &nodes[0]);
    let key = ada.file.as_path();
    let (to_new, to_other) = (
        export_to(old, key, new, "to-new"),
        export_to(old, key, other, "to-other"),
    );
    import(new, key, &to_new).expect_success();
    refused(&import(other, key, &to_other), "nobody has two homes");
    let again = at(old, key, &["move", "export", "--to", &other.origin()]);
    refused(&again, "move on from there");
    let found = get(other, &format!("/auth/api/lookup/{}", ada.did)).await;
    assert_eq!(found.status(), StatusCode::NOT_FOUND, "nothing was brought");

    let bea = old.home.key("bea.key");
    at(old, &bea, &["login"]).expect_success();
    let folder = export_to(old, &bea, new, "beas");
    at(old, &bea, &["key", "deactivate", "--yes"]).expect_success();
    refused(&import(new, &bea, &folder), "ended by its owner");
    assert!(!at(old, &bea, &["move", "export", "--to", &new.origin()]).success);
    nodes.into_iter().for_each(Node::stop);
}

/// The old home does not answer, or does not talk to the new one: what is theirs is there, and it is repeated.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_interrupted_is_repeated() {
    let places = [(); 2].map(|()| Place::new(Backend::Sqlite));
    let [old, new] = &places;
    let (old_node, new_node) = (old.up(), new.up());
    let operator = old.home.key("operator.key");
    at(old, &operator, &["login", "--setup", &old_node.setup_token()]).expect_success();
    let ada = with_everything(old, &old_node);
    let key = ada.file.as_path();
    let folder = export_to(old, key, new, "moving");
    old_node.stop();
    let done = import(new, key, &folder);
    assert!(!done.success);
    assert_eq!((part(&done.json, "works"), &done.json["moved"]), ((1, 0), &Value::Null));
    assert!(
        done.json["notes"].to_string().contains("does not answer"),
        "{}",
        done.json
    );

    let old_node = old.up();
    let host = new.origin().replace("http://", "");
    at(old, &operator, &["peers", "block", &host, "--reason", "It lies."]).expect_success();
    let done = import(new, key, &folder);
    assert!(!done.success);
    assert_eq!(part(&done.json, "works"), (0, 1), "{}", done.json);
    let notes = done.json["notes"].to_string();
    assert!(notes.contains("does not talk to that one"), "{notes}");
    let found = json_of(old, "/auth/api/lookup/ada").await;
    assert_eq!(found["movedTo"], Value::Null);
    at(old, &operator, &["peers", "forget", &host]).expect_success();
    let done = import(new, key, &folder).expect_success();
    assert_eq!(done["moved"]["url"], json!(new.origin()), "{done}");
    for (place, node) in [(old, old_node), (new, new_node)] {
        node.stop();
        place.home.verify_clean();
    }
}
