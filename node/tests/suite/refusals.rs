//! Wrong inputs, each with its own answer.

use imajin_testkit::Backend;
use reqwest::Response;
use serde_json::{Value, json};

use crate::support::{Buyer, Home, Node, event_find};

async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let document: Value = response.json().await.unwrap();
    for member in ["type", "title", "detail", "requestId"] {
        assert!(document[member].is_string(), "{member} is missing in {document}");
    }
    (status, document["code"].as_str().unwrap().to_owned())
}

fn order(event: &Value) -> Vec<u8> {
    let body = json!({"eventId": event["id"], "tierId": event["tiers"][0]["id"], "quantity": 1});
    serde_json::to_vec(&body).unwrap()
}

const CHECKOUT: &str = "/events/api/checkout";

async fn wrong_checkouts(node: &Node) {
    let buyer = Buyer::registered(node).await;
    let event = event_find(node, "10.00");
    let refused = async |body: &[u8]| refusal(buyer.send(&buyer.signed("POST", CHECKOUT, body, None)).await).await;

    let mut changed = buyer.signed("POST", CHECKOUT, &order(&event), None);
    changed.body = String::from_utf8(changed.body)
        .unwrap()
        .replace("\"quantity\":1", "\"quantity\":9")
        .into_bytes();
    assert_eq!(
        refusal(buyer.send(&changed).await).await,
        (401, "bad_signature".to_owned()),
        "body changed"
    );

    let stranger = Buyer::registered(node).await;
    let mut forged = buyer.signed("POST", CHECKOUT, &order(&event), None);
    forged.signature = stranger.signed("POST", CHECKOUT, &order(&event), None).signature;
    assert_eq!(
        refusal(buyer.send(&forged).await).await,
        (401, "bad_signature".to_owned()),
        "another's signature"
    );

    let elsewhere = buyer.signed("POST", "/events/api/events", &order(&event), None);
    let mut moved = elsewhere.clone();
    moved.target_uri = buyer.url(CHECKOUT);
    assert_eq!(
        refusal(buyer.send(&moved).await).await,
        (401, "bad_signature".to_owned()),
        "another URL"
    );

    let unknown =
        json!({"eventId": "evt_00000000000000000000000000", "tierId": event["tiers"][0]["id"], "quantity": 1});
    assert_eq!(
        refused(&serde_json::to_vec(&unknown).unwrap()).await,
        (404, "not_found".to_owned())
    );

    let priced = json!({"eventId": event["id"], "tierId": event["tiers"][0]["id"], "quantity": 1, "price": "0.01"});
    assert_eq!(
        refused(&serde_json::to_vec(&priced).unwrap()).await.1,
        "invalid_request",
        "names a price"
    );

    assert_eq!(refused(b"{\"eventId\":").await, (400, "malformed_body".to_owned()));
    assert_eq!(refused(&vec![b' '; 100_000]).await, (413, "body_too_large".to_owned()));

    let unsigned = buyer
        .http
        .post(buyer.url(CHECKOUT))
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(refusal(unsigned).await, (401, "unauthenticated".to_owned()));
    let token = buyer.login().await;
    let cookie_alone = buyer
        .http
        .post(buyer.url(CHECKOUT))
        .header("cookie", format!("imajin_session={token}"))
        .header("content-type", "application/json")
        .body(order(&event))
        .send()
        .await
        .unwrap();
    assert_eq!(
        refusal(cookie_alone).await,
        (401, "unauthenticated".to_owned()),
        "a cookie alone"
    );
}

#[tokio::test]
async fn wrong_checkouts_are_refused_by_name() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    wrong_checkouts(&node).await;
    node.stop();
    home.verify_clean();
}

#[tokio::test]
async fn a_replayed_request_is_refused_also_after_a_restart() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let listen = node.url().trim_start_matches("http://").to_owned();
    let buyer = Buyer::registered(&node).await;
    let event = event_find(&node, "10.00");
    let request = buyer.signed("POST", CHECKOUT, &order(&event), None);
    assert!(buyer.send(&request).await.status().is_success());
    assert_eq!(refusal(buyer.send(&request).await).await, (401, "replayed".to_owned()));
    node.stop();
    let node = home.up(&["--listen", &listen]);
    assert_eq!(
        refusal(buyer.send(&request).await).await,
        (401, "replayed".to_owned()),
        "after a restart"
    );
    drop(node);
}

#[tokio::test]
async fn one_idempotency_key_buys_once() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let buyer = Buyer::registered(&node).await;
    let event = event_find(&node, "10.00");
    let first: Value = buyer.checkout(&event, 1, Some("k1")).await.json().await.unwrap();
    let again = buyer.checkout(&event, 1, Some("k1")).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    let again: Value = again.json().await.unwrap();
    assert_eq!(first["id"], again["id"]);
    assert_eq!(first["checkoutId"], again["checkoutId"]);
    assert_eq!(
        refusal(buyer.checkout(&event, 2, Some("k1")).await).await,
        (409, "idempotency_mismatch".to_owned())
    );

    let token = buyer.login().await;
    for _ in 0..2 {
        buyer.sandbox_press(&token, &first["checkoutId"], "pay").await;
    }
    let paid = buyer.order_wait(&token, &first).await;
    assert_eq!(paid["tickets"].as_array().unwrap().len(), 1);
    let (_, receipts) = buyer.get(&token, "/pay/api/balance").await;
    assert_eq!(receipts["balances"], json!([]), "nothing is left with the buyer");
    node.stop();
    home.verify_clean();
}

#[tokio::test]
async fn a_strangers_receipt_and_ticket_are_not_found() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let (buyer, stranger) = (Buyer::registered(&node).await, Buyer::registered(&node).await);
    let event = event_find(&node, "10.00");
    let order: Value = buyer.checkout(&event, 1, None).await.json().await.unwrap();
    let token = buyer.login().await;
    buyer.sandbox_press(&token, &order["checkoutId"], "pay").await;
    let order = buyer.order_wait(&token, &order).await;
    let token = stranger.login().await;
    for path in [
        format!("/events/api/tickets/{}", order["tickets"][0].as_str().unwrap()),
        format!("/events/api/orders/{}", order["id"].as_str().unwrap()),
        format!("/pay/api/receipts/{}", order["receipt"].as_str().unwrap()),
    ] {
        let (status, problem) = stranger.get(&token, &path).await;
        assert_eq!(
            (status.as_u16(), problem["code"].as_str()),
            (404, Some("not_found")),
            "{path}"
        );
        let anonymous = stranger.http.get(stranger.url(&path)).send().await.unwrap();
        assert_eq!(anonymous.status(), 401, "{path}");
    }
}

#[tokio::test]
async fn the_root_describes_every_service_with_its_prefix() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let somebody = Buyer::stranger(&node);
    let spec = async |path: &str| -> Value {
        let answer = somebody.http.get(somebody.url(path)).send().await.unwrap();
        answer.json().await.unwrap()
    };
    let root = spec("/api/spec").await;
    let paths = root["paths"].as_object().unwrap();
    let mut described = 0;
    for service in [
        "auth",
        "pay",
        "connections",
        "profile",
        "events",
        "publisher",
        "query",
        "registry",
    ] {
        let own = spec(&format!("/{service}/api/spec")).await;
        for path in own["paths"].as_object().unwrap().keys() {
            let item = &paths[&format!("/{service}{path}")];
            let tags = item
                .as_object()
                .unwrap()
                .values()
                .map(|operation| operation["tags"][0].clone());
            assert!(tags.into_iter().all(|tag| tag == service), "{service}{path}");
            described += 1;
        }
    }
    assert_eq!(paths.len(), described);
    // Every reference leads somewhere.
    let text = root.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(!root["components"]["schemas"][name].is_null(), "{name}");
    }
    node.stop();
}
