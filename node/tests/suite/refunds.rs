//! What the operator, the seller and the payees do at the command line.

use imajin_testkit::Backend;
use serde_json::json;

use crate::support::{Home, Node, imajin, text};

/// The identity in a key file.
fn did_of(key: &std::path::Path) -> String {
    let shown = imajin(&["key", "show", text(key)]).expect_success();
    shown["did"].as_str().unwrap().to_owned()
}

/// An event of the seller's, all of it for one artist who has not accepted yet.
fn event_make(node: &Node, seller: &std::path::Path, artist: &str) -> serde_json::Value {
    let split = format!("{artist}=1:artist");
    imajin(&[
        "event",
        "create",
        "--node",
        &node.url(),
        "--key",
        text(seller),
        "--title",
        "An evening",
        "--starts",
        "2031-01-30T19:00:00Z",
        "--ends",
        "2031-01-30T22:00:00Z",
        "--tier",
        "Standard=10.00:20",
        "--split",
        &split,
        "--publish",
    ])
    .expect_success()
}

#[test]
fn fees_are_set_a_share_is_accepted_and_a_sale_goes_back_in_parts() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let url = node.url();
    let [operator, seller, artist, buyer] =
        ["operator", "seller", "artist", "buyer"].map(|name| home.key(&format!("{name}.key")));
    let run = |arguments: &[&str], key: &std::path::Path| {
        imajin(&[arguments, &["--node", &url, "--key", text(key)]].concat())
    };
    run(&["login", "--setup", &node.setup_token()], &operator).expect_success();
    for key in [&seller, &artist, &buyer] {
        run(&["login"], key).expect_success();
    }
    let set = run(
        &[
            "fees",
            "set",
            "--fee",
            "house=node=1",
            "--effective-at",
            "2098-01-01T00:00:00Z",
        ],
        &operator,
    );
    assert_eq!(set.expect_success()["lines"][0]["rateMicros"], 10_000);
    let shown = imajin(&["fees", "show", "--node", &url]).expect_success();
    assert_eq!(
        (&shown["lines"], &shown["coming"][0]["lines"][0]["name"]),
        (&json!([]), &json!("house"))
    );
    assert!(
        run(&["fees", "set", "--preset", "none"], &buyer)
            .stderr
            .contains("perator")
    );

    let event = event_make(&node, &seller, &did_of(&artist));
    let id = event["id"].as_str().unwrap();
    let bought = run(&["ticket", "buy", "--event", id], &buyer).expect_success();
    let receipt = bought["receipt"].as_str().unwrap();
    let waiting = run(&["share", "list"], &artist).expect_success();
    let share = &waiting["shares"][0];
    assert_eq!(
        (&share["state"], &share["amount"]["amount"]),
        (&json!("waiting"), &json!("10.00"))
    );
    let part = ["refund", receipt, "--amount", "4.00 TEST-USD", "--reason", "No seats."];
    assert!(!run(&part, &buyer).success, "only the seller and the operator");
    assert_eq!(run(&part, &seller).expect_success()["state"], "sent");
    let accepted = run(&["share", "accept", share["manifest"].as_str().unwrap()], &artist).expect_success();
    assert_eq!(accepted, json!({"released": 1}));
    let balance = run(&["balance"], &artist).expect_success();
    assert_eq!(balance["balances"][0]["balance"]["amount"], "6.00");
    let shown = run(&["ticket", "show", bought["tickets"][0].as_str().unwrap()], &buyer);
    assert!(shown.success, "a part leaves it valid: {}", shown.stderr);
    assert_eq!(
        run(&["refund", receipt], &operator).expect_success()["amount"]["amount"],
        "6.00"
    );
    assert!(run(&["refund", receipt], &seller).stderr.contains("gone back already"));
    node.stop();
    home.verify_clean();
}
