//! What cannot be handled waits, and holds nothing else up, however much of it there is.

use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::Span;
use imajin_money::Share;
use imajin_pay_api::{CheckoutState, CheckoutView, GoodsQuote};
use imajin_store::StoreError;
use imajin_store::tamper::{self, Tampered};
use imajin_testkit::stripe_peer::FaultKind;
use imajin_testkit::{Backend, on_both};

use crate::cards::Cards;
use crate::refunds::{part, refund_by_operator};
use crate::world::{World, key, money};

on_both!(damaged_shares_hold_no_other_up, messages_that_wait_hold_no_newer_one_up,);

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
