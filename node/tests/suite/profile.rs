//! Profiles by command line, on both databases.

use std::path::PathBuf;

use base64::Engine as _;
use imajin_testkit::Backend;
use serde_json::Value;

use crate::processes::{Ports, node_did, remote};
use crate::support::{Home, Node, Outcome, imajin, text};

/// A PNG of 96 × 64 pixels.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAGAAAABACAIAAABqVuVZAAAArklEQVR42u3QQQ3DAAwEwcAxiEAoAisQAqEQCqEQ+i\
        zAkLiHZY20AFZz/M+OVKGm/RyAAAECBAgQoL1Ar45Uoab9AAIECBAgQIAWA10dqUJN+wEECBAgQIAALQa6O1KFmvYD\
        CBAgQIAAAVoM9O5IFWraDyBAgAABAgRoMdCnI1WoaT+AAAECBAgQoMVA345Uoab9AAIECBAgQIAWA/06UoWa9gMIEC\
        BAgAABWgv0AAPiobSo7x5lAAAAAElFTkSuQmCC";

/// A picture in a file.
pub(crate) fn picture_file(home: &Home) -> PathBuf {
    let path = home.path("picture.png");
    let bytes = base64::engine::general_purpose::STANDARD.decode(PICTURE).unwrap();
    std::fs::write(&path, bytes).unwrap();
    path
}

fn profile(node: &Node, key: &str, args: &[&str]) -> Outcome {
    let url = node.url();
    let mut all = vec!["profile", args[0], "--node", &url];
    if !key.is_empty() {
        all.extend(["--key", key]);
    }
    all.extend(&args[1..]);
    imajin(&all)
}

fn the_life_of_a_profile(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&["--demo"]);
    let (key, other) = (home.key("ada.key"), home.key("ben.key"));
    let (key, other) = (text(&key), text(&other));
    for (key, handle) in [(key, "ada"), (other, "ben")] {
        imajin(&["login", "--node", &node.url(), "--key", key, "--handle", handle]).expect_success();
    }
    let fresh = profile(&node, key, &["show"]).expect_success();
    assert_eq!(fresh["version"], 0);
    let made = profile(
        &node,
        key,
        &[
            "set",
            "--name",
            "Ada Lindqvist",
            "--bio",
            "Sings.",
            "--link",
            "Home=https://ada.example/",
            "--email",
            "ada@example.org",
            "--phone",
            "123",
            "--private",
            "phone",
        ],
    );
    let made = made.expect_success();
    assert_eq!(
        (&made["version"], &made["contact"]["phone"]["visibility"]),
        (&1.into(), &"nobody".into())
    );
    let changed = profile(&node, key, &["set", "--bio", "Sings and paints."]).expect_success();
    assert_eq!(changed["displayName"], "Ada Lindqvist", "what is not named stays");
    assert_eq!(changed["links"][0]["label"], "Home");

    picture_set(&home, &node, key);
    others_see(&node, other, made["did"].as_str().unwrap());
    export(&home, &node, key);

    assert!(!profile(&node, key, &["delete"]).success, "not without --yes");
    profile(&node, key, &["delete", "--yes"]).expect_success();
    let gone = profile(&node, "", &["show", "ada"]);
    assert!(
        !gone.success && gone.stderr.contains("deleted by its owner"),
        "{}",
        gone.stderr
    );
    node.stop();
    home.verify_clean();
}

fn picture_set(home: &Home, node: &Node, key: &str) {
    let picture = picture_file(home);
    let with_picture = profile(node, key, &["avatar", text(&picture)]).expect_success();
    assert!(with_picture["avatar"].as_str().unwrap().ends_with("/256.jpg"));
    let script = home.path("picture.svg");
    std::fs::write(
        &script,
        "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
    )
    .unwrap();
    let refused = profile(node, key, &["avatar", text(&script)]);
    assert!(
        !refused.success && refused.stderr.contains("they can hold scripts"),
        "{}",
        refused.stderr
    );
}

/// What everybody and what another person see.
fn others_see(node: &Node, other: &str, did: &str) {
    for (reader, id) in [("", "ada"), (other, "ada"), ("", did)] {
        let seen = profile(node, reader, &["show", id]).expect_success();
        assert_eq!(
            (&seen["displayName"], &seen["handle"]),
            (&"Ada Lindqvist".into(), &"ada".into())
        );
        assert_eq!(seen["contact"], Value::Null, "contact fields are not for others");
    }
    let found = profile(node, "", &["search", "LIND"]).expect_success();
    assert_eq!(found["profiles"][0]["handle"], "ada");
}

fn export(home: &Home, node: &Node, key: &str) {
    let grant = [
        "consent",
        "give",
        "--to",
        "anyone",
        "--purpose",
        "directory",
        "--field",
        "profile.name",
    ];
    let who = ["--node", &node.url(), "--key", key];
    imajin(&[&grant[..], &who[..]].concat()).expect_success();
    let out = home.path("export.json");
    let exported = profile(node, key, &["export", "--out", text(&out)]).expect_success();
    assert_eq!(exported["complete"], true);
    let export: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(
        export["data"]["profile"]["contact"]["email"]["value"],
        "ada@example.org"
    );
    assert_eq!(export["data"]["account"]["identity"]["handle"], "ada");
    let account = &export["data"]["account"];
    assert_eq!(account["devices"]["devices"].as_array().unwrap().len(), 1);
    assert!(account["sessions"][0]["lastSeenAt"].is_string() && account["grants"].is_array());
    assert!(account["keyLog"]["entries"].is_array() && account["passkeys"].is_array());
    let lists = [
        "attestationsGiven",
        "attestationsReceived",
        "balances",
        "receipts",
        "events",
        "orders",
        "tickets",
        "consentUses",
        "useRecords",
        "questionsAsked",
    ];
    for list in lists {
        assert!(export["data"][list].is_array(), "{list}");
    }
    let grant = &export["data"]["consentGrants"][0]["grant"];
    assert_eq!(grant["payload"]["grantedTo"], "anyone", "{grant:#}");
    assert!(grant["signature"].is_string());
    assert!(
        !profile(node, key, &["export", "--out", text(&out)]).success,
        "no file is overwritten"
    );
}

/// Auth, pay, events and the pages in one process, profiles in another: pictures, pages and the export cross over.
fn profiles_elsewhere(backend: Backend) {
    let (front_home, back_home) = (Home::new(backend), Home::new(backend));
    let (front_ports, back_ports) = (Ports::free(), Ports::free());
    let (front_did, back_did) = (node_did(&front_home), node_did(&back_home));
    let common = |ports: &Ports, services: &str| {
        format!(
            "services = [{services}]\npublic_url = \"http://127.0.0.1:{}/\"\ninternal_listen = \"127.0.0.1:{}\"\n",
            front_ports.public, ports.internal
        )
    };
    let front = common(&front_ports, r#""auth", "pay", "events", "query", "www""#);
    front_home.configure(&format!("{front}{}", remote("profile", &back_ports, &back_did)));
    let others = ["auth", "pay", "events", "query"].map(|service| remote(service, &front_ports, &front_did));
    back_home.configure(&format!("{}{}", common(&back_ports, r#""profile""#), others.concat()));
    let front = front_home.up(&["--listen", &format!("127.0.0.1:{}", front_ports.public)]);
    let back = back_home.up(&["--listen", &format!("127.0.0.1:{}", back_ports.public)]);

    let key = front_home.key("ada.key");
    let key = text(&key);
    imajin(&["login", "--node", &front.url(), "--key", key, "--handle", "ada"]).expect_success();
    profile(&front, key, &["set", "--name", "Ada", "--email", "ada@example.org"]).expect_success();
    let picture = picture_file(&front_home);
    let view = profile(&front, key, &["avatar", text(&picture)]).expect_success();
    assert!(
        view["avatar"]
            .as_str()
            .unwrap()
            .starts_with(front.url().trim_end_matches('/'))
    );
    export(&front_home, &front, key);
    // Auth, in the other process, knows where the picture is and says that the handle has changed.
    let lookup = std::process::Command::new("curl")
        .args([
            "-s",
            &format!("{}/auth/api/lookup/ada", front.url().trim_end_matches('/')),
        ])
        .output()
        .unwrap();
    let lookup: Value = serde_json::from_slice(&lookup.stdout).unwrap();
    assert_eq!(lookup["avatarUrl"], view["avatar"]);
    profile(&front, key, &["handle", "countess"]).expect_success();
    let found = profile(&front, "", &["search", "countess"]).expect_success();
    assert_eq!(found["profiles"][0]["displayName"], "Ada", "the search follows at once");
    let found = profile(&front, "", &["search", "ada"]).expect_success();
    assert_eq!(found["profiles"][0]["displayName"], "Ada");
    let page = std::process::Command::new("curl")
        .args(["-s", &format!("{}/p/countess", front.url().trim_end_matches('/'))])
        .output()
        .unwrap();
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(
        page.contains("<h1>Ada</h1>") && page.contains("/profile/api/avatars/"),
        "{page}"
    );

    back.stop();
    let away = profile(&front, "", &["show", "countess"]);
    assert!(
        !away.success && away.stderr.contains("not available right now"),
        "{}",
        away.stderr
    );
    front.stop();
    for home in [front_home, back_home] {
        home.verify_clean();
    }
}

#[test]
fn profiles_in_another_process_on_sqlite() {
    profiles_elsewhere(Backend::Sqlite);
}

#[test]
fn profiles_in_another_process_on_postgres() {
    profiles_elsewhere(Backend::Postgres);
}

#[test]
fn the_life_of_a_profile_on_sqlite() {
    the_life_of_a_profile(Backend::Sqlite);
}

#[test]
fn the_life_of_a_profile_on_postgres() {
    the_life_of_a_profile(Backend::Postgres);
}
