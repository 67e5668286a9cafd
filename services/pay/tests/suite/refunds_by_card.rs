//! Refunds through a processor that keeps its fee, loses answers, and has buyers with banks.

use imajin_kernel::Span;
use imajin_pay_api::{CheckoutState, CheckoutView};
use imajin_testkit::stripe_peer::FaultKind;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::cards::Cards;
use crate::payouts::onboard;
use crate::reconcile::{compared, kinds};
use crate::refunds::{debt, note, part, refund_by_operator, sheet};
use crate::world::key;

on_both!(
    the_processors_fee_is_the_sellers_to_bear,
    a_lost_answer_refunds_once,
    what_the_buyers_bank_does_not_take_is_the_buyers_here,
    a_refund_that_is_called_off_is_the_buyers_here,
    a_refund_that_is_called_off_before_its_answer_is_heard_is_undone,
    that_a_refund_failed_may_be_told_before_its_answer_is_heard,
    a_payment_that_goes_back_as_it_came_may_not_arrive_either,
    what_the_processor_refuses_is_undone,
    a_disputed_payment_is_not_sent_back,
    a_dispute_takes_what_refunds_have_left,
    a_dispute_waits_for_a_refund_under_way,
    a_dispute_of_a_waiting_share_takes_it_where_it_waits,
    what_was_paid_out_is_owed,
    what_is_no_whole_coin_is_refused,
    a_bank_that_does_not_take_a_payout_is_shown,
);

async fn sold(cards: &Cards) -> (CheckoutView, String) {
    let checkout = cards.checkout("buyer").await;
    let intent = cards.pays(&checkout).await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Settled);
    (checkout, intent)
}

async fn send_back(cards: &Cards, idempotency: &str, body: &Value) -> Answer {
    let answer = refund_by_operator(&cards.world, idempotency, body).await;
    cards.follow().await;
    answer
}

async fn pairs(cards: &Cards) -> [(String, String); 3] {
    let mut all = Vec::new();
    for name in ["mira", "jonas", "organiser"] {
        all.push((cards.world.available(name).await, debt(&cards.world, name).await));
    }
    all.try_into().unwrap()
}

fn pair(available: &str, debt: &str) -> (String, String) {
    (available.to_owned(), debt.to_owned())
}

async fn the_processors_fee_is_the_sellers_to_bear(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, _) = sold(&cards).await;
    let half = send_back(&cards, "k", &part(&checkout, "5.00")).await.json();
    assert_eq!(
        pairs(&cards).await,
        [pair("3.2935 USD", "0"), pair("1.4115 USD", "0"), pair("0", "0.295 USD")]
    );
    let note = note(&cards.world, "buyer", half["id"].as_str().unwrap()).await;
    assert_eq!(note.rail_fee_borne.unwrap().to_string(), "0.295");
    assert_eq!(note.rail_reference, cards.peer.objects("refund")[0]["id"]);
    cards.world.audit_clean().await;
    send_back(&cards, "k2", &json!({"checkout": checkout.id})).await;
    assert_eq!(
        pairs(&cards).await,
        [pair("0.00 USD", "0"), pair("0.00 USD", "0"), pair("0", "0.59 USD")]
    );
    let sum: i64 = cards
        .peer
        .objects("refund")
        .iter()
        .filter_map(|made| made["amount"].as_i64())
        .sum();
    assert_eq!(sum, 1_000);
    cards.world.audit_clean().await;
}

async fn a_lost_answer_refunds_once(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, _) = sold(&cards).await;
    cards.peer.fault("POST /v1/refunds", FaultKind::LostAfter, 3);
    send_back(&cards, "k", &part(&checkout, "4.00")).await;
    assert_eq!(
        sheet(&cards.world, "buyer", &checkout).await["refunds"][0]["state"],
        "under_way"
    );
    cards.world.audit_clean().await;
    cards.peer.keys_forget();
    cards.world.clock.advance(Span::days(2));
    cards.follow().await;
    assert_eq!(
        sheet(&cards.world, "buyer", &checkout).await["refunds"][0]["state"],
        "sent"
    );
    assert_eq!(cards.peer.objects("refund").len(), 1);
    cards.world.audit_clean().await;
}

async fn what_the_buyers_bank_does_not_take_is_the_buyers_here(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, _) = sold(&cards).await;
    send_back(&cards, "k", &json!({"checkout": checkout.id})).await;
    let made = cards.peer.objects("refund")[0]["id"].as_str().unwrap().to_owned();
    cards.peer.refund_fail(&made).unwrap();
    cards.peer.tell_again("refund.failed", &made);
    cards.follow().await;
    let sheet = sheet(&cards.world, "organiser", &checkout).await;
    assert_eq!(
        (&sheet["refunds"][0]["state"], &sheet["left"]["amount"]),
        (&json!("returned"), &json!("0.00"))
    );
    assert!(
        sheet["refunds"][0]["problem"]
            .as_str()
            .unwrap()
            .contains("buyer's balance")
    );
    assert_eq!(cards.world.available("buyer").await, "10.00 USD");
    cards.world.audit_clean().await;
}

async fn a_refund_that_is_called_off_is_the_buyers_here(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, _) = sold(&cards).await;
    send_back(&cards, "k", &json!({"checkout": checkout.id})).await;
    let made = cards.peer.objects("refund")[0]["id"].as_str().unwrap().to_owned();
    // That it is under way now says nothing.
    cards.peer.tamper(&made, |refund| refund["status"] = json!("pending"));
    cards.peer.tell_again("refund.updated", &made);
    cards.follow().await;
    let state = async || sheet(&cards.world, "organiser", &checkout).await["refunds"][0]["state"].clone();
    assert_eq!(state().await, "sent");
    cards.peer.refund_cancel(&made).unwrap();
    cards.follow().await;
    assert_eq!(state().await, "returned");
    assert_eq!(
        cards.world.available("buyer").await,
        "10.00 USD",
        "once, of two messages"
    );
    assert_eq!(kinds(&compared(&cards.world, "rail:stripe").await), [""; 0]);
    cards.world.audit_clean().await;
}

async fn a_refund_that_is_called_off_before_its_answer_is_heard_is_undone(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, _) = sold(&cards).await;
    cards.peer.fault("POST /v1/refunds", FaultKind::LostAfter, 3);
    send_back(&cards, "k", &part(&checkout, "4.00")).await;
    let made = cards.peer.objects("refund")[0]["id"].as_str().unwrap().to_owned();
    cards.peer.tamper(&made, |refund| refund["status"] = json!("canceled"));
    cards.world.clock.advance(Span::hours(1));
    cards.follow().await;
    let sheet = sheet(&cards.world, "organiser", &checkout).await;
    assert_eq!(
        (&sheet["refunds"][0]["state"], &sheet["left"]["amount"]),
        (&json!("failed"), &json!("10.00"))
    );
    cards.world.audit_clean().await;
}

async fn that_a_refund_failed_may_be_told_before_its_answer_is_heard(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, _) = sold(&cards).await;
    cards.peer.fault("POST /v1/refunds", FaultKind::LostAfter, u32::MAX);
    send_back(&cards, "k", &part(&checkout, "4.00")).await;
    let made = cards.peer.objects("refund")[0]["id"].as_str().unwrap().to_owned();
    cards.peer.refund_fail(&made).unwrap();
    cards.peer.tell_again("refund.failed", &made);
    cards.follow().await;
    let waits = kinds(&compared(&cards.world, "ledger").await).contains(&"message_overdue");
    assert!(waits, "nobody knows whose it was");
    cards.peer.faults_clear();
    cards.world.clock.advance(Span::hours(1));
    cards.follow().await;
    cards.world.clock.advance(Span::hours(1));
    cards.follow().await;
    let sheet = sheet(&cards.world, "organiser", &checkout).await;
    assert_eq!(
        (&sheet["refunds"][0]["state"], &sheet["left"]["amount"]),
        (&json!("failed"), &json!("10.00")),
        "this processor says at once that it failed: the split is as it was"
    );
    assert_eq!(kinds(&compared(&cards.world, "ledger").await), ["refund_refused"]);
    assert_eq!(kinds(&compared(&cards.world, "rail:stripe").await), [""; 0]);
    cards.world.audit_clean().await;
}

async fn a_payment_that_goes_back_as_it_came_may_not_arrive_either(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    cards
        .world
        .seller
        .refuses
        .store(true, std::sync::atomic::Ordering::SeqCst);
    cards.pays(&checkout).await;
    assert_eq!(cards.world.state(checkout.id).await, CheckoutState::Refunded);
    let made = cards.peer.objects("refund")[0]["id"].as_str().unwrap().to_owned();
    cards.peer.refund_fail(&made).unwrap();
    cards.peer.tell_again("refund.failed", &made);
    cards.follow().await;
    assert_eq!(cards.world.available("buyer").await, "10.00 USD");
    cards.world.audit_clean().await;
}

async fn what_the_processor_refuses_is_undone(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, intent) = sold(&cards).await;
    // Somebody has sent it back by hand, at the processor.
    let charge = cards.peer.object(&intent)["latest_charge"].as_str().unwrap().to_owned();
    cards
        .peer
        .tamper(&charge, |charge| charge["amount_refunded"] = json!(1_000));
    let before = pairs(&cards).await;
    send_back(&cards, "k", &json!({"checkout": checkout.id})).await;
    let sheet = sheet(&cards.world, "organiser", &checkout).await;
    assert_eq!(
        (&sheet["refunds"][0]["state"], &sheet["left"]["amount"]),
        (&json!("failed"), &json!("10.00"))
    );
    assert!(sheet["refunds"][0]["problem"].is_string());
    assert_eq!(before[..2], pairs(&cards).await[..2]);
    assert_eq!(debt(&cards.world, "organiser").await, "0");
    assert!(
        cards.world.seller.returned.lock().unwrap().is_empty(),
        "the ticket stays valid"
    );
    cards.world.audit_clean().await;
}

async fn a_disputed_payment_is_not_sent_back(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, intent) = sold(&cards).await;
    let dispute = cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    let ask = async |key: &str| send_back(&cards, key, &json!({"checkout": checkout.id})).await;
    assert_eq!(ask("k").await.code(), "conflict");
    cards.peer.dispute_close(&dispute, false).unwrap();
    cards.follow().await;
    let lost = ask("k").await;
    assert_eq!(
        (lost.code().as_str(), lost.text().contains("lost")),
        ("conflict", true),
        "{}",
        lost.text()
    );
    assert!(cards.peer.objects("refund").is_empty());
    cards.world.audit_clean().await;
}

async fn a_dispute_takes_what_refunds_have_left(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, intent) = sold(&cards).await;
    send_back(&cards, "k", &part(&checkout, "4.00")).await;
    let dispute = cards.peer.dispute_open(&intent, 600).unwrap();
    cards.follow().await;
    // The lines are whole again with the dispute, and its own fee is the seller's.
    assert_eq!(
        pairs(&cards).await,
        [pair("0.00 USD", "0"), pair("0.00 USD", "0"), pair("0", "15.59 USD")]
    );
    cards.world.audit_clean().await;
    cards.peer.dispute_close(&dispute, true).unwrap();
    cards.follow().await;
    assert_eq!(
        pairs(&cards).await,
        [pair("3.9522 USD", "0"), pair("1.6938 USD", "0"), pair("0", "0.236 USD")]
    );
    assert_eq!(
        sheet(&cards.world, "organiser", &checkout).await["left"]["amount"],
        "6.00"
    );
    cards.world.audit_clean().await;
}

async fn a_dispute_waits_for_a_refund_under_way(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, intent) = sold(&cards).await;
    cards.peer.fault("/refunds", FaultKind::LostBefore, 3);
    send_back(&cards, "k", &part(&checkout, "4.00")).await;
    cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    assert_eq!(pairs(&cards).await[0], pair("3.9522 USD", "0"), "the dispute waits");
    cards.world.clock.advance(Span::hours(1));
    cards.follow().await;
    // The processor refuses: the bank was quicker. So the dispute takes all of it, and the refund nothing.
    let sheet = sheet(&cards.world, "organiser", &checkout).await;
    assert_eq!(sheet["refunds"][0]["state"], "failed", "{sheet}");
    cards.world.clock.advance(Span::hours(1));
    cards.follow().await;
    assert_eq!(
        pairs(&cards).await,
        [pair("0.00 USD", "0"), pair("0.00 USD", "0"), pair("0", "15.59 USD")]
    );
    cards.world.audit_clean().await;
}

async fn a_dispute_of_a_waiting_share_takes_it_where_it_waits(backend: Backend) {
    let cards = Cards::live(backend).await;
    let shares = [("mira", 700_000), ("jonas", 300_000)];
    let goods = cards.world.goods_split("buyer", "10.00 USD", &shares);
    cards
        .world
        .seller
        .change(&goods, |quote| quote.accepted = vec![key("mira").did()]);
    let checkout = cards.world.checkout_of("buyer", &goods).await;
    let intent = cards.pays(&checkout).await;
    let pending = async || cards.world.balance(&key("jonas").did(), "pending").await;
    assert_eq!(pending().await, "2.823 USD");
    let dispute = cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    assert_eq!(pending().await, "0");
    cards.world.audit_clean().await;
    cards.peer.dispute_close(&dispute, true).unwrap();
    cards.follow().await;
    assert_eq!(pending().await, "2.823 USD", "it waits again");
    cards.world.audit_clean().await;
    let manifest = cards
        .world
        .receipt("buyer", checkout.id)
        .await
        .message
        .payload
        .manifest
        .id;
    crate::shares::accept(&cards.world, "jonas", &manifest).await;
    assert_eq!(cards.world.available("jonas").await, "2.823 USD");
    cards.world.audit_clean().await;
}

async fn what_was_paid_out_is_owed(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    let (checkout, _) = sold(&cards).await;
    let out = json!({"currency": "USD"});
    assert_eq!(
        cards
            .world
            .post("mira", "/pay/api/payout", Some("p"), &out)
            .await
            .status
            .as_u16(),
        201
    );
    cards.follow().await;
    send_back(&cards, "k", &json!({"checkout": checkout.id})).await;
    assert_eq!(pairs(&cards).await[0], pair("0.00 USD", "6.58 USD"));
    cards.world.audit_clean().await;
    // The transfer comes back: it pays the debt.
    let transfer = cards.peer.objects("transfer")[0]["id"].as_str().unwrap().to_owned();
    cards.peer.transfer_reverse(&transfer).unwrap();
    cards.follow().await;
    assert_eq!(pairs(&cards).await[0], pair("0.00 USD", "0"));
    cards.world.audit_clean().await;
}

async fn what_is_no_whole_coin_is_refused(backend: Backend) {
    let cards = Cards::live(backend).await;
    let (checkout, _) = sold(&cards).await;
    let answer = send_back(&cards, "k", &part(&checkout, "1.001")).await;
    assert_eq!(answer.code(), "invalid_request");
    assert!(cards.peer.objects("refund").is_empty());
    cards.world.audit_clean().await;
}

async fn a_bank_that_does_not_take_a_payout_is_shown(backend: Backend) {
    let cards = Cards::live(backend).await;
    let account = onboard(&cards, "mira").await;
    cards.peer.bank_refuses(&account, 658).unwrap();
    cards.follow().await;
    let shown = cards.world.get(Some("mira"), "/pay/api/payouts").await.json();
    let problem = shown["account"]["problem"].as_str().unwrap();
    assert!(problem.contains("6.58 USD") && problem.contains("stripe"), "{problem}");
    assert_eq!(shown["account"]["ready"], false);
    cards.world.audit_clean().await;
    // A new bank account: it can be paid again, and nothing is wrong any more.
    cards.world.clock.advance(Span::minutes(1));
    cards.peer.account_change(&account, true).unwrap();
    cards.follow().await;
    let shown = cards.world.get(Some("mira"), "/pay/api/payouts").await.json();
    assert_eq!(
        (&shown["account"]["ready"], &shown["account"]["problem"]),
        (&json!(true), &json!(null))
    );
}
