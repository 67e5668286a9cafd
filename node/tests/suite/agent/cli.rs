use imajin_testkit::{Backend, on_both};

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

on_both!(a_node_registers_says_what_it_sent_and_leaves);
