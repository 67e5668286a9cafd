//! What people are told: receipts, money that goes back, payouts, debts, disputes, differences; once, again while
//! nobody takes it, and nothing about anybody else.

use std::sync::atomic::Ordering;

use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use imajin_web::{Addressee, Notice};
use serde_json::json;

use crate::balance::{quote, settle, top_up};
use crate::cards::Cards;
use crate::payouts::onboard;
use crate::refunds::{part, refund_by_operator, settled};
use crate::world::{World, key};

on_both!(
    a_payer_is_told_of_the_receipt_once,
    a_payer_is_told_that_the_money_goes_back,
    who_pays_from_a_balance_is_told_the_same,
    what_nobody_takes_is_told_again_under_the_same_name,
    a_refund_is_told_to_the_payer_and_a_debt_to_whoever_owes,
    a_payee_is_told_of_a_payout_and_of_what_came_back,
    a_dispute_is_told_to_the_seller_and_its_end_to_both,
    the_operator_is_told_once_of_what_is_different,
);

/// What was told, once everything is due.
async fn all_told(world: &World) -> Vec<Notice> {
    for _ in 0..2 {
        world.clock.advance(Span::minutes(1));
        world.pay.drive().await.unwrap();
    }
    world.identities.told.lock().unwrap().clone()
}

/// What was told to somebody.
async fn told(world: &World, name: &str) -> Vec<Notice> {
    let to = Addressee::Person(key(name).did());
    let all = all_told(world).await;
    all.into_iter().filter(|notice| notice.to == to).collect()
}

/// Nobody reads who else is paid, or how much.
fn says_nothing_of_others(notice: &Notice) {
    let text = format!("{} {} {}", notice.subject, notice.text, notice.path);
    for other in ["mira", "jonas", "organiser", "buyer"] {
        assert!(!text.contains(key(other).did().as_str()), "{notice:?}");
    }
}

async fn a_payer_is_told_of_the_receipt_once(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    world.pay_for(&checkout).await;
    assert!(
        world.identities.told.lock().unwrap().is_empty(),
        "it may still end otherwise"
    );
    let all = all_told(&world).await;
    assert_eq!(all.len(), 1, "payees look at their earnings: {all:?}");
    let receipt = world.view(checkout.id).await.receipt.unwrap();
    assert_eq!(all[0].to, Addressee::Person(key("buyer").did()));
    assert_eq!(all[0].path, format!("/receipts/{receipt}"));
    assert!(all[0].text.contains("10.00 TEST-USD (test money)"), "{all:?}");
    says_nothing_of_others(&all[0]);
    assert_eq!(all_told(&world).await.len(), 1);
    world.audit_clean().await;
}

async fn a_payer_is_told_that_the_money_goes_back(backend: Backend) {
    let world = World::new(backend).await;
    world.seller.refuses.store(true, Ordering::SeqCst);
    let checkout = world.checkout("buyer").await;
    world.pay_for(&checkout).await;
    let told = told(&world, "buyer").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].subject.starts_with("Sent back: "), "{told:?}");
    assert!(told[0].text.contains("10.00 TEST-USD (test money)"), "{told:?}");
    assert_eq!(told[0].path, format!("/pay/checkout/{}", checkout.id));
}

async fn who_pays_from_a_balance_is_told_the_same(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "20.00").await;
    let before = told(&world, "buyer").await.len();
    let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    assert_eq!(settle(&world, "buyer", &quoted, "one").await.json()["state"], "settled");
    world.seller.refuses.store(true, Ordering::SeqCst);
    let quoted = quote(&world, "buyer", &world.work("7.00 TEST-USD")).await;
    settle(&world, "buyer", &quoted, "two").await;
    let told = told(&world, "buyer").await.split_off(before);
    let mut subjects: Vec<&str> = told
        .iter()
        .filter_map(|notice| notice.subject.split(':').next())
        .collect();
    subjects.sort_unstable();
    assert_eq!(subjects, ["Receipt", "Sent back"], "{told:?}");
    world.audit_clean().await;
}

async fn what_nobody_takes_is_told_again_under_the_same_name(backend: Backend) {
    let world = World::new(backend).await;
    world.identities.mail_away.store(true, Ordering::SeqCst);
    let checkout = world.checkout("buyer").await;
    world.seller.away.store(true, Ordering::SeqCst);
    world.pay_for(&checkout).await;
    assert_eq!(told(&world, "buyer").await, [], "the goods are not handed over");
    world.seller.away.store(false, Ordering::SeqCst);
    assert_eq!(told(&world, "buyer").await, [], "nobody takes it");
    world.identities.mail_away.store(false, Ordering::SeqCst);
    world.clock.advance(Span::minutes(10));
    let first = told(&world, "buyer").await;
    assert_eq!(first.len(), 1);
    assert!(
        first[0].source.starts_with("pay/obx_"),
        "its taker knows it again: {first:?}"
    );
    world.clock.advance(Span::minutes(10));
    assert_eq!(told(&world, "buyer").await.len(), 1);
    world.audit_clean().await;
}

async fn a_refund_is_told_to_the_payer_and_a_debt_to_whoever_owes(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = settled(&world).await;
    all_told(&world).await;
    // Mira has spent her part.
    let hold = json!({"amount": {"amount": "7.00", "currency": "TEST-USD"}});
    world.post("mira", "/pay/api/holds", Some("h"), &hold).await;
    let sent = refund_by_operator(&world, "k", &part(&checkout, "4.00")).await;
    assert_eq!(sent.status.as_u16(), 201, "{}", sent.text());
    let buyer = told(&world, "buyer").await;
    assert_eq!(buyer.len(), 2, "{buyer:?}");
    assert!(
        buyer[1]
            .text
            .contains("4.00 TEST-USD (test money) of what you have paid"),
        "{buyer:?}"
    );
    let mira = told(&world, "mira").await;
    assert_eq!(mira.len(), 1, "{mira:?}");
    assert_eq!(
        (mira[0].subject.as_str(), mira[0].path.as_str()),
        ("You owe 2.80 TEST-USD (test money)", "/earnings")
    );
    assert_eq!(
        told(&world, "jonas").await,
        [],
        "who gives back what is there owes nothing"
    );
    buyer.iter().chain(&mira).for_each(says_nothing_of_others);
    world.audit_clean().await;
}

async fn a_payee_is_told_of_a_payout_and_of_what_came_back(backend: Backend) {
    let cards = Cards::live(backend).await;
    onboard(&cards, "mira").await;
    let checkout = cards.checkout("buyer").await;
    cards.pays(&checkout).await;
    let body = json!({"currency": "USD"});
    cards.world.post("mira", "/pay/api/payout", Some("k"), &body).await;
    cards.follow().await;
    let first = told(&cards.world, "mira").await;
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(
        (first[0].subject.as_str(), first[0].path.as_str()),
        ("Paid out: 6.58 USD", "/earnings")
    );
    let transfer = cards.peer.objects("transfer")[0]["id"].as_str().unwrap().to_owned();
    cards.peer.transfer_reverse(&transfer).unwrap();
    cards.follow().await;
    let second = told(&cards.world, "mira").await;
    assert_eq!(second.len(), 2, "{second:?}");
    assert_eq!(second[1].subject, "A payout came back");
}

async fn a_dispute_is_told_to_the_seller_and_its_end_to_both(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let intent = cards.pays(&checkout).await;
    let dispute = cards.peer.dispute_open(&intent, 500).unwrap();
    cards.follow().await;
    let organiser = told(&cards.world, "organiser").await;
    assert!(
        organiser
            .iter()
            .any(|notice| notice.subject.starts_with("Disputed: ") && notice.text.contains("5.00 USD")),
        "{organiser:?}"
    );
    assert_eq!(told(&cards.world, "buyer").await.len(), 1, "the receipt");
    cards.peer.dispute_close(&dispute, false).unwrap();
    cards.follow().await;
    let buyer = told(&cards.world, "buyer").await;
    assert_eq!(buyer.len(), 2, "{buyer:?}");
    assert!(buyer[1].text.contains("taken them back for you"), "{buyer:?}");
    let organiser = told(&cards.world, "organiser").await;
    assert!(
        organiser
            .iter()
            .any(|notice| notice.subject.starts_with("Dispute lost: "))
    );
    organiser.iter().chain(&buyer).for_each(says_nothing_of_others);
}

async fn the_operator_is_told_once_of_what_is_different(backend: Backend) {
    let world = World::new(backend).await;
    let operator = async |world: &World| {
        let all = all_told(world).await;
        let own = all.into_iter().filter(|notice| notice.to == Addressee::Operator);
        own.collect::<Vec<_>>()
    };
    let compare = async |world: &World| {
        world.clock.advance(Span::hours(7));
        world.pay.reconcile_now(None).await.unwrap();
    };
    let checkout = settled(&world).await;
    compare(&world).await;
    assert_eq!(operator(&world).await, []);
    let hold = json!({"amount": {"amount": "7.00", "currency": "TEST-USD"}});
    world.post("mira", "/pay/api/holds", Some("h"), &hold).await;
    refund_by_operator(&world, "k", &part(&checkout, "4.00")).await;
    compare(&world).await;
    compare(&world).await;
    let told = operator(&world).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].path, "/pay/operator/reconciliation");
    assert!(told[0].text.contains("1 × debt open."), "{told:?}");
    world.audit_clean().await;
}
