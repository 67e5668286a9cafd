//! Balances that leave through the node's wallet.

use imajin_kernel::Span;
use imajin_money::Amount;
use imajin_pay_api::CheckoutState;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use super::{Coins, address, config, usdc};

on_both!(
    a_balance_leaves_to_the_bound_address,
    no_more_leaves_than_the_limits_allow,
    without_limits_nothing_leaves,
    a_payout_without_an_address_or_above_the_balance_is_refused,
    balances_above_the_threshold_leave_by_themselves,
    a_restart_in_the_middle_sends_once,
    two_processes_send_once,
    what_the_chain_refuses_comes_back,
);

/// A sale of so much, of which Mira, who has no address yet, gets everything; she binds one afterwards.
async fn earned(coins: &Coins, price: &str) {
    let checkout = coins.checkout_split("buyer", price, &[("mira", 1_000_000)]).await;
    coins.wallet_pays(&checkout).await;
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    coins.bind("mira").await;
}

async fn ask(coins: &Coins, key: &str, body: &Value) -> Answer {
    coins.world.post("mira", "/pay/api/payout", Some(key), body).await
}

fn all() -> Value {
    json!({"currency": "USDC"})
}

fn some(amount: &str) -> Value {
    json!({"amount": {"amount": amount, "currency": "USDC"}})
}

async fn listed(coins: &Coins) -> Value {
    coins.world.get(Some("mira"), "/pay/api/payouts").await.json()["payouts"].clone()
}

async fn received(coins: &Coins) -> u64 {
    coins.units(&usdc(), &address("mira")).await
}

async fn a_balance_leaves_to_the_bound_address(backend: Backend) {
    let coins = Coins::new(backend).await;
    earned(&coins, "20.00 USDC").await;
    let answer = ask(&coins, "k", &some("5.50")).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text());
    assert_eq!(listed(&coins).await[0]["state"], "under_way");
    assert_eq!(coins.world.available("mira").await, "14.50 USDC", "it has left at once");
    coins.follow().await;
    let again = ask(&coins, "k", &some("5.50")).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(ask(&coins, "k2", &all()).await.status.as_u16(), 201);
    coins.follow().await;
    assert_eq!(received(&coins).await, 20_000_000);
    assert_eq!(coins.units(&usdc(), &coins.node()).await, 0);
    let listed = listed(&coins).await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .all(|payout| payout["state"] == "paid"),
        "{listed}"
    );
    coins.world.audit_clean().await;
}

async fn no_more_leaves_than_the_limits_allow(backend: Backend) {
    let coins = Coins::new(backend).await;
    earned(&coins, "120.00 USDC").await;
    let refused = ask(&coins, "k0", &some("50.000001")).await;
    assert_eq!(refused.code(), "conflict", "{}", refused.text());
    assert!(refused.detail().contains("At most 50.00 USDC"), "{}", refused.text());
    // Of everything, so much as may leave at once.
    assert_eq!(ask(&coins, "k1", &all()).await.json()["amount"]["amount"], "50.00");
    // The list is by time.
    coins.world.clock.advance(Span::seconds(1));
    assert_eq!(ask(&coins, "k2", &all()).await.json()["amount"]["amount"], "50.00");
    for _round in 0..4 {
        coins.test("test_finalise", json!([]));
        coins.world.clock.advance(Span::seconds(130));
        coins.world.pay.solana_tick().await.unwrap();
        coins.world.pay.drive().await.unwrap();
    }
    assert_eq!(received(&coins).await, 50_000_000, "80 may leave in a day");
    assert_eq!(listed(&coins).await[0]["state"], "under_way");
    coins.world.clock.advance(Span::hours(25));
    coins.follow().await;
    assert_eq!(received(&coins).await, 100_000_000);
    coins.world.audit_clean().await;
}

async fn without_limits_nothing_leaves(backend: Backend) {
    let coins = Coins::with(backend, |peer| {
        let mut config = config(peer);
        config.rails.solana.as_mut().unwrap().payout_limits.clear();
        config
    })
    .await;
    earned(&coins, "20.00 USDC").await;
    let refused = ask(&coins, "k", &some("1.00")).await;
    assert_eq!(refused.code(), "conflict", "{}", refused.text());
    assert_eq!(coins.world.available("mira").await, "20.00 USDC");
    coins.world.audit_clean().await;
}

async fn a_payout_without_an_address_or_above_the_balance_is_refused(backend: Backend) {
    let coins = Coins::new(backend).await;
    let checkout = coins.checkout("buyer").await;
    coins.wallet_pays(&checkout).await;
    coins.follow().await;
    let refused = ask(&coins, "k1", &all()).await;
    assert_eq!(refused.code(), "conflict");
    assert!(refused.text().contains("/pay/api/connect/solana"), "{}", refused.text());
    coins.bind("mira").await;
    let refused = ask(&coins, "k2", &some("7.000001")).await;
    assert_eq!(refused.status.as_u16(), 402, "{}", refused.text());
    for body in [
        some("0"),
        some("-1"),
        json!({"currency": "USD"}),
        json!({"currency": "TEST-USDC"}),
    ] {
        let refused = ask(&coins, "k3", &body).await;
        assert!(refused.status.is_client_error(), "{body}: {}", refused.text());
    }
    // Cards are none of this rail's.
    let onboard = json!({"country": "DE"});
    let refused = coins
        .world
        .post("mira", "/pay/api/connect/onboard", None, &onboard)
        .await;
    assert_eq!(refused.code(), "conflict");
    assert_eq!(coins.world.available("mira").await, "7.00 USDC");
    coins.world.audit_clean().await;
}

async fn balances_above_the_threshold_leave_by_themselves(backend: Backend) {
    let coins = Coins::with(backend, |peer| {
        let mut config = config(peer);
        config.rails.payout_threshold = Some(Amount::parse_decimal("15.00").unwrap());
        config
    })
    .await;
    earned(&coins, "10.00 USDC").await;
    assert_eq!(coins.world.pay.payouts_batch().await.unwrap(), 0);
    coins.world.delete("mira", super::CONNECT).await;
    earned(&coins, "10.00 USDC").await;
    assert_eq!(coins.world.pay.payouts_batch().await.unwrap(), 1);
    coins.follow().await;
    assert_eq!(received(&coins).await, 20_000_000);
    coins.world.audit_clean().await;
}

/// One step of everything, with the chain going on.
async fn step(coins: &Coins) {
    coins.world.clock.advance(Span::seconds(6));
    coins.world.pay.drive().await.unwrap();
    coins.world.pay.solana_tick().await.unwrap();
}

async fn a_restart_in_the_middle_sends_once(backend: Backend) {
    let mut coins = Coins::new(backend).await;
    earned(&coins, "20.00 USDC").await;
    assert_eq!(ask(&coins, "k", &some("5.00")).await.status.as_u16(), 201);
    // Ordered; signed; sent and not final; final and not told: after each the process ends.
    for _cut in 0..4 {
        step(&coins).await;
        let config = config(&coins.peer);
        coins = coins.restart(config).await;
    }
    coins.follow().await;
    assert_eq!(received(&coins).await, 5_000_000);
    assert_eq!(listed(&coins).await[0]["state"], "paid");
    assert_eq!(coins.units(&usdc(), &coins.node()).await, 15_000_000);
    coins.world.audit_clean().await;
}

async fn two_processes_send_once(backend: Backend) {
    if backend == Backend::Sqlite {
        // One process has the file.
        return;
    }
    let coins = Coins::new(backend).await;
    let other = coins.second_process().await;
    earned(&coins, "20.00 USDC").await;
    assert_eq!(
        other.solana().unwrap().address(),
        coins.node().to_string(),
        "one wallet"
    );
    let checkout = coins.checkout("another").await;
    coins.wallet_pays(&checkout).await;
    assert_eq!(ask(&coins, "k", &some("5.00")).await.status.as_u16(), 201);
    for _round in 0..6 {
        coins.test("test_finalise", json!([]));
        coins.world.clock.advance(Span::seconds(130));
        let (one, two) = tokio::join!(coins.world.pay.solana_tick(), other.solana_tick());
        assert!(one.is_ok() && two.is_ok());
        let (one, two) = tokio::join!(coins.world.pay.drive(), other.drive());
        assert!(one.is_ok() && two.is_ok());
    }
    assert_eq!(
        received(&coins).await,
        12_000_000,
        "5.00 paid out, and 7.00 with the second sale"
    );
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(coins.world.available("jonas").await, "3.00 USDC");
    coins.world.audit_clean().await;
}

async fn what_the_chain_refuses_comes_back(backend: Backend) {
    let coins = Coins::new(backend).await;
    earned(&coins, "20.00 USDC").await;
    // Her account is frozen by whoever issues the token.
    coins.test("test_tokens", json!([address("mira"), super::USDC_MINT, 0, true]));
    assert_eq!(ask(&coins, "k", &some("5.00")).await.status.as_u16(), 201);
    coins.follow().await;
    let listed = listed(&coins).await;
    assert_eq!(listed[0]["state"], "failed", "{listed}");
    assert_eq!(coins.world.available("mira").await, "20.00 USDC");
    coins.world.audit_clean().await;
}
