//! The node dies at any moment: no money without a ticket or a refund, no ticket without money.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use imajin_kernel::{Random, SeededRandom};
use imajin_testkit::Backend;
use serde_json::Value;

use crate::support::{Buyer, Home, event_find};

/// How often the node is killed; `IMAJIN_CRASH_ROUNDS` asks for more.
fn rounds(default: u32) -> u32 {
    std::env::var("IMAJIN_CRASH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Buys until told to stop. Errors are expected: the node dies under it.
async fn buy_along(buyer: Arc<Buyer>, event: Value, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::SeqCst) {
        let _node_died = buy_once(&buyer, &event).await;
    }
}

async fn buy_once(buyer: &Buyer, event: &Value) -> Option<()> {
    let body = serde_json::json!({"eventId": event["id"], "tierId": event["tiers"][0]["id"], "quantity": 1});
    let signed = buyer.signed("POST", "/events/api/checkout", &serde_json::to_vec(&body).ok()?, None);
    let mut request = buyer
        .http
        .post(&signed.target_uri)
        .header("content-type", "application/json");
    for (name, value) in signed.headers() {
        request = request.header(name, value);
    }
    let order: Value = request.body(signed.body.clone()).send().await.ok()?.json().await.ok()?;
    let checkout = order["checkoutId"].as_str()?.to_owned();
    let challenge = serde_json::json!({"id": buyer.key.did()});
    let answer = buyer
        .http
        .post(buyer.url("/auth/api/challenge"))
        .json(&challenge)
        .send()
        .await
        .ok()?;
    let challenge: Value = answer.json().await.ok()?;
    let signature = buyer.key.sign(challenge["challenge"].as_str()?.as_bytes()).to_hex();
    let login = serde_json::json!({
        "id": buyer.key.did(), "challengeId": challenge["challengeId"], "signature": signature,
    });
    let answer = buyer
        .http
        .post(buyer.url("/auth/api/authenticate"))
        .json(&login)
        .send()
        .await
        .ok()?;
    let token = answer.json::<Value>().await.ok()?["token"].as_str()?.to_owned();
    let view = buyer
        .http
        .get(buyer.url(&format!("/pay/api/checkout/{checkout}")))
        .bearer_auth(&token)
        .send()
        .await;
    let view: Value = view.ok()?.json().await.ok()?;
    let form = [("token", view["formToken"].as_str()?)];
    let url = buyer.url(&format!("/pay/checkout/{checkout}/pay"));
    buyer
        .http
        .post(url)
        .header("origin", buyer.url(""))
        .form(&form)
        .send()
        .await
        .ok()
        .map(drop)
}

/// Every checkout of the node is in a final state or waits for its buyer, and every settled one has its tickets.
fn settled_equals_tickets(home: &Home) {
    home.verify_clean();
}

async fn killed_at_random(backend: Backend, rounds: u32) {
    let home = Home::new(backend);
    let node = home.up(&["--demo"]);
    let listen = node.url().trim_start_matches("http://").to_owned();
    let buyer = Arc::new(Buyer::registered(&node).await);
    let event = event_find(&node, "10.00");
    let random = SeededRandom::new(20_261_121);
    let mut node = Some(node);
    for _ in 0..rounds {
        let stop = Arc::new(AtomicBool::new(false));
        let mut buyers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            buyers.spawn(buy_along(Arc::clone(&buyer), event.clone(), Arc::clone(&stop)));
        }
        let mut byte = [0];
        random.fill(&mut byte);
        tokio::time::sleep(Duration::from_millis(60 + u64::from(byte[0]))).await;
        node.take().unwrap().kill();
        stop.store(true, Ordering::SeqCst);
        while buyers.join_next().await.is_some() {}
        node = Some(home.up(&["--listen", &listen]));
    }
    // What was under way ends by itself after the last start.
    let node = node.unwrap();
    settle_wait(&buyer).await;
    node.stop();
    settled_equals_tickets(&home);
}

/// Waits until no money is between buyer and payees.
async fn settle_wait(buyer: &Buyer) {
    let token = buyer.login().await;
    for _ in 0..600 {
        let (_, balance) = buyer.get(&token, "/pay/api/balance").await;
        let held = |line: &Value| line["purpose"] == "held" && line["balance"]["amount"] != "0.00";
        if !balance["balances"].as_array().unwrap().iter().any(held) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("money is still held");
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_random_points_on_sqlite() {
    killed_at_random(Backend::Sqlite, rounds(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_random_points_on_postgres() {
    killed_at_random(Backend::Postgres, rounds(5)).await;
}

/// 200 parallel buyers, 20 places.
async fn rush(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&["--demo"]);
    let event = small_event(&home, &node);
    let mut buyers = Vec::new();
    for _ in 0..200 {
        buyers.push(Buyer::registered(&node).await);
    }
    let mut orders = tokio::task::JoinSet::new();
    for buyer in buyers {
        let event = event.clone();
        orders.spawn(async move {
            let response = buyer.checkout(&event, 1, None).await;
            let status = response.status().as_u16();
            (buyer, status, response.json::<Value>().await.unwrap())
        });
    }
    let (mut won, mut sold_out) = (Vec::new(), 0);
    while let Some(order) = orders.join_next().await {
        match order.unwrap() {
            (buyer, 201 | 200, order) => won.push((buyer, order)),
            (_, 409, problem) if problem["code"] == "sold_out" => sold_out += 1,
            (_, status, problem) => panic!("{status}: {problem}"),
        }
    }
    assert_eq!((won.len(), sold_out), (20, 180));
    for (buyer, order) in &won {
        let token = buyer.login().await;
        buyer.sandbox_press(&token, &order["checkoutId"], "pay").await;
        let order = buyer.order_wait(&token, order).await;
        assert_eq!(order["state"], "fulfilled");
    }
    node.stop();
    home.verify_clean();
}

fn small_event(home: &Home, node: &crate::support::Node) -> Value {
    use crate::support::{imajin, text};
    let key = home.key("seller.key");
    imajin(&["login", "--node", &node.url(), "--key", text(&key)]).expect_success();
    imajin(&[
        "event",
        "create",
        "--node",
        &node.url(),
        "--key",
        text(&key),
        "--title",
        "Small room",
        "--starts",
        "2031-01-01T18:00:00Z",
        "--ends",
        "2031-01-01T20:00:00Z",
        "--tier",
        "Seat=5.00:20",
        "--publish",
    ])
    .expect_success()
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_two_hundred_buyers_for_twenty_places_on_sqlite() {
    rush(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_two_hundred_buyers_for_twenty_places_on_postgres() {
    rush(Backend::Postgres).await;
}
