//! What a payer takes home: a statement, a line for each part, and a receipt that proves itself without the node.

use imajin_testkit::Backend;

use crate::support::{Home, event_find, imajin, text};

#[test]
fn a_receipt_is_saved_and_checked_without_a_node() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let key = home.key("buyer.key");
    let url = node.url();
    let at = ["--node", &url, "--key", text(&key)];
    imajin(&[&["login"], &at[..]].concat()).expect_success();
    let event = event_find(&node, "10.00");
    let id = event["id"].as_str().unwrap();
    let bought = imajin(&[&["ticket", "buy", "--event", id], &at[..]].concat()).expect_success();
    let receipt = bought["receipt"].as_str().unwrap();
    let saved = home.path("receipt.json");
    imajin(&[&["receipt", "save", receipt, "--out", text(&saved)], &at[..]].concat()).expect_success();

    let statement = imajin(&[&["statement"], &at[..]].concat()).expect_success();
    let amounts: Vec<_> = statement["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["amount"])
        .collect();
    assert_eq!(amounts, ["10.00", "-10.00"]);
    let csv = home.path("statement.csv");
    imajin(&[&["statement", "--out", text(&csv)], &at[..]].concat()).expect_success();
    assert_eq!(std::fs::read_to_string(&csv).unwrap().lines().count(), 3);
    let shares = imajin(&[&["share", "list"], &at[..]].concat()).expect_success();
    assert_eq!(shares["shares"], serde_json::json!([]));
    let nothing = imajin(&[&["share", "accept", "fair_abc"], &at[..]].concat());
    assert!(
        nothing.stderr.contains("There is no such share of yours"),
        "{}",
        nothing.stderr
    );
    node.stop();

    // The node is gone: the file is enough.
    let verify = |arguments: &[&str]| imajin(&[&["receipt", "verify", text(&saved)], arguments].concat());
    let good = verify(&[]).expect_success();
    assert_eq!(
        (&good["valid"], &good["gross"]["amount"]),
        (&true.into(), &"10.00".into())
    );
    let signer = good["signer"].as_str().unwrap();
    verify(&["--signer", signer]).expect_success();
    let other = "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    let foreign = verify(&["--signer", other]);
    assert!(!foreign.success && foreign.json["problem"].as_str().unwrap().contains("not by"));
    let written = std::fs::read_to_string(&saved).unwrap();
    std::fs::write(&saved, written.replace("\"10.00\"", "\"9.00\"")).unwrap();
    let changed = verify(&[]);
    assert!(
        !changed.success
            && changed.json["problem"]
                .as_str()
                .unwrap()
                .contains("signature does not hold")
    );
    home.verify_clean();
}
