//! Refunds that a rail does not make: named with the reason, until the cause is gone or somebody has paid by hand.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_pay_api::CheckoutView;
use imajin_testkit::stripe_peer::FaultKind;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::cards::Cards;
use crate::reconcile::{compared, kinds};
use crate::refunds::{note, sheet};
use crate::world::key;

on_both!(
    a_refund_that_the_rail_does_not_make_ends_by_hand,
    a_payment_that_the_rail_does_not_send_back_ends_by_hand,
    a_refund_that_the_rail_refuses_is_named_until_it_is_made,
    what_is_not_under_way_does_not_end_by_hand,
);

const BY_HAND: &str = "/pay/api/refund/by-hand";

async fn sold(cards: &Cards) -> CheckoutView {
    let checkout = cards.checkout("buyer").await;
    cards.pays(&checkout).await;
    checkout
}

async fn sent_back(cards: &Cards, idempotency: &str, checkout: &CheckoutView) -> String {
    let body = json!({"checkout": checkout.id});
    *cards.world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let answer = cards
        .world
        .post("operator", "/pay/api/refund", Some(idempotency), &body)
        .await;
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn by_hand(cards: &Cards, who: &str, body: &Value) -> Answer {
    *cards.world.identities.operator.lock().unwrap() = Some(key("operator").did());
    cards.world.post(who, BY_HAND, None, body).await
}

/// What is different in the ledger, besides the processor's fee, which the seller owes.
async fn in_ledger(cards: &Cards) -> Vec<Value> {
    let found = compared(&cards.world, "ledger").await.into_iter();
    found.filter(|each| each["kind"] != "debt_open").collect()
}

async fn a_refund_that_the_rail_does_not_make_ends_by_hand(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = sold(&cards).await;
    cards.peer.fault("/refunds", FaultKind::ServerError, 100);
    let id = sent_back(&cards, "k", &checkout).await;
    cards.follow().await;
    cards.world.clock.advance(Span::minutes(1));
    let found = in_ledger(&cards).await;
    assert_eq!(kinds(&found), ["refund_overdue"]);
    assert_eq!(found[0]["subject"], format!("sale_refund/{id}"));
    assert!(
        found[0]["detail"].as_str().unwrap().contains("Last time: "),
        "{found:?}"
    );
    let body = json!({"refund": id, "reference": " bank transfer 17 "});
    let noted = by_hand(&cards, "operator", &body).await;
    assert_eq!(
        (noted.status, &noted.json()["reference"]),
        (StatusCode::OK, &json!("by hand: bank transfer 17"))
    );
    cards.peer.faults_clear();
    cards.world.clock.advance(Span::hours(1));
    cards.follow().await;
    assert_eq!(
        sheet(&cards.world, "buyer", &checkout).await["refunds"][0]["state"],
        "sent"
    );
    assert_eq!(
        note(&cards.world, "buyer", &id).await.rail_reference,
        "by hand: bank transfer 17"
    );
    assert_eq!(cards.peer.objects("refund").len(), 0, "the rail is not asked again");
    assert_eq!(cards.world.seller.returned.lock().unwrap().len(), 1);
    assert_eq!(kinds(&in_ledger(&cards).await), [""; 0]);
    assert_eq!(
        kinds(&compared(&cards.world, "rail:stripe").await),
        ["balance_differs"],
        "what was not sent through the rail is there"
    );
    cards.world.audit_clean().await;
}

async fn a_payment_that_the_rail_does_not_send_back_ends_by_hand(backend: Backend) {
    let cards = Cards::live(backend).await;
    cards.world.seller.refuses.store(true, Ordering::SeqCst);
    cards.peer.fault("/refunds", FaultKind::ServerError, 100);
    sold(&cards).await;
    cards.world.clock.advance(Span::hours(1));
    let found = in_ledger(&cards).await;
    assert_eq!(kinds(&found), ["refund_overdue"]);
    let message = found[0]["subject"].as_str().unwrap().strip_prefix("refund/").unwrap();
    let body = json!({"message": message, "reference": "bank transfer 18"});
    assert_eq!(by_hand(&cards, "operator", &body).await.status, StatusCode::OK);
    assert_eq!(by_hand(&cards, "operator", &body).await.code(), "not_found");
    cards.peer.faults_clear();
    cards.world.clock.advance(Span::hours(1));
    cards.follow().await;
    assert_eq!(cards.peer.objects("refund").len(), 0);
    assert_eq!(kinds(&in_ledger(&cards).await), [""; 0]);
    cards.world.audit_clean().await;
}

async fn a_refund_that_the_rail_refuses_is_named_until_it_is_made(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let intent = cards.pays(&checkout).await;
    let charge = cards.peer.object(&intent)["latest_charge"].as_str().unwrap().to_owned();
    let refunded = |units: i64| {
        cards
            .peer
            .tamper(&charge, |charge| charge["amount_refunded"] = json!(units));
    };
    refunded(1_000);
    let id = sent_back(&cards, "k", &checkout).await;
    cards.follow().await;
    let found = in_ledger(&cards).await;
    assert_eq!(kinds(&found), ["refund_refused"]);
    assert_eq!(found[0]["subject"], format!("sale_refund/{id}"));
    let receipt = sheet(&cards.world, "buyer", &checkout).await["refunds"][0]["receipt"].clone();
    assert!(found[0]["detail"].as_str().unwrap().contains(receipt.as_str().unwrap()));
    refunded(0);
    sent_back(&cards, "k2", &checkout).await;
    cards.follow().await;
    assert_eq!(kinds(&in_ledger(&cards).await), [""; 0]);
    cards.world.audit_clean().await;
}

async fn what_is_not_under_way_does_not_end_by_hand(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = sold(&cards).await;
    let id = sent_back(&cards, "k", &checkout).await;
    let body = json!({"refund": id, "reference": "cash"});
    assert_eq!(
        by_hand(&cards, "operator", &body).await.code(),
        "conflict",
        "not asked yet"
    );
    assert_eq!(by_hand(&cards, "organiser", &body).await.code(), "forbidden");
    for (name, value) in [
        ("reference", json!("  ")),
        ("reference", json!("x".repeat(201))),
        ("reference", json!("a\nb")),
        ("refund", json!(null)),
        ("message", json!("rlm_0")),
        ("surprise", json!(1)),
    ] {
        let mut wrong = body.clone();
        wrong[name] = value;
        assert_eq!(
            by_hand(&cards, "operator", &wrong).await.code(),
            "invalid_request",
            "{name}"
        );
    }
    cards.follow().await;
    assert_eq!(
        by_hand(&cards, "operator", &body).await.code(),
        "not_found",
        "it is made"
    );
    assert_eq!(
        sheet(&cards.world, "buyer", &checkout).await["refunds"][0]["state"],
        "sent"
    );
}
