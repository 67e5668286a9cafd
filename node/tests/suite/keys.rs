//! Keys by command line: rotation, recovery, devices, logs, and each command with a wrong input.

use std::path::Path;

use imajin_testkit::Backend;
use serde_json::Value;

use crate::support::{Home, Node, Outcome, event_find, imajin, text};

/// A key file and the words of its recovery key.
fn key_new(home: &Home, name: &str) -> (std::path::PathBuf, String) {
    let path = home.path(name);
    let made = imajin(&["key", "new", "--out", text(&path)]).expect_success();
    (path, made["recoveryWords"].as_str().unwrap().to_owned())
}

fn at(node: &Node, args: &[&str]) -> Outcome {
    let url = node.url();
    let mut all = args.to_vec();
    all.extend(["--node", &url]);
    imajin(&all)
}

fn login(node: &Node, key: &Path) -> Outcome {
    at(node, &["login", "--key", text(key)])
}

fn did_of(key: &Path) -> String {
    let shown = imajin(&["key", "show", text(key)]).expect_success();
    shown["did"].as_str().unwrap().to_owned()
}

/// Refused, in one line.
#[track_caller]
fn assert_one_line(outcome: &Outcome, part: &str) {
    assert!(!outcome.success, "{}", outcome.json);
    assert_eq!(outcome.stderr.trim_end().lines().count(), 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(part), "{} lacks {part}", outcome.stderr);
}

fn a_key_is_replaced(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&["--demo"]);
    let (key, _words) = key_new(&home, "ada.key");
    let old = home.path("old.key");
    std::fs::copy(&key, &old).unwrap();
    login(&node, &key).expect_success();
    let did = did_of(&key);
    let log = at(&node, &["key", "log", &did]).expect_success();
    assert_eq!(
        log["entries"].as_array().unwrap().len(),
        1,
        "logging in has published the first entry"
    );
    let next = std::fs::read(home.path("ada.key.next")).unwrap();

    let rotated = at(&node, &["key", "rotate", "--key", text(&key)]).expect_success();
    assert_eq!(rotated["did"], did.as_str());
    assert_eq!(
        std::fs::read(&key).unwrap(),
        next,
        "the key that was kept back is the key now"
    );
    assert_ne!(std::fs::read(home.path("ada.key.next")).unwrap(), next);
    assert_eq!(did_of(&key), did);
    let again = login(&node, &key).expect_success();
    assert_eq!(
        (again["did"].as_str(), again["created"].as_bool()),
        (Some(did.as_str()), Some(false))
    );
    assert_one_line(&login(&node, &old), "bad_signature");
    at(&node, &["key", "rotate", "--key", text(&key)]).expect_success();

    // What the new key signs is found right by `imajin verify`, in every service.
    let event = event_find(&node, "10.00");
    at(
        &node,
        &[
            "ticket",
            "buy",
            "--key",
            text(&key),
            "--event",
            event["id"].as_str().unwrap(),
        ],
    )
    .expect_success();
    let verdict = at(&node, &["key", "verify", &did]).expect_success();
    assert_eq!(
        (&verdict["valid"], &verdict["entries"]),
        (&Value::Bool(true), &Value::from(3))
    );
    let file = home.path("log.json");
    let log = at(&node, &["key", "log", &did]).expect_success();
    std::fs::write(&file, log.to_string()).unwrap();
    node.stop();
    let offline = imajin(&["key", "verify", text(&file)]).expect_success();
    assert_eq!(offline["state"], verdict["state"]);
    let tampered = log.to_string().replacen("\"seq\":1", "\"seq\":2", 1);
    std::fs::write(&file, tampered).unwrap();
    assert_one_line(&imajin(&["key", "verify", text(&file)]), "does not verify");
    home.verify_clean();
}

#[test]
fn a_key_is_replaced_on_sqlite() {
    a_key_is_replaced(Backend::Sqlite);
}

#[test]
fn a_key_is_replaced_on_postgres() {
    a_key_is_replaced(Backend::Postgres);
}

#[test]
fn the_words_take_the_identity_back_from_a_thief() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let (key, words) = key_new(&home, "ada.key");
    login(&node, &key).expect_success();
    let did = did_of(&key);
    for name in ["ada.key", "ada.key.next", "ada.key.json"] {
        let text = std::fs::read_to_string(home.path(name)).unwrap();
        assert!(
            words
                .split(' ')
                .take(3)
                .all(|word| !text.contains(&format!(" {word} "))),
            "{name}"
        );
    }
    // The thief has the folder.
    at(&node, &["key", "rotate", "--key", text(&key)]).expect_success();
    let file = home.path("words");
    std::fs::write(&file, format!("  {}\n", words.to_uppercase())).unwrap();
    let new = home.path("new.key");
    let recover = |words: &Path| {
        at(
            &node,
            &[
                "key",
                "recover",
                "--identity",
                &did,
                "--out",
                text(&new),
                "--words",
                text(words),
            ],
        )
    };
    let wrong = home.path("wrong");
    std::fs::write(&wrong, words.rsplit_once(' ').unwrap().0).unwrap();
    assert_one_line(&recover(&wrong), "24 words");
    let (_other, others) = key_new(&home, "eve.key");
    std::fs::write(&wrong, others).unwrap();
    assert_one_line(&recover(&wrong), "no recovery key of this identity");
    assert!(!new.exists());
    let recovered = recover(&file).expect_success();
    assert_ne!(
        recovered["recoveryWords"].as_str().unwrap(),
        words,
        "the old words were typed in"
    );
    assert_one_line(&login(&node, &key), "bad_signature");
    assert_eq!(login(&node, &new).expect_success()["did"], did.as_str());
    assert_one_line(&recover(&file), "exists already");
    node.stop();
    home.verify_clean();
}

#[test]
fn a_device_is_let_in_and_another_is_sent_away() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let (phone, _words) = key_new(&home, "phone.key");
    at(&node, &["login", "--key", text(&phone), "--handle", "ada"]).expect_success();
    let tablet = home.path("tablet.key");
    imajin(&["key", "new", "--device", "--out", text(&tablet)]).expect_success();
    let ask = || {
        let args = [
            "key",
            "devices",
            "ask",
            "--key",
            text(&tablet),
            "--identity",
            "ada",
            "--name",
            "Tablet",
        ];
        let asked = at(&node, &args).expect_success();
        let member = |name: &str| asked[name].as_str().unwrap().to_owned();
        (member("code"), member("requestId"))
    };
    let decide = |verb: &str, code: &str| at(&node, &["key", "devices", verb, "--key", text(&phone), "--code", code]);
    let status = |id: &str| {
        at(
            &node,
            &["key", "devices", "status", "--key", text(&tablet), "--request", id],
        )
    };
    let (code, id) = ask();
    assert_one_line(&decide("approve", "AAAA-AAAA"), "no device with this code");
    decide("refuse", &code).expect_success();
    assert!(!status(&id).success, "it was sent away");
    let (code, id) = ask();
    assert_eq!(status(&id).expect_success()["status"], "pending");
    decide("approve", &code.to_lowercase().replace('-', "")).expect_success();
    assert_eq!(status(&id).expect_success()["status"], "approved");
    let did = did_of(&phone);
    assert_eq!(login(&node, &tablet).expect_success()["did"], did.as_str());
    let listed = at(&node, &["key", "devices", "list", "--key", text(&tablet)]).expect_success();
    let devices = listed["devices"].as_array().unwrap();
    assert_eq!(
        (&devices[1]["name"], &devices[1]["current"]),
        (&Value::from("Tablet"), &Value::Bool(true))
    );
    let key = devices[1]["key"].as_str().unwrap();
    at(
        &node,
        &[
            "key",
            "devices",
            "rename",
            "--key",
            text(&phone),
            "--device",
            key,
            "--name",
            "Kitchen",
        ],
    )
    .expect_success();
    // The tablet can let others in, and take nothing away.
    assert_one_line(&at(&node, &["key", "rotate", "--key", text(&tablet)]), "kept back");
    at(&node, &["key", "rotate", "--key", text(&phone), "--remove", key]).expect_success();
    assert_one_line(&login(&node, &tablet), "bad_signature");
    node.stop();
    home.verify_clean();
}

#[test]
fn an_identity_ends_when_its_owner_means_it() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let (key, _words) = key_new(&home, "ada.key");
    login(&node, &key).expect_success();
    let end = |more: &[&str]| {
        let mut args = vec!["key", "deactivate", "--key", text(&key)];
        args.extend(more);
        at(&node, &args)
    };
    assert_one_line(&end(&[]), "--yes");
    end(&["--yes"]).expect_success();
    assert_one_line(&login(&node, &key), "gone");
    node.stop();
    home.verify_clean();
}

#[test]
fn wrong_inputs_are_refused_in_one_line() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let (key, _words) = key_new(&home, "ada.key");
    assert_one_line(&imajin(&["key", "new", "--out", text(&key)]), "exists already");
    assert_one_line(&at(&node, &["key", "log", "nobody_here"]), "not_found");
    assert_one_line(&at(&node, &["key", "verify", "did:mjn:zNonsense"]), "not_found");
    assert_one_line(&imajin(&["key", "verify", text(&key)]), "is no key log");
    login(&node, &key).expect_success();
    std::fs::rename(home.path("ada.key.next"), home.path("elsewhere")).unwrap();
    let rotate = |more: &[&str]| {
        let mut args = vec!["key", "rotate", "--key", text(&key)];
        args.extend(more);
        at(&node, &args)
    };
    assert_one_line(&rotate(&[]), "--next");
    assert_one_line(&rotate(&["--next", text(&key)]), "another one");
    let elsewhere = home.path("elsewhere");
    assert_one_line(
        &rotate(&["--next", text(&elsewhere), "--remove", "z6Mk"]),
        "no key of this identity",
    );
    rotate(&["--next", text(&elsewhere)]).expect_success();
    assert_one_line(
        &at(
            &node,
            &["key", "devices", "approve", "--key", text(&key), "--code", "x"],
        ),
        "no device",
    );
    node.stop();
    home.verify_clean();
}

#[test]
fn a_key_without_recovery_says_so_by_having_no_words() {
    let home = Home::new(Backend::Sqlite);
    let path = home.path("plain.key");
    let made = imajin(&["key", "new", "--no-recovery", "--out", text(&path)]).expect_success();
    assert!(made.get("recoveryWords").is_none());
    let node = home.up(&[]);
    login(&node, &path).expect_success();
    let log = at(&node, &["key", "log", &did_of(&path)]).expect_success();
    assert_eq!(log["entries"][0]["recovery"], Value::Null);
    node.stop();
}
