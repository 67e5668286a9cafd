//! Quotes, settlements from a balance, top-ups and tips: what works.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use futures::future::join_all;
use imajin_kernel::id::CheckoutId;
use imajin_pay::{Interrupt, PayConfig, Step};
use imajin_pay_api::{CheckoutState, GoodsRef};
use imajin_rails::RailOutcome;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key};

on_both!(
    what_is_topped_up_is_the_payers_own_balance,
    a_balance_pays_for_a_work_along_its_manifest,
    a_settlement_that_is_sent_again_pays_once,
    sixty_four_settlements_never_overdraw_a_balance,
    a_tip_goes_whole_to_whom_it_names,
    a_tip_for_a_work_goes_to_everybody_behind_it,
    what_the_seller_refuses_goes_back_to_the_balance,
    a_power_cut_between_payment_and_goods_loses_neither,
    a_top_up_follows_no_contract_and_is_no_sale,
);

pub(crate) const QUOTE: &str = "/pay/api/quote";
pub(crate) const SETTLE: &str = "/pay/api/settle";
pub(crate) const TOPUP: &str = "/pay/api/topup";

/// Puts test money into somebody's balance; answers with the checkout.
pub(crate) async fn top_up(world: &World, who: &str, amount: &str) -> CheckoutId {
    let body = json!({"amount": {"amount": amount, "currency": "TEST-USD"}});
    let opened = world.post(who, TOPUP, Some(&format!("topup {amount}")), &body).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text());
    let id: CheckoutId = opened.json()["id"].as_str().unwrap().parse().unwrap();
    world.pay_for(&world.view(id).await).await;
    assert_eq!(world.state(id).await, CheckoutState::Settled);
    id
}

pub(crate) async fn quote(world: &World, who: &str, goods: &GoodsRef) -> Value {
    let answer = world.post(who, QUOTE, None, &json!({"goods": goods})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

pub(crate) async fn settle(world: &World, who: &str, quote: &Value, key: &str) -> Answer {
    let body = json!({"quoteId": quote["id"], "means": "balance"});
    world.post(who, SETTLE, Some(key), &body).await
}

async fn what_is_topped_up_is_the_payers_own_balance(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "25.50").await;
    assert_eq!(world.available("buyer").await, "25.50 TEST-USD");
    let body = json!({"amount": {"amount": "25.50", "currency": "TEST-USD"}});
    let again = world.post("buyer", TOPUP, Some("topup 25.50"), &body).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let id: CheckoutId = again.json()["id"].as_str().unwrap().parse().unwrap();
    let receipt = world.receipt("buyer", id).await.message.payload;
    assert_eq!((receipt.goods.kind.as_str(), receipt.legs.len()), ("topup", 1));
    assert_eq!(receipt.goods.id, id.to_string());
    world.audit_clean().await;
}

async fn a_balance_pays_for_a_work_along_its_manifest(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "20.00").await;
    let goods = world.work("8.00 TEST-USD");
    let quoted = quote(&world, "buyer", &goods).await;
    assert_eq!(quoted["price"], json!({"amount": "8.00", "currency": "TEST-USD"}));
    assert_eq!(quoted["legs"][0]["amount"], "5.60");
    let paid = settle(&world, "buyer", &quoted, "k").await;
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text());
    assert_eq!(paid.json()["state"], "settled");
    assert_eq!(world.available("buyer").await, "12.00 TEST-USD");
    assert_eq!(world.available("mira").await, "5.60 TEST-USD");
    assert_eq!(world.available("jonas").await, "2.40 TEST-USD");
    let id: CheckoutId = quoted["id"].as_str().unwrap().parse().unwrap();
    let receipt = world.receipt("jonas", id).await.message.payload;
    assert_eq!((receipt.rail.as_str(), receipt.test_money), ("balance", true));
    // Another buyer has the same work at the same time.
    top_up(&world, "friend", "8.00").await;
    let theirs = quote(&world, "friend", &goods).await;
    assert_eq!(settle(&world, "friend", &theirs, "k").await.json()["state"], "settled");
    assert_eq!(world.seller.delivered(), 2);
    world.audit_clean().await;
}

async fn a_settlement_that_is_sent_again_pays_once(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "20.00").await;
    let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    let first = settle(&world, "buyer", &quoted, "k").await;
    let again = settle(&world, "buyer", &quoted, "k").await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.json(), first.json());
    assert_eq!(world.available("buyer").await, "12.00 TEST-USD");
    world.audit_clean().await;
}

async fn sixty_four_settlements_never_overdraw_a_balance(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "10.00").await;
    let mut quotes = Vec::new();
    for _ in 0..64 {
        quotes.push(quote(&world, "buyer", &world.work("1.00 TEST-USD")).await);
    }
    let world = &world;
    let all = quotes.iter().enumerate();
    let answers = join_all(all.map(|(n, quoted)| async move { settle(world, "buyer", quoted, &n.to_string()).await }));
    let statuses: Vec<u16> = answers.await.iter().map(|answer| answer.status.as_u16()).collect();
    let count = |status: u16| statuses.iter().filter(|each| **each == status).count();
    assert_eq!((count(200), count(402)), (10, 54), "{statuses:?}");
    world.pay.drive().await.unwrap();
    assert_eq!(world.available("buyer").await, "0.00 TEST-USD");
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    assert_eq!(world.seller.delivered(), 10);
    world.audit_clean().await;
}

async fn a_tip_goes_whole_to_whom_it_names(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "5.00").await;
    let goods = json!({"type": "tip", "id": key("mira").did()});
    let body = json!({"goods": goods, "amount": {"amount": "1.25", "currency": "TEST-USD"}});
    let quoted = world.post("buyer", QUOTE, None, &body).await;
    assert_eq!(quoted.status, StatusCode::CREATED, "{}", quoted.text());
    let paid = settle(&world, "buyer", &quoted.json(), "k").await;
    assert_eq!(paid.json()["state"], "settled", "{}", paid.text());
    assert_eq!(world.available("mira").await, "1.25 TEST-USD");
    assert_eq!(world.available("buyer").await, "3.75 TEST-USD");
    world.audit_clean().await;
}

async fn a_tip_for_a_work_goes_to_everybody_behind_it(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "5.00").await;
    let goods = json!({"type": "tip", "id": world.work("8.00 TEST-USD").id});
    let body = json!({"goods": goods, "amount": {"amount": "1.00", "currency": "TEST-USD"}});
    let quoted = world.post("buyer", QUOTE, None, &body).await.json();
    assert_eq!(settle(&world, "buyer", &quoted, "k").await.json()["state"], "settled");
    assert_eq!(world.available("mira").await, "0.70 TEST-USD");
    assert_eq!(world.available("jonas").await, "0.30 TEST-USD");
    assert_eq!(world.seller.delivered(), 0, "a tip buys nothing");
    world.audit_clean().await;
}

async fn what_the_seller_refuses_goes_back_to_the_balance(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "20.00").await;
    let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    world.seller.refuses.store(true, Ordering::SeqCst);
    let answer = settle(&world, "buyer", &quoted, "k").await.json();
    assert_eq!(
        (&answer["state"], &answer["reason"]),
        (&json!("refunded"), &json!("No places are left."))
    );
    assert_eq!(world.available("buyer").await, "20.00 TEST-USD");
    world.audit_clean().await;
}

async fn a_power_cut_between_payment_and_goods_loses_neither(backend: Backend) {
    for step in [
        Step::MessageProcessed,
        Step::DeliveryTaken,
        Step::DeliveryAnswered,
        Step::Settled,
    ] {
        let world = World::new(backend).await;
        top_up(&world, "buyer", "20.00").await;
        let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
        let cut = move |at: Step| {
            if at == step {
                return Err(imajin_kernel::Problem::internal());
            }
            Ok(())
        };
        let interrupt = Interrupt::new(cut);
        let world = world
            .restart(PayConfig {
                interrupt,
                ..PayConfig::default()
            })
            .await;
        settle(&world, "buyer", &quoted, "k").await;
        let world = world.restart(PayConfig::default()).await;
        // The request that has paid would have handed over by then.
        world.clock.advance(imajin_kernel::Span::seconds(2));
        world.pay.drive().await.unwrap();
        let id: CheckoutId = quoted["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(world.state(id).await, CheckoutState::Settled, "{step:?}");
        assert_eq!(world.available("buyer").await, "12.00 TEST-USD", "{step:?}");
        assert_eq!(world.seller.delivered(), 1, "{step:?}");
        world.audit_clean().await;
    }
}

async fn a_top_up_follows_no_contract_and_is_no_sale(backend: Backend) {
    let world = World::new(backend).await;
    let parts = [("own", "mira", 50), ("charity", "ada", 50)];
    crate::contracts::contract_sign(&world, "mira", 1, &parts, &|_contract| {}).await;
    world.clock.advance(imajin_kernel::Span::minutes(2));
    top_up(&world, "mira", "4.00").await;
    assert_eq!(world.available("mira").await, "4.00 TEST-USD");
    let request = imajin_pay_api::SalesSummaryRequest {};
    let sales = imajin_pay_api::PayApi::sales_summary(world.pay.as_ref(), request)
        .await
        .unwrap();
    assert_eq!(sales.gross, []);
    // One that is left unpaid ends without anybody being asked.
    let body = json!({"amount": {"amount": "1.00", "currency": "TEST-USD"}});
    let opened = world.post("mira", TOPUP, Some("left"), &body).await.json();
    let id: CheckoutId = opened["id"].as_str().unwrap().parse().unwrap();
    world
        .webhook(&world.event(&world.view(id).await, RailOutcome::Cancelled))
        .await;
    world.pay.drive().await.unwrap();
    assert_eq!(world.state(id).await, CheckoutState::Cancelled);
    assert!(world.seller.released.lock().unwrap().is_empty());
    world.audit_clean().await;
}
