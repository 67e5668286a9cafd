//! The ledger is compared with the rows beside it, and what should have ended is named.

use std::sync::atomic::Ordering;

use diesel::connection::SimpleConnection;
use imajin_kernel::Span;
use imajin_rails::RailOutcome;
use imajin_store::StoreError;
use imajin_testkit::stripe_peer::FaultKind;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::cards::Cards;
use crate::reconcile::{compared, kinds};
use crate::world::{World, key};

on_both!(
    a_debt_is_named_until_it_is_paid,
    a_fee_that_the_rail_does_not_name_is_named,
    what_nobody_delivers_is_named_until_somebody_does,
    a_refund_that_the_rail_does_not_make_is_named,
    held_shares_without_their_rows_are_named,
);

async fn a_debt_is_named_until_it_is_paid(backend: Backend) {
    let cards = Cards::live(backend).await;
    let checkout = cards.checkout("buyer").await;
    let intent = cards.pays(&checkout).await;
    cards.peer.dispute_open(&intent, 1_000).unwrap();
    cards.follow().await;
    let found = compared(&cards.world, "ledger").await;
    assert_eq!(kinds(&found), ["debt_open"]);
    let organiser = key("organiser").did();
    assert_eq!(found[0]["subject"], format!("debt/{organiser}|USD"));
    assert_eq!(found[0]["found"], "-15.59");
}

async fn a_fee_that_the_rail_does_not_name_is_named(backend: Backend) {
    let cards = Cards::live(backend).await;
    cards.peer.fees_later(true);
    let checkout = cards.checkout("buyer").await;
    let intent = cards.pays(&checkout).await;
    assert_eq!(kinds(&compared(&cards.world, "ledger").await), [""; 0]);
    cards.world.clock.advance(Span::days(3));
    assert_eq!(
        kinds(&compared(&cards.world, "ledger").await),
        ["checkout_overdue", "fee_overdue"]
    );
    cards.peer.fee_settle(&intent).unwrap();
    cards.follow().await;
    assert_eq!(kinds(&compared(&cards.world, "ledger").await), [""; 0]);
}

async fn what_nobody_delivers_is_named_until_somebody_does(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    world.seller.away.store(true, Ordering::SeqCst);
    world.webhook(&world.event(&checkout, RailOutcome::Paid)).await;
    world.pay.drive().await.unwrap();
    assert_eq!(kinds(&compared(&world, "ledger").await), [""; 0]);
    let found = compared(&world, "ledger").await;
    assert_eq!(kinds(&found), ["checkout_overdue"]);
    assert_eq!(found[0]["subject"], format!("checkout/{}", checkout.id));
    world.seller.away.store(false, Ordering::SeqCst);
    world.pay.drive().await.unwrap();
    assert_eq!(kinds(&compared(&world, "ledger").await), [""; 0]);
    world.audit_clean().await;
}

async fn a_refund_that_the_rail_does_not_make_is_named(backend: Backend) {
    let cards = Cards::live(backend).await;
    cards.world.seller.refuses.store(true, Ordering::SeqCst);
    cards.peer.fault("/refunds", FaultKind::ServerError, 100);
    let checkout = cards.checkout("buyer").await;
    cards.pays(&checkout).await;
    cards.world.clock.advance(Span::hours(1));
    let found = compared(&cards.world, "ledger").await;
    assert_eq!(kinds(&found), ["refund_overdue"]);
    assert_eq!(found[0]["expected"], "10.00");
    cards.peer.faults_clear();
    cards.world.clock.advance(Span::hours(1));
    cards.follow().await;
    assert_eq!(kinds(&compared(&cards.world, "ledger").await), [""; 0]);
}

async fn held_shares_without_their_rows_are_named(backend: Backend) {
    let world = World::new(backend).await;
    let shares = [("mira", 600_000), ("jonas", 400_000)];
    let goods = world.goods_split("buyer", "5.00 TEST-USD", &shares);
    world
        .seller
        .change(&goods, |quote| quote.accepted = vec![key("mira").did()]);
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay_for(&checkout).await;
    assert_eq!(kinds(&compared(&world, "ledger").await), [""; 0]);
    let deleted: Result<(), StoreError> = world
        .db
        .write(|conn| Ok(conn.batch_execute("DELETE FROM held_shares")?))
        .await;
    deleted.unwrap();
    let found = compared(&world, "ledger").await;
    assert_eq!(kinds(&found), ["pending_differs"]);
    assert_eq!(found[0]["subject"], format!("pending/{}|TEST-USD", key("jonas").did()));
    assert_eq!(
        (&found[0]["expected"], &found[0]["found"]),
        (&json!("0.00"), &json!("2.00"))
    );
}
