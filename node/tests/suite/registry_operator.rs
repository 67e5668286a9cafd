//! What the operator of a registry does at the command line.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::support::{Home, Outcome, free_address, imajin, text};

/// The makers release the program that this test runs, and the registry trusts them from then on. Gives the release and
/// the makers' key.
fn released(home: &Home, url: &str, run: impl Fn(&[&str]) -> Outcome) -> (Value, String) {
    let makers = home.key("makers.key");
    let program = format!("here={}", env!("CARGO_BIN_EXE_imajin"));
    let sign = [
        "registry",
        "release",
        "sign",
        "--version",
        env!("CARGO_PKG_VERSION"),
        "--key",
        text(&makers),
        &program,
    ];
    let release = imajin(&sign).expect_success();
    let file = home.path("release.json");
    std::fs::write(&file, release.to_string()).unwrap();
    let add = ["registry", "release", "add", "--node", url, text(&file)];
    assert!(imajin(&add).refusal().to_string().contains("release key"));
    let multikey = imajin(&["key", "show", text(&makers)]).expect_success()["publicKeyMultibase"].clone();
    let multikey = multikey.as_str().unwrap();
    run(&["registry", "release-key", "add", multikey, "--name", "makers"]).expect_success();
    imajin(&add).expect_success();
    (release, multikey.to_owned())
}

async fn the_operator_looks_after_the_registry(backend: Backend) {
    let (home, other) = (Home::new(backend), Home::new(Backend::Sqlite));
    let node = home.up(&[]);
    let url = node.url();
    let [operator, stranger] = ["operator", "stranger"].map(|name| home.key(&format!("{name}.key")));
    let run = |arguments: &[&str], key: &Path| imajin(&[arguments, &["--node", &url, "--key", text(key)]].concat());
    run(&["login", "--setup", &node.setup_token()], &operator).expect_success();
    run(&["login"], &stranger).expect_success();
    let data = other.data();
    let data = text(&data);
    let did = imajin(&["node", "init", "--data", data]).expect_success()["did"].clone();
    let did = did.as_str().unwrap();
    let registry = format!("{url}/registry");
    let register = || {
        let args = [
            "node",
            "register",
            "--data",
            data,
            "--registry",
            &registry,
            "--name",
            "alice",
        ];
        imajin(&args)
    };
    assert_eq!(register().expect_success()["status"], "pending");

    let refused = run(&["registry", "revoke", did, "--reason", "why not"], &stranger);
    assert!(refused.refusal().to_string().contains("perator"), "{}", refused.stderr);
    run(&["registry", "revoke", did, "--reason", "it was sold"], &operator).expect_success();
    assert!(register().refusal().to_string().contains("it was sold"));
    let console = run(&["registry", "status"], &operator).expect_success();
    assert_eq!(console["revoked"][0]["revokedReason"], "it was sold");
    run(&["registry", "reinstate", did], &operator).expect_success();

    let resume = [
        "registry",
        "directory",
        "resume",
        "--from",
        "http://127.0.0.1:9/registry",
    ];
    assert!(run(&resume, &stranger).refusal().to_string().contains("perator"));
    let refused = run(&resume, &operator).refusal().to_string();
    assert!(
        refused.contains("does not show the directory of this registry"),
        "{refused}"
    );

    let (release, multikey) = released(&home, &url, |arguments| run(arguments, &operator));
    assert_eq!(register().expect_success()["status"], "verified");
    let hash = release["payload"]["builds"][0]["buildHash"].as_str().unwrap();
    run(&["registry", "build", "deprecate", hash, "--reason", "old"], &operator).expect_success();
    let retire = ["registry", "release-key", "retire", &multikey, "--reason", "lost"];
    run(&retire, &operator).expect_success();
    let console: Value = run(&["registry", "status"], &operator).expect_success();
    let build = &console["builds"][0];
    assert_eq!(
        (&build["status"], &build["standing"]),
        (&json!("reported"), &json!("deprecated"))
    );
    run(&["registry", "build", "approve", hash, "--reason", "ours"], &operator).expect_success();
    for command in ["sweep", "republish", "retry"] {
        let done = run(&["registry", "names", command], &operator).expect_success();
        assert!(done["names"].is_u64(), "{done}");
    }
    node.stop();
    home.verify_clean();
}

on_both!(the_operator_looks_after_the_registry);

/// What a registry service shows of a registry's directory, once it has this number.
fn shown(source: &str, registry: &str, seq: u64) -> Value {
    let started = Instant::now();
    loop {
        let shown = imajin(&["directory", "verify", source, "--registry", registry]);
        let head = shown.json["head"]["payload"].clone();
        if head["seq"].as_u64().is_some_and(|shown| shown >= seq) {
            return head;
        }
        assert!(
            started.elapsed() < Duration::from_mins(1),
            "{}{}",
            shown.json,
            shown.stderr
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn copy_folder(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

/// Prepares a node that does not run, and gives what registers it.
fn registering(home: &Home, registry: &str, name: &'static str) -> impl Fn() -> Value {
    let (data, registry) = (text(&home.data()).to_owned(), registry.to_owned());
    imajin(&["node", "init", "--data", &data]).expect_success();
    move || {
        let args = ["--data", &data, "--registry", &registry, "--name", name];
        imajin(&[&["node", "register"], &args[..]].concat()).expect_success()
    }
}

/// The folder is copied while the node is down, and put back after the node has gone on.
#[tokio::test]
async fn a_registry_whose_folder_was_restored_tells_no_second_story() {
    let [home, keeper, alice, bob] = [(); 4].map(|()| Home::new(Backend::Sqlite));
    let [listen, kept] = [(); 2].map(|()| free_address().to_string());
    let mut node = home.up(&["--listen", &listen]);
    let (url, operator) = (node.url(), home.key("operator.key"));
    let (registry, copy) = (format!("{url}/registry"), format!("http://{kept}/registry"));
    let run = |arguments: &[&str]| imajin(&[arguments, &["--node", &url, "--key", text(&operator)]].concat());
    run(&["login", "--setup", &node.setup_token()]).expect_success();
    let did = node.banner()["did"].as_str().unwrap().to_owned();
    let (alice, bob) = (
        registering(&alice, &registry, "alice"),
        registering(&bob, &registry, "bob"),
    );
    alice();
    let before = shown(&registry, &did, 2)["seq"].as_u64().unwrap();
    node.end();
    copy_folder(&home.data(), &home.path("backup"));

    let mut node = home.up(&["--listen", &listen]);
    bob();
    let after = shown(&registry, &did, before + 1);
    keeper.configure(&format!("[mirrors.central]\ndid = \"{did}\"\nurl = \"{registry}\""));
    let mut keeping = keeper.up(&["--listen", &kept]);
    assert_eq!(shown(&copy, &did, before + 1), after);
    node.end();
    std::fs::rename(home.data(), home.path("lost")).unwrap();
    copy_folder(&home.path("backup"), &home.data());
    home.configure(&format!("[registry_service]\ncopies = [\"{copy}\"]"));

    let mut node = home.up(&["--listen", &listen]);
    alice();
    std::thread::sleep(Duration::from_secs(6));
    let console = run(&["registry", "status"]).expect_success();
    assert_eq!(console["directory"]["shown"], after["seq"], "{console}");
    assert_eq!(shown(&registry, &did, 1)["seq"], before);
    let resumed = run(&["registry", "directory", "resume", "--from", &copy]).expect_success();
    assert_eq!(resumed["seq"], after["seq"], "{resumed}");
    let renewed = shown(&registry, &did, after["seq"].as_u64().unwrap() + 1);
    // Whom the backup does not know is taken again now.
    bob();
    let newest = shown(&registry, &did, renewed["seq"].as_u64().unwrap() + 1);
    // The copy goes on; it is asked again after a start.
    keeping.end();
    let mut keeping = keeper.up(&["--listen", &kept]);
    assert_eq!(shown(&copy, &did, newest["seq"].as_u64().unwrap()), newest);
    let copies = imajin(&["directory", "list", "--node", &keeping.url()]).expect_success();
    assert_eq!(copies[0]["lies"], json!([]), "{copies}");
    keeping.end();
    node.end();
    home.verify_clean();
    keeper.verify_clean();
}
