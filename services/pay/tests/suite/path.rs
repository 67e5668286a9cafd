//! The whole path, from the seller's quote to the split and the receipt.

use imajin_fair::plan::FeeSchedule;
use imajin_pay::PayConfig;
use imajin_pay_api::{CheckoutState, PayApi, ReceiptBody, ReceiptClaims, SalesSummaryRequest};
use imajin_proof::digest::sha256_hex;
use imajin_proof::token;
use imajin_rails::RailOutcome;
use imajin_testkit::{Backend, on_both};

use crate::world::{World, key, money};

on_both!(
    ten_splits_into_seven_and_three,
    nine_ninety_nine_splits_exactly_over_thirds,
    the_fees_of_the_preset_come_off_first,
    a_share_that_is_not_accepted_waits,
    many_payments_settle_together,
);

fn lines(body: &ReceiptBody) -> Vec<(String, String)> {
    body.legs
        .iter()
        .map(|leg| (leg.did.to_string(), leg.amount.to_string()))
        .collect()
}

async fn ten_splits_into_seven_and_three(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    assert_eq!(
        (checkout.state, checkout.price),
        (CheckoutState::Open, money("10.00 TEST-USD"))
    );
    assert_eq!(
        checkout.url,
        format!("http://node.test:7000/pay/checkout/{}", checkout.id)
    );
    world.webhook(&world.event(&checkout, RailOutcome::Paid)).await;
    assert_eq!(world.state(checkout.id).await, CheckoutState::Paid);
    assert_eq!(world.balance(&key("buyer").did(), "held").await, "10.00 TEST-USD");
    world.pay.drive().await.unwrap();

    assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    assert_eq!(world.available("jonas").await, "3.00 TEST-USD");
    assert_eq!(world.balance(&key("buyer").did(), "held").await, "0");
    let receipt = world.receipt("buyer", checkout.id).await;
    receipt.message.verify("receipt", &world.keyring.node_public()).unwrap();
    let body = &receipt.message.payload;
    assert_eq!(receipt.message.to, Some(key("buyer").did()));
    assert_eq!(
        lines(body),
        [
            (key("mira").did().to_string(), "7.00".to_owned()),
            (key("jonas").did().to_string(), "3.00".to_owned())
        ]
    );
    assert!(body.test_money && body.fees.is_empty());
    assert_eq!((body.rail.as_str(), body.delivered.len()), ("sandbox", 1));

    let node = world.keyring.node_public();
    let kid = token::key_id(&node);
    let goods = format!("order:{}", body.goods.id);
    let token = token::verify::<ReceiptClaims>(
        &receipt.jwt,
        &|named| (named == kid).then_some(node),
        world.keyring.node_did().as_str(),
        &goods,
        world.env.now(),
    )
    .unwrap();
    assert_eq!(token.standard.sub, body.id.to_string());
    assert_eq!(
        token.claims.document_sha256,
        sha256_hex(&receipt.message.canonical_bytes().unwrap())
    );

    let sales = world.pay.sales_summary(SalesSummaryRequest {}).await.unwrap();
    assert_eq!(
        (sales.gross, sales.receipts, sales.in_progress),
        (vec![money("10.00 TEST-USD")], 1, 0)
    );
    world.audit_clean().await;
}

async fn nine_ninety_nine_splits_exactly_over_thirds(backend: Backend) {
    let world = World::new(backend).await;
    let thirds = [("a", 333_333), ("b", 333_333), ("c", 333_334)];
    let goods = world.goods_split("buyer", "9.99 TEST-USD", &thirds);
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay_for(&checkout).await;
    let receipt = world.receipt("a", checkout.id).await;
    let total: i64 = receipt.message.payload.legs.iter().map(|leg| leg.amount.micros()).sum();
    assert_eq!(total, 9_990_000);
    assert_eq!(world.available("c").await, "3.330006 TEST-USD");
    world.audit_clean().await;
}

async fn the_fees_of_the_preset_come_off_first(backend: Backend) {
    let config = PayConfig {
        fees: FeeSchedule::mjn(),
        protocol: Some(key("protocol").did()),
        ..PayConfig::default()
    };
    let world = World::with(backend, config).await;
    let goods = world.goods_split("buyer", "100.00 TEST-USD", &[("mira", 1_000_000)]);
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay_for(&checkout).await;
    assert_eq!(world.balance(&key("protocol").did(), "fees").await, "1.00 TEST-USD");
    assert_eq!(world.balance(world.keyring.node_did(), "fees").await, "0.50 TEST-USD");
    assert_eq!(world.available("buyer").await, "0.25 TEST-USD");
    assert_eq!(world.available("mira").await, "98.25 TEST-USD");
    let fees = world.get(None, "/pay/api/fees").await.json();
    assert_eq!(
        (fees["version"].as_u64(), fees["lines"][0]["rateMicros"].as_u64()),
        (Some(1), Some(10_000))
    );
    world.audit_clean().await;
}

async fn a_share_that_is_not_accepted_waits(backend: Backend) {
    let world = World::new(backend).await;
    let goods = world.goods("buyer");
    world.seller.change(&goods, |quote| quote.accepted.truncate(1));
    let checkout = world.checkout_of("buyer", &goods).await;
    world.pay_for(&checkout).await;
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    assert_eq!(world.available("jonas").await, "0");
    assert_eq!(world.balance(&key("jonas").did(), "pending").await, "3.00 TEST-USD");
    assert!(world.receipt("jonas", checkout.id).await.message.payload.legs[1].held);
    world.audit_clean().await;
}

async fn many_payments_settle_together(backend: Backend) {
    let world = World::new(backend).await;
    let mut checkouts = Vec::new();
    for number in 0..40 {
        let buyer = format!("buyer {number}");
        let checkout = world.checkout(&buyer).await;
        world.webhook(&world.event(&checkout, RailOutcome::Paid)).await;
        checkouts.push(checkout);
    }
    assert_eq!(world.pay.drive().await.unwrap(), 40);
    for checkout in &checkouts {
        assert_eq!(world.state(checkout.id).await, CheckoutState::Settled);
    }
    assert_eq!(world.available("mira").await, "280.00 TEST-USD");
    assert_eq!(world.seller.delivered(), 40);
    world.audit_clean().await;
}
