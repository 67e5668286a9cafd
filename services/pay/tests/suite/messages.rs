//! What rails say: twice, late, in the wrong order, forged, or wrong.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use imajin_did::Keyring;
use imajin_kernel::Span;
use imajin_kernel::id::CheckoutId;
use imajin_pay_api::{CheckoutFetch, CheckoutState, PayApi, SalesSummaryRequest};
use imajin_rails::{RailOutcome, SandboxRail};
use imajin_testkit::{Backend, on_both};

use crate::world::{World, key, money};

on_both!(
    the_same_message_twice_is_one_payment,
    a_second_payment_of_a_checkout_goes_back,
    a_payment_after_the_end_is_delivered_or_goes_back,
    messages_in_the_wrong_order_change_nothing,
    a_failed_attempt_can_be_repeated,
    the_wrong_amount_is_booked_and_goes_back,
    a_forged_message_changes_nothing,
    money_for_an_unknown_checkout_is_not_lost,
    goods_that_cannot_be_had_are_refunded,
    a_seller_that_is_away_is_asked_again,
);

async fn the_same_message_twice_is_one_payment(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    let event = world.event(&checkout, RailOutcome::Paid);
    let first = world.webhook(&event).await;
    let second = world.webhook(&event).await;
    assert_eq!((first.status, first.body), (second.status, second.body));
    world.pay.drive().await.unwrap();
    world.clock.advance(Span::days(3));
    assert_eq!(world.webhook(&event).await.status, StatusCode::OK);
    world.pay.drive().await.unwrap();
    assert_eq!(world.seller.asked.load(Ordering::SeqCst), 1);
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);
    world.audit_clean().await;
}

async fn a_second_payment_of_a_checkout_goes_back(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    // One before the goods are delivered, one after.
    world.webhook(&world.event(&checkout, RailOutcome::Paid)).await;
    world.webhook(&world.event(&checkout, RailOutcome::Paid)).await;
    world.pay.drive().await.unwrap();
    world.pay_for(&checkout).await;
    assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    assert_eq!(world.balance(&key("buyer").did(), "held").await, "0");
    let sales = world.pay.sales_summary(SalesSummaryRequest {}).await.unwrap();
    assert_eq!((sales.receipts, sales.refunded), (1, 2));
    world.audit_clean().await;
}

async fn a_payment_after_the_end_is_delivered_or_goes_back(backend: Backend) {
    let world = World::new(backend).await;
    let late = world.checkout("late").await;
    let event = world.event(&late, RailOutcome::Paid);
    world.clock.advance(Span::hours(2));
    assert_eq!(world.state(late.id).await, CheckoutState::Expired);
    world.pay.sweep().await.unwrap();
    world.webhook(&event).await;
    world.pay.drive().await.unwrap();
    assert_eq!(
        world.state(late.id).await,
        CheckoutState::Settled,
        "the seller still had it"
    );

    let cancelled = world.checkout("too late").await;
    world
        .pay
        .checkout_cancel(CheckoutFetch { id: cancelled.id })
        .await
        .unwrap();
    world.seller.refuses.store(true, Ordering::SeqCst);
    world.pay_for(&cancelled).await;
    let view = world.view(cancelled.id).await;
    assert_eq!(
        (view.state, view.reason.as_deref()),
        (CheckoutState::Refunded, Some("No places are left."))
    );
    assert_eq!(view.receipt, None);
    world.audit_clean().await;
}

async fn messages_in_the_wrong_order_change_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    let (failed, left) = (
        world.event(&checkout, RailOutcome::Failed),
        world.event(&checkout, RailOutcome::Cancelled),
    );
    world.pay_for(&checkout).await;
    assert_eq!(world.webhook(&failed).await.status, StatusCode::OK);
    assert_eq!(world.webhook(&left).await.status, StatusCode::OK);
    assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);

    // The buyer leaves first, and the money comes all the same.
    let other = world.checkout("other").await;
    world.webhook(&world.event(&other, RailOutcome::Cancelled)).await;
    assert_eq!(world.state(other.id).await, CheckoutState::Cancelled);
    world.pay_for(&other).await;
    assert_eq!(world.state(other.id).await, CheckoutState::Settled);
    world.audit_clean().await;
}

async fn a_failed_attempt_can_be_repeated(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    world.webhook(&world.event(&checkout, RailOutcome::Failed)).await;
    assert_eq!(world.state(checkout.id).await, CheckoutState::Open);
    world.pay_for(&checkout).await;
    assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);
    world.audit_clean().await;
}

async fn the_wrong_amount_is_booked_and_goes_back(backend: Backend) {
    let world = World::new(backend).await;
    for (buyer, wrong) in [
        ("little", "9.99 TEST-USD"),
        ("much", "10.01 TEST-USD"),
        ("other", "10.00 TEST-EUR"),
    ] {
        let checkout = world.checkout(buyer).await;
        let mut event = world.event(&checkout, RailOutcome::Paid);
        event.amount = money(wrong);
        world.webhook(&event).await;
        world.pay.drive().await.unwrap();
        let view = world.view(checkout.id).await;
        assert_eq!(view.state, CheckoutState::Refunded);
        assert_eq!(
            view.reason.unwrap(),
            format!("{wrong} arrived instead of 10.00 TEST-USD; it was sent back.")
        );
        assert_eq!(world.balance(&key(buyer).did(), "held").await, "0");
    }
    assert_eq!(world.seller.asked.load(Ordering::SeqCst), 0);
    world.audit_clean().await;
}

async fn a_forged_message_changes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    let thief = SandboxRail::new(&Keyring::generate(&world.env), world.env.clone(), "");
    let forged = thief.message(&world.event(&checkout, RailOutcome::Paid)).unwrap();
    let answer = world.webhook_raw("sandbox", forged).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNAUTHORIZED, "bad_signature")
    );
    let good = world
        .pay
        .sandbox_message(&world.event(&checkout, RailOutcome::Failed))
        .unwrap();
    let changed = String::from_utf8(good)
        .unwrap()
        .replace("\"failed\"", "\"paid\"")
        .into_bytes();
    assert_eq!(world.webhook_raw("sandbox", changed).await.code(), "bad_signature");
    assert_eq!(
        world.webhook_raw("sandbox", b"{}".to_vec()).await.code(),
        "invalid_request"
    );
    assert_eq!(world.webhook_raw("stripe", b"{}".to_vec()).await.code(), "not_found");
    world.pay.drive().await.unwrap();
    assert_eq!(world.state(checkout.id).await, CheckoutState::Open);
    world.audit_clean().await;
}

async fn money_for_an_unknown_checkout_is_not_lost(backend: Backend) {
    let world = World::new(backend).await;
    let nowhere: CheckoutId = world.env.new_id();
    let event = world
        .pay
        .sandbox()
        .event(nowhere, RailOutcome::Paid, money("5.00 TEST-USD"));
    assert_eq!(world.webhook(&event).await.status, StatusCode::OK);
    world.pay.drive().await.unwrap();
    world.audit_clean().await;
}

async fn goods_that_cannot_be_had_are_refunded(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    world.seller.refuses.store(true, Ordering::SeqCst);
    world.pay_for(&checkout).await;
    let view = world.view(checkout.id).await;
    assert_eq!(
        (view.state, view.reason.as_deref()),
        (CheckoutState::Refunded, Some("No places are left."))
    );
    assert_eq!(world.balance(&key("buyer").did(), "held").await, "0");
    assert_eq!(world.available("mira").await, "0");
    let sales = world.pay.sales_summary(SalesSummaryRequest {}).await.unwrap();
    assert_eq!((sales.receipts, sales.refunded, sales.in_progress), (0, 1, 0));
    world.audit_clean().await;
}

async fn a_seller_that_is_away_is_asked_again(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    world.seller.away.store(true, Ordering::SeqCst);
    world.pay_for(&checkout).await;
    for _ in 0..12 {
        world.clock.advance(Span::minutes(10));
        world.pay.drive().await.unwrap();
        assert_eq!(world.state(checkout.id).await, CheckoutState::Paid);
    }
    world.audit_clean().await;
    world.seller.away.store(false, Ordering::SeqCst);
    assert_eq!(world.pay.drive().await.unwrap(), 0, "it is not due yet");
    world.clock.advance(Span::minutes(10));
    world.pay.drive().await.unwrap();
    assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);
    world.audit_clean().await;
}
