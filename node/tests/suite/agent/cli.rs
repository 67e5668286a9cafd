use imajin_testkit::{Backend, on_both};

use super::http;
use crate::support::{Home, imajin, text};

/// What a person reads when a command fails.
fn refused(home: &Home, registry: &str, name: &str) -> String {
    let data = home.data();
    let args = [
        "node",
        "register",
        "--data",
        text(&data),
        "--registry",
        registry,
        "--name",
        name,
    ];
    let outcome = imajin(&args);
    let refusal = outcome.refusal();
    assert_eq!(outcome.stderr.trim().lines().count(), 1, "{}", outcome.stderr);
    refusal.to_string()
}

async fn a_node_registers_says_what_it_sent_and_leaves(backend: Backend) {
    let (registry_home, home) = (Home::new(backend), Home::new(backend));
    let registry = registry_home.up(&[]);
    let url = format!("{}/registry", registry.url());
    let data = home.data();
    let data = text(&data);
    imajin(&["node", "init", "--data", data]).expect_success();

    let nowhere = imajin(&["node", "register", "--data", data, "--name", "alice"]);
    assert!(
        nowhere.refusal().to_string().contains("--registry"),
        "{}",
        nowhere.stderr
    );
    assert!(refused(&home, "ftp://registry.example", "alice").contains("no address of a registry"));
    assert!(refused(&home, &url, "Alice!").contains("hostname"));
    assert!(refused(&home, &url, "admin").contains("reserved"));
    assert!(refused(&home, "http://127.0.0.1:9/registry", "alice").contains("cannot be reached"));

    imajin(&[
        "node",
        "register",
        "--data",
        data,
        "--registry",
        &url,
        "--name",
        "alice",
    ])
    .expect_success();
    // The registry is known now, and the name can be changed without naming it.
    let renamed = imajin(&["node", "register", "--data", data, "--name", "alice-b"]).expect_success();
    assert_eq!(renamed["hostname"], "alice-b");
    let sent = imajin(&["node", "attest", "--data", data]).expect_success();
    assert_eq!(sent["attestation"]["hostname"], "alice-b");
    assert_eq!(sent["registries"][0]["build"], "reported");
    assert_eq!(sent["registries"][0]["attestedBuild"], sent["attestation"]["buildHash"]);

    let status = imajin(&["node", "status", "--data", data]).expect_success();
    assert_eq!(status["registrations"][0]["registry"], url.as_str());
    imajin(&["node", "leave", "--data", data, "--registry", &url]).expect_success();
    let again = imajin(&["node", "leave", "--data", data, "--registry", &url]);
    assert!(
        again.refusal().to_string().contains("not registered with"),
        "{}",
        again.stderr
    );
    registry.stop();
}

/// Runs `imajin node key …` on a data directory.
fn key(data: &str, args: &[&str]) -> serde_json::Value {
    let all: Vec<&str> = ["node", "key"].iter().chain(args).copied().collect();
    imajin(&[&all[..], &["--data", data]].concat()).expect_success()
}

/// The data directory is gone; the words are not.
async fn recover(
    home: &Home,
    new_data: &str,
    url: &str,
    [next, words]: [&str; 2],
    lookup: &impl AsyncFn() -> (serde_json::Value, serde_json::Value),
) {
    let first = lookup().await;
    imajin(&["node", "init", "--data", new_data]).expect_success();
    let did = first.0.as_str().unwrap();
    let recover = [
        "recover",
        "--identity",
        did,
        "--registry",
        url,
        "--next",
        next,
        "--words",
        words,
    ];
    let recovered = key(new_data, &recover);
    assert_eq!(recovered["did"], first.0);
    assert_eq!(recovered["registries"][0]["hostname"], "alice");
    assert_eq!(recovered["registries"][0]["lastError"], serde_json::Value::Null);
    assert_eq!(lookup().await, first);
    assert_eq!(key(new_data, &["show"])["publicKey"], recovered["publicKey"]);
    let before = refused(home, url, "alice-b");
    assert!(before.contains("does not list that key"), "{before}");
    imajin(&["node", "register", "--data", new_data, "--name", "alice-c"]).expect_success();
    // The words have done their work, and new ones were given out.
    let used = imajin(&[&["node", "key"][..], &recover, &["--data", new_data]].concat());
    assert!(used.refusal().to_string().contains("exists already"), "{}", used.stderr);
}

async fn a_name_outlives_the_keys_of_its_node(backend: Backend) {
    let (registry_home, home, new_home) = (Home::new(backend), Home::new(backend), Home::new(backend));
    let registry = registry_home.up(&[]);
    let url = format!("{}/registry", registry.url());
    let data = home.data();
    let data = text(&data);
    let folder = tempfile::tempdir().unwrap();
    let [next, next_two, words] = ["next.key", "next-two.key", "words"].map(|name| folder.path().join(name));
    let (next, next_two) = (text(&next), text(&next_two));
    imajin(&["node", "init", "--data", data]).expect_success();
    let unprotected = imajin(&["node", "key", "rotate", "--data", data, "--next", next]);
    assert!(
        unprotected.refusal().to_string().contains("no key log"),
        "{}",
        unprotected.stderr
    );
    imajin(&[
        "node",
        "register",
        "--data",
        data,
        "--registry",
        &url,
        "--name",
        "alice",
    ])
    .expect_success();
    let lookup = async || {
        let url = format!("{url}/api/node/lookup/alice").parse().unwrap();
        let client = http();
        let answer = client.send(http::Method::GET, url, http::HeaderMap::new(), Vec::new());
        let found: serde_json::Value = answer.await.unwrap().json().unwrap();
        (found["nodeId"].clone(), found["status"].clone())
    };
    let first = lookup().await;

    let protected = key(data, &["protect", "--next", next]);
    assert_eq!(protected["did"], first.0);
    std::fs::write(&words, protected["recoveryWords"].as_str().unwrap()).unwrap();
    let again = imajin(&["node", "key", "protect", "--data", data, "--next", next_two]);
    assert!(again.refusal().to_string().contains("already"), "{}", again.stderr);
    let old = std::fs::read(home.data().join("registration.key")).unwrap();
    let rotated = key(data, &["rotate", "--next", next]);
    assert_eq!(rotated["did"], protected["did"]);
    assert_ne!(rotated["publicKey"], protected["publicKey"]);
    assert_eq!(rotated["registries"][0]["lastError"], serde_json::Value::Null);
    assert_eq!(lookup().await, first);

    // A thief of the old key.
    let stolen = std::fs::read(home.data().join("registration.key")).unwrap();
    std::fs::write(home.data().join("registration.key"), old).unwrap();
    let thief = refused(&home, &url, "alice-b");
    assert!(thief.contains("replaced"), "{thief}");
    std::fs::write(home.data().join("registration.key"), stolen).unwrap();

    let new_data = new_home.data();
    recover(&home, text(&new_data), &url, [next_two, text(&words)], &lookup).await;
    registry.stop();
    let verified = registry_home.verify().expect_success();
    assert_eq!(verified["findings"], serde_json::json!([]));
}

on_both!(
    a_name_outlives_the_keys_of_its_node,
    a_node_registers_says_what_it_sent_and_leaves,
);
