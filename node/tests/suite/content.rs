//! Works that are read for money, with the command line alone: published, topped up for, bought, read, withdrawn.

use std::path::Path;

use imajin_testkit::{Backend, on_both};
use serde_json::Value;

use crate::fair_library::register;
use crate::support::{Home, Node, Outcome, imajin, text};

fn run(node: &Node, key: &Path, args: &[&str]) -> Outcome {
    let url = node.url();
    let mut all = args.to_vec();
    all.extend(["--node", &url, "--key", text(key)]);
    imajin(&all)
}

fn balance(node: &Node, key: &Path) -> Value {
    let balances = run(node, key, &["balance"]).expect_success();
    balances["balances"][0]["balance"]["amount"].clone()
}

/// A work of 2.5 MiB, so that it takes three parts.
fn file_of(home: &Home) -> (std::path::PathBuf, Vec<u8>) {
    let bytes: Vec<u8> = (0..2_621_440_u32).map(|n| u8::try_from(n % 247).unwrap()).collect();
    let path = home.path("recording.wav");
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

async fn a_work_is_published_bought_and_read(backend: Backend) {
    tokio::task::spawn_blocking(move || bought_and_read(backend))
        .await
        .unwrap();
}

fn bought_and_read(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&[]);
    let (ada, ben) = (home.key("ada.key"), home.key("ben.key"));
    register(&node, &ada, "ada");
    register(&node, &ben, "ben");
    let (file, bytes) = file_of(&home);
    let added = run(
        &node,
        &ada,
        &["content", "add", text(&file), "--price", "0.50 TEST-USD"],
    )
    .expect_success();
    let (id, url) = (added["id"].as_str().unwrap(), added["url"].as_str().unwrap());
    assert_eq!(
        (&added["state"], &added["mediaType"]),
        (&"published".into(), &"audio/wav".into())
    );

    let out = home.path("got.wav");
    let get = |more: &[&str]| {
        let mut args = vec!["content", "get", url, "--out", text(&out)];
        args.extend(more);
        run(&node, &ben, &args)
    };
    let unpaid = get(&[]);
    assert!(
        !unpaid.success && unpaid.stderr.contains("costs 0.50 TEST-USD"),
        "{}",
        unpaid.stderr
    );
    let dear = get(&["--pay", "--max", "0.49 TEST-USD"]);
    assert!(
        !dear.success && dear.stderr.contains("--max is 0.49"),
        "{}",
        dear.stderr
    );
    let poor = get(&["--pay", "--max", "0.50 TEST-USD"]);
    assert!(!poor.success && poor.stderr.contains("is missing"), "{}", poor.stderr);
    assert!(!out.exists(), "nothing is left of what was not paid");

    let topped = run(&node, &ben, &["topup", "5.00 TEST-USD"]).expect_success();
    assert!(topped["receipt"].is_string(), "{topped}");
    let got = get(&["--pay", "--max", "0.50 TEST-USD"]).expect_success();
    assert_eq!(got["bytes"], 2_621_440);
    assert_eq!(std::fs::read(&out).unwrap(), bytes);
    assert_eq!(
        (balance(&node, &ben), balance(&node, &ada)),
        ("4.50".into(), "0.50".into())
    );
    let receipt = got["paid"]["receipt"].as_str().unwrap();
    run(&node, &ada, &["receipt", "show", receipt]).expect_success();

    tipped_and_listed(&node, &ada, &ben, id);

    node.stop();
    home.verify_clean();
    let node = home.up(&[]);
    run(&node, &ada, &["content", "withdraw", id]).expect_success();
    std::fs::remove_file(&out).unwrap();
    run(&node, &ben, &["content", "get", id, "--out", text(&out)]).expect_success();
    assert_eq!(
        std::fs::read(&out).unwrap(),
        bytes,
        "it is theirs, also after a restart and when it is withdrawn"
    );
    money_back(&home, &node, (&ada, &ben), id, receipt);
    node.stop();
    home.verify_clean();
    a_changed_byte_shows(&home, added["sha256"].as_str().unwrap(), bytes);
}

fn tipped_and_listed(node: &Node, ada: &Path, ben: &Path, id: &str) {
    run(node, ben, &["tip", id, "1.00 TEST-USD"]).expect_success();
    assert_eq!(balance(node, ada), "1.50");
    let sold = run(node, ada, &["content", "list"]).expect_success();
    assert_eq!(
        (&sold[0]["readers"], &sold[0]["gross"][0]["amount"]),
        (&1.into(), &"0.50".into())
    );
}

/// The author sends the money back to the balance that it came from, and the work is read no more.
fn money_back(home: &Home, node: &Node, (ada, ben): (&Path, &Path), id: &str, receipt: &str) {
    let stranger = run(node, ben, &["refund", receipt]);
    assert!(
        !stranger.success && stranger.stderr.contains("Only the seller"),
        "{}",
        stranger.stderr
    );
    run(node, ada, &["refund", receipt, "--reason", "You asked for it."]).expect_success();
    assert_eq!(balance(node, ben), "4.00");
    assert_eq!(balance(node, ada), "1.00", "the tip is still hers");
    // The library is told right afterwards; each look takes a while of its own.
    let again = home.path("again.wav");
    let is_closed = |_look: usize| {
        let got = run(node, ben, &["content", "get", id, "--out", text(&again)]);
        // Until then it is still theirs.
        let _none = std::fs::remove_file(&again);
        got.stderr.contains("withdrawn")
    };
    assert!((0..100).any(is_closed), "whoever has their money back reads no more");
}

fn a_changed_byte_shows(home: &Home, digest: &str, mut bytes: Vec<u8>) {
    let blob = home
        .data()
        .join("works/blobs")
        .join(digest.get(..2).unwrap())
        .join(digest);
    bytes[1_000_000] ^= 1;
    std::fs::write(&blob, &bytes).unwrap();
    let found = home.verify();
    assert!(
        !found.success && found.json.to_string().contains("its bytes were changed"),
        "{}",
        found.json
    );
}

on_both!(a_work_is_published_bought_and_read);
