//! Two programs of one node on one Postgres, asked for the same at one moment.

use imajin_testkit::Backend;
use serde_json::json;

use crate::cards::{Cards, config};
use crate::payouts::onboard;
use crate::world::key;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_at_two_programs_pays_out_once() {
    let cards = Cards::live(Backend::Postgres).await;
    let other = cards.world.second_router(config(&cards.peer)).await;
    onboard(&cards, "mira").await;
    for buyer in 0..6 {
        let checkout = cards.checkout(&format!("buyer {buyer}")).await;
        cards.pays(&checkout).await;
    }
    for round in 0..12 {
        let body = serde_json::to_vec(&json!({"amount": {"amount": "1.00", "currency": "USD"}})).unwrap();
        let idempotency = format!("k{round}");
        let signed = || {
            cards
                .world
                .sign(&key("mira"), "/pay/api/payout", Some(&idempotency), &body)
        };
        let (mine, theirs) = (signed(), signed());
        let (here, there) = tokio::join!(
            cards.world.send_signed(&mine),
            cards.world.send_signed_to(&other, &theirs)
        );
        assert_eq!(
            (here.status.as_u16(), there.status.as_u16()),
            (201, 201),
            "{} {}",
            here.text(),
            there.text()
        );
        assert_eq!(here.json()["id"], there.json()["id"], "round {round}");
    }
    cards.follow().await;
    // A payout is made of the payments that the money came with: of one or two.
    let transfers = cards.peer.objects("transfer");
    let cents: i64 = transfers
        .iter()
        .map(|transfer| transfer["amount"].as_i64().unwrap())
        .sum();
    assert_eq!(cents, 1_200);
    cards.world.audit_clean().await;
}
