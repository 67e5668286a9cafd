//! What cannot be handled waits, and holds nothing else up, however much of it there is.

use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::Span;
use imajin_money::Share;
use imajin_pay_api::{CheckoutState, CheckoutView, GoodsQuote};
use imajin_store::StoreError;
use imajin_store::tamper::{self, Tampered};
use imajin_testkit::stripe_peer::FaultKind;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::cards::Cards;
use crate::refunds::{part, refund_by_operator, settled};
use crate::world::{World, key, money};

on_both!(
    damaged_shares_hold_no_other_up,
    messages_that_wait_hold_no_newer_one_up,
    damaged_checkouts_and_holds_hold_no_other_up,
    what_somebody_wrote_into_the_outbox_is_not_done,
);

/// More than are handled at a time.
const SHARES: usize = 101;
const MESSAGES: usize = 257;

/// A sale of 10.10 by the organiser to people who have not accepted.
async fn sale(world: &World, people: &[String]) -> CheckoutView {
    let each = 1_000_000 / u32::try_from(people.len()).unwrap();
    let rest = 1_000_000 - each * u32::try_from(people.len() - 1).unwrap();
    let share = |(place, name): (usize, &String)| {
        let share = Share::from_millionths(if place == 0 { rest } else { each });
        Contributor::new(Payee::Did(key(name).did()), "artist", share.unwrap())
    };
    let mut manifest = Manifest::new(people.iter().enumerate().map(share).collect()).unwrap();
    manifest.author = Some(key("organiser").did());
    let author = key("organiser");
    let goods = world.seller.put(GoodsQuote {
        title: "An evening".to_owned(),
        price: money("10.10 TEST-USD"),
        buyer: Some(key("buyer").did()),
        seller: author.did(),
        manifest: manifest.sign(&author, author.did(), world.env.now()).unwrap(),
        accepted: Vec::new(),
        sources: Vec::new(),
        expires_at: world.env.now().plus(Span::minutes(15)),
    });
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay_for(&checkout).await;
    assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);
    checkout
}

/// Somebody writes into a row of a table: the first one.
pub(crate) async fn damage(world: &World, table: &'static str, column: &'static str) -> Tampered {
    let damaged: Result<Tampered, StoreError> = world
        .db
        .write(move |conn| {
            let place = tamper::rows(conn, table)?.remove(0);
            Ok(tamper::tamper(conn, table, column, &place)?.unwrap())
        })
        .await;
    damaged.unwrap()
}

/// It is as it was.
pub(crate) async fn repair(world: &World, damaged: Tampered) {
    let repaired: Result<(), StoreError> = world.db.write(move |conn| Ok(damaged.clone().undo(conn)?)).await;
    repaired.unwrap();
}

async fn damaged_shares_hold_no_other_up(backend: Backend) {
    let world = World::new(backend).await;
    let many: Vec<String> = (0..SHARES).map(|number| format!("artist {number}")).collect();
    sale(&world, &many).await;
    let damaged = damage(&world, "receipts", "row_seal").await;
    world.clock.advance(Span::seconds(1));
    let good = sale(&world, &["jonas".to_owned(), "zoe".to_owned()]).await;
    world
        .seller
        .change(&good.goods, |quote| quote.accepted = vec![key("jonas").did()]);
    world.clock.advance(Span::minutes(10));
    world.pay.sweep().await.unwrap();
    assert_eq!(world.available("jonas").await, "5.05 TEST-USD");
    world.clock.advance(Span::days(90));
    world.pay.sweep().await.unwrap();
    assert_eq!(world.available("organiser").await, "5.05 TEST-USD", "Zoe's");
    assert_ne!(world.balance(&key("artist 7").did(), "pending").await, "0");
    repair(&world, damaged).await;
    // Nobody looks at them each second; in the end they have their turn.
    for _ in 0..2 {
        world.clock.advance(Span::minutes(11));
        world.pay.sweep().await.unwrap();
    }
    assert_eq!(world.available("organiser").await, "15.15 TEST-USD");
    world.audit_clean().await;
}

async fn messages_that_wait_hold_no_newer_one_up(backend: Backend) {
    let cards = Cards::live(backend).await;
    let first = cards.checkout("buyer").await;
    cards.pays(&first).await;
    // A refund whose answer is lost: what is told about it cannot be understood.
    cards.peer.fault("POST /v1/refunds", FaultKind::LostAfter, u32::MAX);
    cards.world.clock.advance(Span::seconds(1));
    refund_by_operator(&cards.world, "k", &part(&first, "4.00")).await;
    let made = cards.peer.objects("refund")[0]["id"].as_str().unwrap().to_owned();
    cards.peer.refund_fail(&made).unwrap();
    for _ in 0..MESSAGES {
        cards.peer.tell_again("refund.failed", &made);
    }
    cards.deliver().await;
    cards.world.clock.advance(Span::minutes(20));
    let next = cards.checkout("other buyer").await;
    cards.peer.customer_pays(&cards.session(&next)).unwrap();
    cards.deliver().await;
    cards.world.pay.drive().await.unwrap();
    assert_ne!(cards.world.state(next.id).await, CheckoutState::Open);
}

async fn damaged_checkouts_and_holds_hold_no_other_up(backend: Backend) {
    let world = World::new(backend).await;
    settled(&world).await;
    let hold = async |idempotency: &str| {
        let body = json!({"amount": {"amount": "1.00", "currency": "TEST-USD"}});
        let placed = world.post("mira", "/pay/api/holds", Some(idempotency), &body).await;
        assert!(placed.status.is_success(), "{}", placed.text());
    };
    hold("first").await;
    let kept = damage_last(&world, "ledger_holds", "reference").await;
    let first = world.checkout("one").await;
    let opened = damage_last(&world, "checkouts", "title").await;
    // What is over is shown as over; only what was ended says why.
    let is_ended = async |id| world.view(id).await.reason.is_some();
    world.clock.advance(Span::seconds(1));
    hold("second").await;
    let second = world.checkout("two").await;
    world.clock.advance(Span::days(60));
    for _again in 0..2 {
        world.pay.sweep().await.unwrap();
    }
    assert!(is_ended(second.id).await);
    assert_eq!(
        world.balance(&key("mira").did(), "held").await,
        "1.00 TEST-USD",
        "the damaged one"
    );
    repair(&world, opened).await;
    repair(&world, kept).await;
    assert!(!is_ended(first.id).await);
    world.pay.sweep().await.unwrap();
    assert!(is_ended(first.id).await);
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    world.audit_clean().await;
}

/// Somebody writes into a row of a table: the last one.
async fn damage_last(world: &World, table: &'static str, column: &'static str) -> Tampered {
    let damaged: Result<Tampered, StoreError> = world
        .db
        .write(move |conn| {
            let mut places = tamper::rows(conn, table)?;
            let place = places.pop().unwrap();
            Ok(tamper::tamper(conn, table, column, &place)?.unwrap())
        })
        .await;
    damaged.unwrap()
}

async fn what_somebody_wrote_into_the_outbox_is_not_done(backend: Backend) {
    let cards = Cards::live(backend).await;
    let first = cards.checkout("buyer").await;
    cards.pays(&first).await;
    let operator = async |idempotency: &str, amount: &str| {
        *cards.world.identities.operator.lock().unwrap() = Some(key("operator").did());
        let body = part(&first, amount);
        cards
            .world
            .post("operator", "/pay/api/refund", Some(idempotency), &body)
            .await
    };
    operator("one", "1.00").await;
    let forged = damage_last(&cards.world, "outbox", "attempts").await;
    operator("two", "2.00").await;
    cards.follow().await;
    let made = cards.peer.objects("refund");
    assert_eq!((made.len(), &made[0]["amount"]), (1, &json!(200)));
    repair(&cards.world, forged).await;
    cards.follow().await;
    assert_eq!(cards.peer.objects("refund").len(), 2);
    cards.world.audit_clean().await;
}
