//! Where one is signed in, at which applications, and under which handle: by command line, on both databases.

use imajin_testkit::Backend;
use serde_json::Value;

use crate::support::{Home, Node, Outcome, imajin, text};

fn own(node: &Node, key: &str, words: &[&str]) -> Outcome {
    let url = node.url();
    let (command, rest) = words.split_at(2);
    let mut all = command.to_vec();
    all.extend(["--node", &url, "--key", key]);
    all.extend(rest);
    imajin(&all)
}

fn sessions(node: &Node, key: &str) -> Vec<String> {
    let list = own(node, key, &["session", "list"]).expect_success();
    let sessions = list["sessions"].as_array().unwrap().iter();
    sessions
        .map(|session| session["id"].as_str().unwrap().to_owned())
        .collect()
}

fn sessions_are_listed_and_ended(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&[]);
    let (key, other) = (home.key("ada.key"), home.key("eve.key"));
    let (key, other) = (text(&key), text(&other));
    for key in [key, key, key, other] {
        imajin(&["login", "--node", &node.url(), "--key", key]).expect_success();
    }
    let living = sessions(&node, key);
    // The first login of each has registered them, which opens a session as well.
    assert_eq!((living.len(), sessions(&node, other).len()), (4, 2));
    let foreign = own(&node, other, &["session", "revoke", &living[0]]);
    assert!(
        !foreign.success && foreign.stderr.contains("no such session"),
        "{}",
        foreign.stderr
    );
    own(&node, key, &["session", "revoke", &living[0]]).expect_success();
    assert_eq!(sessions(&node, key), living[1..]);
    let ended = own(&node, key, &["session", "revoke", "--all"]).expect_success();
    assert_eq!(ended["ended"], 3);
    assert_eq!((sessions(&node, key).len(), sessions(&node, other).len()), (0, 2));
    let grants = own(&node, key, &["grant", "list"]).expect_success();
    assert_eq!(grants["grants"], Value::Array(Vec::new()));
    let absent = own(&node, key, &["grant", "revoke", "oic_00000000000000000000000000"]);
    assert!(
        !absent.success && absent.stderr.contains("consent"),
        "{}",
        absent.stderr
    );
    node.stop();
    home.verify_clean();
}

fn a_handle_is_changed_and_found(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&[]);
    let (key, other) = (home.key("ada.key"), home.key("eve.key"));
    let (key, other) = (text(&key), text(&other));
    for (key, handle) in [(key, "ada_l"), (other, "eve_l")] {
        imajin(&["login", "--node", &node.url(), "--key", key, "--handle", handle]).expect_success();
    }
    own(&node, key, &["profile", "set", "--name", "Ada"]).expect_success();
    let named = own(&node, key, &["profile", "handle", "@countess"]).expect_success();
    assert_eq!(named["handle"], "countess");
    let found = |word: &str| {
        let page = imajin(&["profile", "search", "--node", &node.url(), word]).expect_success();
        page["profiles"].as_array().unwrap().len()
    };
    assert_eq!(
        (found("countess"), found("ada_l")),
        (1, 0),
        "the search follows at once"
    );
    imajin(&["profile", "show", "--node", &node.url(), "countess"]).expect_success();
    assert!(!imajin(&["profile", "show", "--node", &node.url(), "ada_l"]).success);
    let taken = own(&node, other, &["profile", "handle", "ada_l"]);
    assert!(!taken.success && taken.stderr.contains("taken"), "{}", taken.stderr);
    let soon = own(&node, key, &["profile", "handle", "--none"]);
    assert!(
        !soon.success && soon.stderr.contains("once in seven days"),
        "{}",
        soon.stderr
    );
    node.stop();
    home.verify_clean();
}

#[test]
fn sessions_are_listed_and_ended_on_sqlite() {
    sessions_are_listed_and_ended(Backend::Sqlite);
}

#[test]
fn sessions_are_listed_and_ended_on_postgres() {
    sessions_are_listed_and_ended(Backend::Postgres);
}

#[test]
fn a_handle_is_changed_and_found_on_sqlite() {
    a_handle_is_changed_and_found(Backend::Sqlite);
}

#[test]
fn a_handle_is_changed_and_found_on_postgres() {
    a_handle_is_changed_and_found(Backend::Postgres);
}
