//! Who may read what.

use axum::http::StatusCode;
use imajin_pay_api::{PayApi, ReceiptList};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{World, key};

on_both!(
    a_receipt_is_for_its_payer_its_payees_and_the_operator,
    receipts_are_listed_newest_first,
    balances_and_entries_are_ones_own,
    the_api_describes_itself,
);

async fn a_receipt_is_for_its_payer_its_payees_and_the_operator(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    world.pay_for(&checkout).await;
    let id = world.view(checkout.id).await.receipt.unwrap();
    let path = format!("/pay/api/receipts/{id}");
    // The seller has no share of it, and has to know what was sold.
    for reader in ["buyer", "mira", "jonas", "organiser"] {
        assert_eq!(world.get(Some(reader), &path).await.status, StatusCode::OK, "{reader}");
    }
    assert_eq!(world.get(Some("stranger"), &path).await.code(), "not_found");
    assert_eq!(world.get(None, &path).await.code(), "unauthenticated");
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let receipt = world.get(Some("operator"), &path).await.json();
    assert_eq!(receipt["message"]["payload"]["id"], json!(id));
    for answer in [
        world.get_accepting(Some("buyer"), &path, "application/jwt").await,
        world.get(Some("buyer"), &format!("{path}?format=jwt")).await,
    ] {
        assert_eq!(answer.header("content-type"), "application/jwt");
        assert_eq!(answer.text(), receipt["jwt"].as_str().unwrap());
    }
    assert_eq!(
        world.get(Some("buyer"), &format!("{path}?format=pdf")).await.code(),
        "invalid_request"
    );
}

async fn receipts_are_listed_newest_first(backend: Backend) {
    let world = World::new(backend).await;
    let mut ids = Vec::new();
    for buyer in ["one", "two", "one"] {
        world.clock.advance(imajin_kernel::Span::seconds(1));
        let checkout = world.checkout(buyer).await;
        world.pay_for(&checkout).await;
        ids.insert(0, world.view(checkout.id).await.receipt.unwrap());
    }
    let list = async |owner: Option<&str>, before, limit| {
        let owner = owner.map(|name| key(name).did());
        let found = world
            .pay
            .receipt_list(ReceiptList { owner, before, limit })
            .await
            .unwrap();
        found
            .into_iter()
            .map(|view| view.message.payload.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(list(Some("one"), None, 10).await, [ids[0], ids[2]]);
    assert_eq!(list(Some("mira"), None, 2).await, [ids[0], ids[1]]);
    assert_eq!(list(Some("mira"), Some(ids[1]), 2).await, [ids[2]]);
    assert_eq!(list(None, None, 100).await, ids);
    assert!(list(Some("stranger"), None, 10).await.is_empty());
}

async fn balances_and_entries_are_ones_own(backend: Backend) {
    let world = World::new(backend).await;
    for _ in 0..3 {
        let checkout = world.checkout("buyer").await;
        world.pay_for(&checkout).await;
    }
    let balances = world.get(Some("mira"), "/pay/api/balance").await.json();
    let due = json!({"purpose": "available", "balance": {"amount": "21.00", "currency": "TEST-USD"}});
    assert_eq!(balances, json!({"balances": [due]}));
    let page = world.get(Some("mira"), "/pay/api/entries?limit=2").await.json();
    assert_eq!(
        (page["entries"][0]["balance"]["amount"].clone(), page["before"].clone()),
        (json!("21.00"), json!(2))
    );
    assert_eq!(page["entries"][0]["direction"], "in");
    let rest = world
        .get(Some("mira"), "/pay/api/entries?limit=2&before=2&currency=TEST-USD")
        .await
        .json();
    assert_eq!(
        (rest["entries"].as_array().unwrap().len(), rest["before"].clone()),
        (1, json!(null))
    );
    let held = world.get(Some("buyer"), "/pay/api/entries?purpose=held").await.json();
    assert_eq!(held["entries"].as_array().unwrap().len(), 6);
    assert_eq!(
        world.get(Some("stranger"), "/pay/api/entries").await.code(),
        "not_found"
    );
    for path in ["/pay/api/balance", "/pay/api/entries"] {
        assert_eq!(world.get(None, path).await.code(), "unauthenticated");
    }
    for query in ["limit=0", "limit=101", "purpose=secret", "currency=usd", "owner=x"] {
        let answer = world.get(Some("mira"), &format!("/pay/api/entries?{query}")).await;
        assert_eq!(answer.code(), "invalid_request", "{query}");
    }
}

async fn the_api_describes_itself(backend: Backend) {
    let world = World::new(backend).await;
    let spec = world.get(None, "/pay/api/spec").await.json();
    let paths: Vec<&String> = spec["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            "/api/balance",
            "/api/brokers",
            "/api/checkout",
            "/api/checkout/{id}",
            "/api/connect/home",
            "/api/connect/onboard",
            "/api/connect/solana",
            "/api/contract",
            "/api/contract/preview",
            "/api/contract/{did}",
            "/api/credit-notes/{id}",
            "/api/entries",
            "/api/entries/{id}/proof",
            "/api/export",
            "/api/fees",
            "/api/holds",
            "/api/holds/{id}/capture",
            "/api/holds/{id}/void",
            "/api/limits",
            "/api/messages/{id}/retry",
            "/api/payout",
            "/api/payouts",
            "/api/peers",
            "/api/quote",
            "/api/rails",
            "/api/receipts/{id}",
            "/api/reconciliation",
            "/api/refund",
            "/api/refund/by-hand",
            "/api/refunds/{receipt}",
            "/api/remit",
            "/api/remittances",
            "/api/settle",
            "/api/shares",
            "/api/shares/accept",
            "/api/statement",
            "/api/topup",
            "/api/webhook/{rail}",
            "/solana/{checkout}",
            "/solana/{checkout}/state",
        ]
    );
    assert_eq!(world.get(None, "/pay/ready").await.status, StatusCode::OK);
    let fees = world.get(None, "/pay/api/fees").await.json();
    assert_eq!(fees, json!({"version": 0, "lines": [], "coming": [], "past": []}));
}
