//! More buyers than places, all at once.

use imajin_testkit::Backend;
use serde_json::Value;

use crate::support::{Buyer, Home, Node, imajin, text};

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

fn small_event(home: &Home, node: &Node) -> Value {
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
