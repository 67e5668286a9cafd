//! The path by command line, on both databases.

use std::sync::{Arc, Mutex};

use axum::http::Uri;
use axum::{Json, Router};
use imajin_testkit::Backend;
use serde_json::json;

use crate::support::{Home, Node, Server, event_create, event_find, imajin, text};

fn ticket_buy(node: &Node, key: &str, event: &serde_json::Value) -> serde_json::Value {
    let id = event["id"].as_str().unwrap();
    imajin(&["ticket", "buy", "--node", &node.url(), "--key", key, "--event", id]).expect_success()
}

fn receipt_amounts(node: &Node, key: &str, receipt: &serde_json::Value) -> (String, Vec<String>) {
    let id = receipt.as_str().unwrap();
    let receipt = imajin(&["receipt", "show", id, "--node", &node.url(), "--key", key]).expect_success();
    let body = &receipt["message"]["payload"];
    let amount = |value: &serde_json::Value| value["amount"].as_str().unwrap().to_owned();
    assert_eq!(body["testMoney"], true);
    (
        amount(&body["gross"]),
        body["legs"].as_array().unwrap().iter().map(amount).collect(),
    )
}

fn the_path(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&["--demo"]);
    let key = home.key("buyer.key");
    let key = text(&key);

    let login = imajin(&["login", "--node", &node.url(), "--key", key, "--handle", "ada"]).expect_success();
    assert_eq!(login["created"], true);
    let again = imajin(&["login", "--node", &node.url(), "--key", key]).expect_success();
    assert_eq!(again["created"], false);

    let ten = event_find(&node, "10.00");
    let bought = ticket_buy(&node, key, &ten);
    let (gross, legs) = receipt_amounts(&node, key, &bought["receipt"]);
    assert_eq!(
        (gross.as_str(), legs),
        ("10.00", vec!["7.00".to_owned(), "3.00".to_owned()])
    );

    let thirds = event_find(&node, "9.99");
    let bought = ticket_buy(&node, key, &thirds);
    let (gross, legs) = receipt_amounts(&node, key, &bought["receipt"]);
    assert_eq!(gross, "9.99");
    assert_eq!(legs, ["3.329997", "3.329997", "3.330006"]);

    let id = bought["tickets"][0].as_str().unwrap();
    let ticket = imajin(&["ticket", "show", id, "--node", &node.url(), "--key", key]).expect_success();
    let (qr, event_did) = (ticket["qr"].as_str().unwrap(), ticket["eventDid"].as_str().unwrap());
    let document = home.path("ticket.json");
    std::fs::write(&document, ticket["document"].to_string()).unwrap();
    node.stop();

    // Offline: the node is gone, the ticket's text and the event's DID are enough.
    for form in [qr, text(&document)] {
        let verdict = imajin(&["ticket", "verify", form, "--event-did", event_did]).expect_success();
        assert_eq!(verdict["valid"], true);
    }
    let other = imajin(&["ticket", "verify", qr, "--event-did", ten["did"].as_str().unwrap()]);
    assert!(!other.success);
    assert_eq!(other.json["valid"], false);
    home.verify_clean();
}

#[test]
fn the_path_on_sqlite() {
    the_path(Backend::Sqlite);
}

#[test]
fn the_path_on_postgres() {
    the_path(Backend::Postgres);
}

#[test]
fn an_event_of_ones_own_pays_its_makers() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let (seller, artist, buyer) = (home.key("seller.key"), home.key("artist.key"), home.key("buyer.key"));
    for key in [&seller, &artist, &buyer] {
        imajin(&["login", "--node", &node.url(), "--key", text(key)]).expect_success();
    }
    let did = |key| {
        imajin(&["key", "show", text(key)]).expect_success()["did"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let splits = [
        format!("{}=0.6:seller", did(&seller)),
        format!("{}=0.4:artist", did(&artist)),
    ];
    let made = event_create(&node, &seller, &splits, false);
    assert_eq!(made["status"], "draft");
    let id = made["id"].as_str().unwrap();
    let draft = imajin(&[
        "ticket",
        "buy",
        "--node",
        &node.url(),
        "--key",
        text(&buyer),
        "--event",
        id,
    ]);
    assert_eq!(draft.refusal()["error"], "not_found", "a draft is not on sale");
    imajin(&[
        "event",
        "publish",
        "--node",
        &node.url(),
        "--key",
        text(&seller),
        "--event",
        id,
    ])
    .expect_success();
    let bought = ticket_buy(&node, text(&buyer), &made);
    let (_, legs) = receipt_amounts(&node, text(&buyer), &bought["receipt"]);
    assert_eq!(legs, ["3.00", "2.00"]);
    let balance = imajin(&["balance", "--node", &node.url(), "--key", text(&seller)]).expect_success();
    assert_eq!(balance["balances"][0]["balance"]["amount"], "3.00");
    node.stop();
    home.verify_clean();
}

#[test]
fn a_second_start_on_the_same_data_is_refused() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let said = home.up_refused(&[]);
    assert!(said.contains("another imajin runs on"), "{said}");
    node.stop();
    home.up(&[]).stop();
}

#[test]
fn the_operator_claims_the_node_once() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let (operator, stranger) = (home.key("operator.key"), home.key("stranger.key"));
    let token = node.setup_token();
    let claim = |key, token: &str| imajin(&["login", "--node", &node.url(), "--key", text(key), "--setup", token]);
    assert!(!claim(&stranger, "00").success, "a wrong token");
    assert_eq!(claim(&operator, &token).expect_success()["operatorClaimed"], true);
    assert!(!claim(&stranger, &token).success, "the token is used up");
    node.stop();
    assert!(home.up(&[]).banner()["setupUrl"].is_null(), "the node has its operator");
}

#[test]
fn what_somebody_says_about_another_is_listed_checked_and_taken_back() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let (attester, subject) = (home.key("attester.key"), home.key("subject.key"));
    let url = node.url();
    imajin(&["login", "--node", &url, "--key", text(&attester)]).expect_success();
    let shown = imajin(&["key", "show", text(&subject)]).expect_success();
    let subject = shown["did"].as_str().unwrap();
    let as_attester = ["--node", &url, "--key", text(&attester)];
    let issue = ["attestation", "issue", "--subject", subject, "--type", "skill"];
    let claim = ["--claim", r#"{"level":3}"#, "--confidence", "0.9"];
    let issued = imajin(&[&issue[..], &claim, &as_attester].concat()).expect_success();
    let id = issued["id"].as_str().unwrap();
    let document = home.path("attestation.json");
    std::fs::write(&document, issued.to_string()).unwrap();
    let list = ["attestation", "list", "--node", &url, "--subject", subject];
    assert_eq!(imajin(&list).expect_success()["attestations"][0]["id"], id);
    let verify = ["attestation", "verify", text(&document), "--node", &url];
    assert_eq!(imajin(&verify).expect_success()["status"], "active");
    imajin(
        &[
            &["attestation", "revoke", id, "--reason", "forgotten"][..],
            &as_attester,
        ]
        .concat(),
    )
    .expect_success();
    assert_eq!(
        imajin(&list).expect_success()["attestations"].as_array().unwrap().len(),
        0
    );
    assert_eq!(imajin(&verify).json["status"], "revoked");
    assert!(!imajin(&verify).success);
    node.stop();
    let offline = ["attestation", "verify", text(&document), "--offline"];
    assert_eq!(imajin(&offline).expect_success()["valid"], true);
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_asks_to_sign_something_else_gets_nothing() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&asked);
    // What a request to another node is signed by.
    let base = "\"@method\": POST\n\"@target-uri\": https://other.example/auth/api/devices";
    let answer = move |uri: Uri| async move {
        heard.lock().unwrap().push(uri.path().to_owned());
        Json(json!({"challengeId": "chl_1", "challenge": base, "expiresAt": "2030-01-01T00:00:00Z"}))
    };
    let server = Server::start(Router::new().fallback(answer)).await;
    let home = Home::new(Backend::Sqlite);
    let key = home.key("me.key");
    let url = format!("http://{}", server.host);
    let login = imajin(&["login", "--node", &url, "--key", text(&key)]);
    assert!(!login.success && login.stderr.contains("no challenge"), "{login:?}");
    assert_eq!(*asked.lock().unwrap(), ["/auth/api/challenge"]);
}
