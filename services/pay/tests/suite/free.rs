//! Goods that cost nothing: no payment, and a receipt all the same.

use std::sync::atomic::Ordering;

use imajin_pay_api::{CheckoutState, GoodsRef};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{World, money};

on_both!(
    what_costs_nothing_is_handed_over_with_a_receipt_of_nothing,
    what_costs_nothing_is_got_once,
    what_costs_nothing_and_cannot_be_had_ends_without_a_receipt,
    what_costs_nothing_is_paid_from_no_balance_and_nothing_of_it_goes_back,
);

const SHARES: [(&str, u32); 2] = [("mira", 700_000), ("jonas", 300_000)];

fn free(world: &World) -> GoodsRef {
    world.goods_split("buyer", "0.00 TEST-USD", &SHARES)
}

async fn what_costs_nothing_is_handed_over_with_a_receipt_of_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout_of("buyer", &free(&world)).await;
    assert_eq!(checkout.state, CheckoutState::Paid);
    assert!(
        checkout.url.ends_with("/orders/1"),
        "there is nowhere to pay: {}",
        checkout.url
    );
    world.pay.drive().await.unwrap();
    assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(world.seller.delivered(), 1);
    let receipt = world.receipt("buyer", checkout.id).await.message.payload;
    assert_eq!(receipt.gross, money("0.00 TEST-USD"));
    assert_eq!((receipt.legs.len(), receipt.fees.len()), (0, 0));
    assert_eq!((receipt.rail.as_str(), receipt.rail_fee), ("free", None));
    for name in ["mira", "jonas", "buyer"] {
        assert_eq!(world.available(name).await, "0");
    }
    world.audit_clean().await;
}

async fn what_costs_nothing_is_got_once(backend: Backend) {
    let world = World::new(backend).await;
    let goods = free(&world);
    let first = world.checkout_of("buyer", &goods).await;
    assert_eq!(world.checkout_of("buyer", &goods).await.id, first.id);
    world.pay.drive().await.unwrap();
    let again = world.checkout_of("buyer", &goods).await;
    assert_eq!((again.id, again.state), (first.id, CheckoutState::Settled));
    world.pay.drive().await.unwrap();
    assert_eq!(world.seller.asked.load(Ordering::SeqCst), 1);
    world.audit_clean().await;
}

async fn what_costs_nothing_and_cannot_be_had_ends_without_a_receipt(backend: Backend) {
    let world = World::new(backend).await;
    world.seller.refuses.store(true, Ordering::SeqCst);
    let checkout = world.checkout_of("buyer", &free(&world)).await;
    world.pay.drive().await.unwrap();
    let view = world.view(checkout.id).await;
    assert_eq!((view.state, view.receipt), (CheckoutState::Refunded, None));
    assert!(view.reason.is_some());
    world.audit_clean().await;
}

async fn what_costs_nothing_is_paid_from_no_balance_and_nothing_of_it_goes_back(backend: Backend) {
    let world = World::new(backend).await;
    let goods = free(&world);
    let quoted = world
        .post("buyer", "/pay/api/quote", None, &json!({"goods": goods}))
        .await;
    assert_eq!(quoted.code(), "conflict");
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay.drive().await.unwrap();
    let back = json!({"checkout": checkout.id, "reason": "Rain."});
    let refused = world.post("organiser", "/pay/api/refund", Some("back"), &back).await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
    assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);
    world.audit_clean().await;
}
