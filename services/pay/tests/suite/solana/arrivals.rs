//! Payments that are not what was asked for: shown to the buyer, booked, and sent back.

use std::sync::atomic::Ordering;

use imajin_pay_api::{CheckoutState, PayApi, SalesSummaryRequest};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::{Coins, USDC_MINT, address, sol, usdc};

on_both!(
    a_wrong_amount_goes_back,
    another_coin_goes_back_in_that_coin,
    a_late_payment_gets_the_goods_or_its_money,
    a_second_payment_goes_back,
    a_failed_attempt_is_noted_and_the_next_one_pays,
    a_made_up_message_is_refused,
);

async fn a_wrong_amount_goes_back(backend: Backend) {
    let coins = Coins::new(backend).await;
    let before = coins.units(&usdc(), &address("buyer")).await;
    let (less, more) = (coins.checkout("one").await, coins.checkout("two").await);
    coins.pays_tokens(&less, &USDC_MINT, 9_999_999);
    coins.pays_tokens(&more, &USDC_MINT, 10_000_001);
    coins.follow().await;
    coins.follow().await;
    for checkout in [&less, &more] {
        assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Refunded);
        let page = coins.page(checkout).await;
        assert!(page.contains("The amount is not what was asked for"), "{page}");
    }
    assert!(
        coins
            .page(&less)
            .await
            .contains("9.999999 USDC arrived instead of 10.00 USDC")
    );
    assert_eq!(coins.units(&usdc(), &address("buyer")).await, before);
    let sales = coins.world.pay.sales_summary(SalesSummaryRequest {}).await.unwrap();
    assert_eq!((sales.receipts, sales.refunded), (0, 2), "the operator sees them");
    assert_eq!(coins.world.seller.delivered(), 0);
    coins.world.audit_clean().await;
}

async fn another_coin_goes_back_in_that_coin(backend: Backend) {
    let coins = Coins::new(backend).await;
    let checkout = coins.checkout("buyer").await;
    coins.pays_sol(&checkout, 200_000_000);
    let before = coins.units(&sol(), &address("buyer")).await;
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Refunded);
    assert_eq!(coins.units(&sol(), &address("buyer")).await, before + 200_000_000);
    assert!(coins.page(&checkout).await.contains("Another token arrived"));
    coins.world.audit_clean().await;
}

async fn a_late_payment_gets_the_goods_or_its_money(backend: Backend) {
    let coins = Coins::new(backend).await;
    let before = coins.units(&usdc(), &address("buyer")).await;
    let (lucky, unlucky) = (coins.checkout("one").await, coins.checkout("two").await);
    coins.time_passes();
    coins.world.pay.sweep().await.unwrap();
    coins.world.pay.drive().await.unwrap();
    coins.pays_tokens(&lucky, &USDC_MINT, 10_000_000);
    coins.follow().await;
    assert_eq!(coins.world.state(lucky.id).await, CheckoutState::Settled);
    coins.world.seller.refuses.store(true, Ordering::SeqCst);
    coins.pays_tokens(&unlucky, &USDC_MINT, 10_000_000);
    coins.follow().await;
    assert_eq!(coins.world.state(unlucky.id).await, CheckoutState::Refunded);
    assert_eq!(coins.units(&usdc(), &address("buyer")).await, before - 10_000_000);
    coins.world.audit_clean().await;
}

async fn a_second_payment_goes_back(backend: Backend) {
    let coins = Coins::new(backend).await;
    let before = coins.units(&usdc(), &address("buyer")).await;
    let checkout = coins.checkout("buyer").await;
    coins.pays_tokens(&checkout, &USDC_MINT, 10_000_000);
    coins.test("test_advance", json!([1]));
    coins.pays_tokens(&checkout, &USDC_MINT, 10_000_000);
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(coins.units(&usdc(), &address("buyer")).await, before - 10_000_000);
    assert!(coins.page(&checkout).await.contains("This was paid before"));
    assert_eq!(coins.world.seller.delivered(), 1);
    coins.world.audit_clean().await;
}

async fn a_failed_attempt_is_noted_and_the_next_one_pays(backend: Backend) {
    let coins = Coins::new(backend).await;
    let checkout = coins.checkout("buyer").await;
    coins.pays_tokens(&checkout, &USDC_MINT, u64::MAX);
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Open);
    assert!(coins.page(&checkout).await.contains("This attempt failed on the chain"));
    coins.wallet_pays(&checkout).await;
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    coins.world.audit_clean().await;
}

async fn a_made_up_message_is_refused(backend: Backend) {
    let coins = Coins::new(backend).await;
    let (first, second) = (Coins::new(backend).await, coins.checkout("buyer").await);
    // The rail of another node says that it was paid, and somebody without any key.
    let event = imajin_rails::RailEvent {
        id: "x".to_owned(),
        checkout: Some(second.id),
        outcome: imajin_rails::RailOutcome::Paid,
        amount: second.price,
        reference: "5".repeat(80),
        time: coins.world.env.now(),
    };
    let env = first.world.env.clone();
    // Another draw than the world's own.
    let other = imajin_did::Keyring::generate(&env);
    let message = imajin_rails::SolanaMessages::new(&other, env)
        .write(&event, Vec::new())
        .unwrap();
    assert_eq!(coins.world.webhook_raw("solana", message).await.code(), "bad_signature");
    for body in [&b"{}"[..], b"", b"[1]"] {
        assert_eq!(
            coins.world.webhook_raw("solana", body.to_vec()).await.code(),
            "invalid_request"
        );
    }
    let large = vec![b' '; 40 * 1024];
    assert_eq!(coins.world.webhook_raw("solana", large).await.code(), "invalid_request");
    assert_eq!(coins.world.state(second.id).await, CheckoutState::Open);
}
