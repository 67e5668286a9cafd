//! Payees say where they are paid.

use axum::http::Request;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::{CONNECT, Coins, address, usdc};
use crate::world::{World, key};

on_both!(
    an_address_is_bound_replaced_and_taken_away,
    nobody_binds_what_its_wallet_has_not_signed,
    an_address_that_cannot_sign_is_refused,
    a_node_without_solana_says_so,
);

async fn bound(coins: &Coins, who: &str) -> Option<String> {
    let seen = coins.world.get(Some(who), CONNECT).await.json();
    seen["bound"]["address"].as_str().map(str::to_owned)
}

async fn an_address_is_bound_replaced_and_taken_away(backend: Backend) {
    let coins = Coins::new(backend).await;
    assert_eq!(bound(&coins, "mira").await, None);
    assert_eq!(coins.world.delete("mira", CONNECT).await.code(), "not_found");
    let first = coins.bind("mira").await.to_string();
    assert_eq!(bound(&coins, "mira").await, Some(first.clone()));
    let payouts = coins.world.get(Some("mira"), "/pay/api/payouts").await.json();
    assert_eq!(payouts["address"]["address"], first);
    assert_eq!(bound(&coins, "jonas").await, None, "it is hers alone");
    // The same wallet may serve two people.
    let asked = coins.challenge("jonas", &first).await;
    let shared = coins
        .world
        .put("jonas", CONNECT, &Coins::bind_body("mira", &asked))
        .await;
    assert!(shared.status.is_success(), "{}", shared.text());
    let other = address("mira's other").to_string();
    let asked = coins.challenge("mira", &other).await;
    let moved = coins
        .world
        .put("mira", CONNECT, &Coins::bind_body("mira's other", &asked))
        .await;
    assert_eq!(moved.json()["address"], other);
    assert_eq!(bound(&coins, "mira").await, Some(other));
    coins.world.audit_clean().await;
    assert_eq!(coins.world.delete("mira", CONNECT).await.status.as_u16(), 204);
    assert_eq!(bound(&coins, "mira").await, None);
    coins.world.audit_clean().await;
}

async fn nobody_binds_what_its_wallet_has_not_signed(backend: Backend) {
    let coins = Coins::new(backend).await;
    let own = address("mira").to_string();
    let asked = coins.challenge("mira", &own).await;
    // Another wallet's signature, and none at all.
    let thief = coins
        .world
        .put("mira", CONNECT, &Coins::bind_body("thief", &asked))
        .await;
    assert_eq!(thief.code(), "bad_signature", "{}", thief.text());
    for signature in ["", "00", "zzzz", &"1".repeat(88)] {
        let mut body = Coins::bind_body("mira", &asked);
        body["signature"] = json!(signature);
        let refused = coins.world.put("mira", CONNECT, &body).await;
        assert!(refused.status.is_client_error(), "{signature}: {}", refused.text());
    }
    // Mira's wallet signed for Mira, and somebody else hands it in.
    let body = Coins::bind_body("mira", &asked);
    let stolen = coins.world.put("thief", CONNECT, &body).await;
    assert_eq!(stolen.code(), "bad_signature", "{}", stolen.text());
    // Signed for another address, nonce or time.
    for (member, value) in [
        ("address", json!(address("thief").to_string())),
        ("nonce", json!("00")),
        ("issuedAt", json!("2030-03-17T17:46:41Z")),
    ] {
        let mut body = body.clone();
        body[member] = value;
        let refused = coins.world.put("mira", CONNECT, &body).await;
        assert!(refused.status.is_client_error(), "{member}: {}", refused.text());
    }
    let mut unknown = body.clone();
    unknown["did"] = json!(key("thief").did());
    assert_eq!(
        coins.world.put("mira", CONNECT, &unknown).await.code(),
        "invalid_request"
    );
    // Not signed by anybody, and too old.
    let unsigned = Request::put(CONNECT).header("content-type", "application/json");
    let unsigned = coins.world.send(unsigned.body(body.to_string().into()).unwrap()).await;
    assert_eq!(unsigned.status.as_u16(), 401);
    coins.world.clock.advance(Span::minutes(11));
    assert_eq!(coins.world.put("mira", CONNECT, &body).await.code(), "stale_signature");
    assert_eq!(bound(&coins, "mira").await, None);
    assert_eq!(coins.world.get(None, CONNECT).await.status.as_u16(), 401);
    coins.world.audit_clean().await;
}

async fn an_address_that_cannot_sign_is_refused(backend: Backend) {
    let coins = Coins::new(backend).await;
    let token_account = usdc().account(&address("mira")).unwrap().to_string();
    for text in ["", "nobody", "0OIl", token_account.as_str()] {
        let path = format!("{CONNECT}?address={text}");
        let asked = coins.world.get(Some("mira"), &path).await;
        assert_eq!(asked.code(), "invalid_request", "{text}: {}", asked.text());
    }
}

async fn a_node_without_solana_says_so(backend: Backend) {
    let world = World::new(backend).await;
    let asked = world.get(Some("mira"), CONNECT).await;
    assert_eq!(asked.code(), "conflict");
    let body = json!({"address": "x", "nonce": "x", "issuedAt": "2030-03-17T17:46:41Z", "signature": "x"});
    assert_eq!(world.put("mira", CONNECT, &body).await.code(), "conflict");
    let sandbox = world.checkout("buyer").await;
    let path = format!("/pay/solana/{}", sandbox.id);
    assert_eq!(world.get(None, &path).await.code(), "not_found");
    assert_eq!(world.get(None, &format!("{path}/state")).await.code(), "not_found");
}
