//! Quotes, settlements from a balance, top-ups and tips: each refusal by its name.

use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::json;

use crate::balance::{QUOTE, SETTLE, TOPUP, quote, settle, top_up};
use crate::world::{World, key};

on_both!(
    a_balance_that_is_too_small_says_what_is_missing,
    test_money_does_not_pay_where_real_money_is_due,
    a_quote_is_used_once,
    a_quote_expires,
    anothers_quote_is_none,
    a_price_named_by_the_caller_is_refused,
    the_same_key_with_another_body_is_refused,
    a_key_is_demanded_where_money_moves,
    an_absurd_amount_is_refused,
    money_that_is_set_aside_for_goods_is_not_taken_back,
    a_changed_row_of_a_balance_payment_is_found,
);

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.code())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

async fn a_balance_that_is_too_small_says_what_is_missing(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "3.00").await;
    let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    let answer = settle(&world, "buyer", &quoted, "k").await;
    assert_eq!(refusal(&answer), refused(402, "payment_required"));
    let said = answer.json();
    assert_eq!(said["missing"], json!({"amount": "5.00", "currency": "TEST-USD"}));
    assert_eq!(said["available"], json!({"amount": "3.00", "currency": "TEST-USD"}));
    assert_eq!(world.available("buyer").await, "3.00 TEST-USD");
    // With the rest, the same quote and the same key pay.
    top_up(&world, "buyer", "5.00").await;
    assert_eq!(settle(&world, "buyer", &quoted, "k").await.json()["state"], "settled");
    world.audit_clean().await;
}

async fn test_money_does_not_pay_where_real_money_is_due(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "50.00").await;
    let quoted = quote(&world, "buyer", &world.work("8.00 USD")).await;
    let answer = settle(&world, "buyer", &quoted, "k").await;
    assert_eq!(refusal(&answer), refused(402, "payment_required"));
    assert_eq!(answer.json()["missing"], json!({"amount": "8.00", "currency": "USD"}));
    let real = json!({"amount": {"amount": "5.00", "currency": "USD"}});
    assert_eq!(
        refusal(&world.post("buyer", TOPUP, Some("k2"), &real).await),
        refused(409, "conflict")
    );
    assert_eq!(world.available("buyer").await, "50.00 TEST-USD");
}

async fn a_quote_is_used_once(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "20.00").await;
    let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    settle(&world, "buyer", &quoted, "k").await.expect(StatusCode::OK);
    let answer = settle(&world, "buyer", &quoted, "other").await;
    assert_eq!(refusal(&answer), refused(409, "conflict"));
    assert!(answer.text().contains("used already"), "{}", answer.text());
    assert_eq!(world.available("buyer").await, "12.00 TEST-USD");
}

async fn a_quote_expires(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "20.00").await;
    let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    world.clock.advance(Span::hours(1));
    let answer = settle(&world, "buyer", &quoted, "k").await;
    assert_eq!(refusal(&answer), refused(410, "hold_expired"));
    world.pay.sweep().await.unwrap();
    let answer = settle(&world, "buyer", &quoted, "k").await;
    assert_eq!(refusal(&answer), refused(410, "hold_expired"));
    assert_eq!(world.available("buyer").await, "20.00 TEST-USD");
}

async fn anothers_quote_is_none(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "thief", "20.00").await;
    let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    assert_eq!(
        refusal(&settle(&world, "thief", &quoted, "k").await),
        refused(404, "not_found")
    );
    // A checkout that a rail was opened for is no quote either.
    let checkout = world.checkout("thief").await;
    let answer = settle(&world, "thief", &json!({"id": checkout.id}), "k").await;
    assert_eq!(refusal(&answer), refused(404, "not_found"));
    let reserved = world.goods("buyer");
    let answer = world.post("thief", QUOTE, None, &json!({"goods": reserved})).await;
    assert_eq!(refusal(&answer), refused(403, "forbidden"));
}

async fn a_price_named_by_the_caller_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let goods = world.work("8.00 TEST-USD");
    let cheap = json!({"amount": "0.01", "currency": "TEST-USD"});
    let answer = world
        .post("buyer", QUOTE, None, &json!({"goods": goods, "amount": cheap}))
        .await;
    assert_eq!(refusal(&answer), refused(400, "invalid_request"));
    assert!(answer.text().contains("the price comes from the seller"));
    for body in [
        json!({"goods": goods, "price": cheap}),
        json!({"goods": {"type": "topup", "id": "x"}, "amount": cheap}),
        json!({"goods": {"type": "tip", "id": key("mira").did()}}),
        json!({"goods": {"type": "tip", "id": key("buyer").did()}, "amount": cheap}),
    ] {
        let answer = world.post("buyer", QUOTE, None, &body).await;
        assert_eq!(refusal(&answer), refused(400, "invalid_request"), "{body}");
    }
    let checkout = json!({"goods": {"type": "topup", "id": "x"}, "successUrl": "/", "cancelUrl": "/"});
    let answer = world.post("buyer", "/pay/api/checkout", None, &checkout).await;
    assert_eq!(refusal(&answer), refused(400, "invalid_request"));
}

async fn the_same_key_with_another_body_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "20.00").await;
    let one = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    let other = quote(&world, "buyer", &world.work("2.00 TEST-USD")).await;
    settle(&world, "buyer", &one, "k").await.expect(StatusCode::OK);
    let answer = settle(&world, "buyer", &other, "k").await;
    assert_eq!(refusal(&answer), refused(409, "idempotency_mismatch"));
    let body = json!({"amount": {"amount": "1.00", "currency": "TEST-USD"}});
    let answer = world.post("buyer", TOPUP, Some("topup 20.00"), &body).await;
    assert_eq!(refusal(&answer), refused(409, "idempotency_mismatch"));
}

async fn a_key_is_demanded_where_money_moves(backend: Backend) {
    let world = World::new(backend).await;
    let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    let body = json!({"quoteId": quoted["id"], "means": "balance"});
    let answer = world.post("buyer", SETTLE, None, &body).await;
    assert_eq!(refusal(&answer), refused(400, "invalid_request"));
    let body = json!({"amount": {"amount": "1.00", "currency": "TEST-USD"}});
    let answer = world.post("buyer", TOPUP, None, &body).await;
    assert_eq!(refusal(&answer), refused(400, "invalid_request"));
    let other = json!({"quoteId": quoted["id"], "means": "visa"});
    let answer = world.post("buyer", SETTLE, Some("k"), &other).await;
    assert_eq!(refusal(&answer), refused(400, "invalid_request"));
}

async fn an_absurd_amount_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    for (amount, currency) in [
        ("0.00", "TEST-USD"),
        ("-1.00", "TEST-USD"),
        ("100000.01", "TEST-USD"),
        ("1e9", "TEST-USD"),
        ("1.0000001", "TEST-USD"),
    ] {
        let body = json!({"amount": {"amount": amount, "currency": currency}});
        let answer = world.post("buyer", TOPUP, Some(amount), &body).await;
        assert_eq!(
            refusal(&answer),
            refused(400, "invalid_request"),
            "{amount} {currency}: {}",
            answer.text()
        );
    }
    let unknown = json!({"amount": {"amount": "1.00", "currency": "GOLD"}});
    let answer = world.post("buyer", TOPUP, Some("gold"), &unknown).await;
    assert_eq!(refusal(&answer), refused(409, "conflict"));
    assert!(answer.text().contains("GOLD"));
}

async fn money_that_is_set_aside_for_goods_is_not_taken_back(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "buyer", "20.00").await;
    let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    world.seller.away.store(true, std::sync::atomic::Ordering::SeqCst);
    let answer = settle(&world, "buyer", &quoted, "k").await;
    assert_eq!(answer.json()["state"], "paid");
    let entries = world.get(Some("buyer"), "/pay/api/entries?purpose=held").await.json();
    assert_eq!(entries["entries"][0]["reference"], quoted["id"]);
    let hold = hold_of(&world, quoted["id"].as_str().unwrap()).await;
    for path in ["void", "capture"] {
        let body = if path == "void" {
            json!({})
        } else {
            json!({"payee": key("buyer").did()})
        };
        let answer = world
            .post("buyer", &format!("/pay/api/holds/{hold}/{path}"), Some(path), &body)
            .await;
        assert_eq!(refusal(&answer), refused(403, "forbidden"), "{path}");
    }
    world.seller.away.store(false, std::sync::atomic::Ordering::SeqCst);
    world.clock.advance(Span::minutes(1));
    world.pay.drive().await.unwrap();
    assert_eq!(world.available("jonas").await, "2.40 TEST-USD");
    world.audit_clean().await;
}

/// The hold behind a payment, which no answer tells.
async fn hold_of(world: &World, checkout: &str) -> String {
    use diesel::prelude::*;
    diesel::table! { checkouts (id) { id -> Text, hold_id -> Nullable<Text>, } }
    let id = checkout.to_owned();
    let found: Result<Option<String>, imajin_store::StoreError> = world
        .db
        .read(move |conn| Ok(checkouts::table.find(id).select(checkouts::hold_id).first(conn)?))
        .await;
    found.unwrap().unwrap()
}

async fn a_changed_row_of_a_balance_payment_is_found(backend: Backend) {
    use diesel::connection::SimpleConnection;
    let world = World::new(backend).await;
    top_up(&world, "buyer", "20.00").await;
    let quoted = quote(&world, "buyer", &world.work("8.00 TEST-USD")).await;
    settle(&world, "buyer", &quoted, "k").await.expect(StatusCode::OK);
    world.audit_clean().await;
    let changed: Result<(), imajin_store::StoreError> = world
        .db
        .write(|conn| {
            let sql = "UPDATE checkouts SET hold_id = NULL WHERE rail = 'balance'";
            Ok(conn.batch_execute(sql)?)
        })
        .await;
    changed.unwrap();
    assert!(!world.audit().await.is_empty());
}
