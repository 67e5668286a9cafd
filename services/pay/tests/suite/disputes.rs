//! A buyer's bank takes a payment back, and perhaps gives it back.

use std::sync::atomic::Ordering;

use imajin_pay_api::CheckoutState;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::cards::Cards;
use crate::world::key;

on_both!(
    a_dispute_takes_back_what_is_there_and_leaves_debts,
    a_won_dispute_gives_everything_back,
    that_a_dispute_is_won_may_be_told_before_its_money_is_back,
    a_lost_dispute_leaves_the_debts,
    what_the_bank_takes_for_good_has_the_goods_taken_back,
    a_dispute_waits_for_the_split_of_its_payment,
    a_dispute_of_what_was_paid_back_costs_its_fee_only,
    an_enquiry_that_takes_nothing_is_not_booked,
);

/// A settled payment of 10.00: 6.587 for Mira, 2.823 for Jonas, 0.59 for the processor.
async fn settled(cards: &Cards) -> String {
    let checkout = cards.checkout("buyer").await;
    let intent = cards.pays(&checkout).await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
    intent
}

async fn balances(cards: &Cards, name: &str) -> (String, String) {
    let did = key(name).did();
    (
        cards.world.available(name).await,
        cards.world.balance(&did, "debt").await,
    )
}

fn pair(available: &str, debt: &str) -> (String, String) {
    (available.to_owned(), debt.to_owned())
}

async fn a_dispute_takes_back_what_is_there_and_leaves_debts(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = settled(&cards).await;
    // Jonas has spent most of his part.
    let hold = json!({"amount": {"amount": "2.80", "currency": "USD"}});
    cards.world.post("jonas", "/pay/api/holds", Some("k"), &hold).await;
    cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    assert_eq!(balances(&cards, "mira").await, pair("0.00 USD", "0"));
    assert_eq!(balances(&cards, "jonas").await, pair("0.00 USD", "2.80 USD"));
    // 25.00 has left the processor; 9.41 of it was split.
    assert_eq!(balances(&cards, "organiser").await, pair("0", "15.59 USD"));
    cards.world.audit_clean().await;
}

async fn a_won_dispute_gives_everything_back(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = settled(&cards).await;
    let hold = json!({"amount": {"amount": "2.80", "currency": "USD"}});
    cards.world.post("jonas", "/pay/api/holds", Some("k"), &hold).await;
    let dispute = cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    cards.peer.dispute_close(&dispute, true).unwrap();
    cards.follow().await;
    // The messages once more, in whatever order.
    cards.peer.tell_again("charge.dispute.created", &dispute);
    cards.peer.tell_again("charge.dispute.closed", &dispute);
    cards.follow().await;
    assert_eq!(balances(&cards, "mira").await, pair("6.587 USD", "0"));
    assert_eq!(balances(&cards, "jonas").await, pair("0.023 USD", "0"));
    assert_eq!(balances(&cards, "organiser").await, pair("0", "0"));
    cards.world.audit_clean().await;
}

async fn that_a_dispute_is_won_may_be_told_before_its_money_is_back(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = settled(&cards).await;
    let dispute = cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    cards.peer.dispute_close(&dispute, true).unwrap();
    cards.peer.messages_take();
    let mut moves = serde_json::Value::Null;
    cards.peer.tamper(&dispute, |dispute| {
        moves = dispute["balance_transactions"].clone();
        dispute["balance_transactions"].as_array_mut().unwrap().pop();
    });
    cards.peer.tell_again("charge.dispute.closed", &dispute);
    cards.follow().await;
    assert_eq!(balances(&cards, "mira").await, pair("0.00 USD", "0"));
    cards.world.audit_clean().await;
    cards
        .peer
        .tamper(&dispute, |dispute| dispute["balance_transactions"] = moves);
    cards.peer.tell_again("charge.dispute.funds_reinstated", &dispute);
    cards.follow().await;
    assert_eq!(balances(&cards, "mira").await, pair("6.587 USD", "0"));
    assert_eq!(balances(&cards, "organiser").await, pair("0", "0"));
    cards.world.audit_clean().await;
}

async fn a_lost_dispute_leaves_the_debts(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = settled(&cards).await;
    // A part of it, and all messages arrive when it is over.
    let dispute = cards.peer.dispute_open(&intent, 500).unwrap();
    cards.peer.dispute_close(&dispute, false).unwrap();
    cards.follow().await;
    assert!(
        cards.world.seller.returned.lock().unwrap().is_empty(),
        "half of it is paid"
    );
    assert_eq!(balances(&cards, "mira").await, pair("3.2935 USD", "0"));
    assert_eq!(balances(&cards, "jonas").await, pair("1.4115 USD", "0"));
    // Half of the processor's fee, and the fee of the dispute.
    assert_eq!(balances(&cards, "organiser").await, pair("0", "15.295 USD"));
    cards.world.audit_clean().await;
}

async fn what_the_bank_takes_for_good_has_the_goods_taken_back(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = settled(&cards).await;
    let dispute = cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    assert!(
        cards.world.seller.returned.lock().unwrap().is_empty(),
        "nobody has decided"
    );
    cards.peer.dispute_close(&dispute, false).unwrap();
    cards.follow().await;
    let told = cards.world.seller.returned.lock().unwrap().clone();
    assert_eq!((told.len(), told[0].whole), (1, true));
    cards.world.audit_clean().await;
}

async fn a_dispute_waits_for_the_split_of_its_payment(backend: Backend) {
    let cards = Cards::live(backend).await;
    cards.peer.fees_later(true);
    let checkout = cards.checkout("buyer").await;
    let intent = cards.pays(&checkout).await;
    cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Paid);
    cards.world.audit_clean().await;
    cards.peer.fee_settle(&intent).unwrap();
    cards.follow().await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(balances(&cards, "mira").await, pair("0.00 USD", "0"));
    assert_eq!(balances(&cards, "organiser").await, pair("0", "15.59 USD"));
    cards.world.audit_clean().await;
}

async fn a_dispute_of_what_was_paid_back_costs_its_fee_only(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    cards.world.seller.refuses.store(true, Ordering::SeqCst);
    let intent = cards.peer.customer_pays(&cards.session(&checkout)).unwrap();
    // The bank is quicker than the refund.
    cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Refunded);
    assert!(cards.peer.objects("refund").is_empty());
    assert_eq!(balances(&cards, "organiser").await, pair("0", "15.00 USD"));
    assert_eq!(cards.world.pay.drive().await.unwrap(), 0, "nothing is left to do");
    cards.world.audit_clean().await;
}

async fn an_enquiry_that_takes_nothing_is_not_booked(backend: Backend) {
    let cards = Cards::live(backend).await;
    let intent = settled(&cards).await;
    let dispute = cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.peer.tamper(&dispute, |dispute| {
        dispute["status"] = json!("warning_needs_response");
        dispute["balance_transactions"] = json!([]);
    });
    cards.follow().await;
    assert_eq!(balances(&cards, "mira").await, pair("6.587 USD", "0"));
    cards.world.audit_clean().await;
}
