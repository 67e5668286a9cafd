//! Money that its owner sets aside and pays from.

use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key};

on_both!(
    a_hold_is_placed_captured_and_given_up,
    the_same_request_again_gets_the_same_answer,
    a_hold_is_its_owners_only,
    what_is_no_hold_is_refused,
    sixty_four_callers_never_overdraw_one_balance,
    a_hold_expires,
);

const HOLDS: &str = "/pay/api/holds";

/// Mira has 7.00 from a sale.
async fn with_money(backend: Backend) -> World {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    world.pay_for(&checkout).await;
    world
}

fn amount(text: &str) -> Value {
    json!({"amount": text, "currency": "TEST-USD"})
}

async fn place(world: &World, idempotency: &str, text: &str) -> Value {
    let answer = world
        .post("mira", HOLDS, Some(idempotency), &json!({"amount": amount(text)}))
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

fn path(hold: &Value, what: &str) -> String {
    format!("{HOLDS}/{}/{what}", hold["id"].as_str().unwrap())
}

async fn a_hold_is_placed_captured_and_given_up(backend: Backend) {
    let world = with_money(backend).await;
    let hold = place(&world, "1", "5.00").await;
    assert_eq!(
        (hold["state"].clone(), hold["remaining"].clone()),
        (json!("open"), amount("5.00"))
    );
    assert_eq!(world.available("mira").await, "2.00 TEST-USD");
    let part = json!({"payee": key("friend").did(), "amount": amount("1.50"), "keepRest": true});
    let captured = world.post("mira", &path(&hold, "capture"), Some("2"), &part).await;
    assert_eq!(
        (captured.status, captured.json()["remaining"].clone()),
        (StatusCode::OK, amount("3.50"))
    );
    let all = json!({"payee": key("friend").did(), "amount": amount("2.00")});
    let ended = world
        .post("mira", &path(&hold, "capture"), Some("3"), &all)
        .await
        .json();
    assert_eq!(
        (ended["state"].clone(), ended["captured"].clone()),
        (json!("captured"), amount("3.50"))
    );
    assert_eq!(
        (world.available("friend").await, world.available("mira").await),
        ("3.50 TEST-USD".to_owned(), "3.50 TEST-USD".to_owned())
    );
    let hold = place(&world, "4", "1.00").await;
    let voided = world.post("mira", &path(&hold, "void"), Some("5"), &json!({})).await;
    assert_eq!(voided.json()["state"], "voided");
    assert_eq!(world.available("mira").await, "3.50 TEST-USD");
    let answer = world.post("mira", &path(&hold, "void"), Some("6"), &json!({})).await;
    assert_eq!(answer.code(), "conflict");
    world.audit_clean().await;
}

async fn the_same_request_again_gets_the_same_answer(backend: Backend) {
    let world = with_money(backend).await;
    let body = json!({"amount": amount("5.00")});
    let first = world.post("mira", HOLDS, Some("k"), &body).await;
    let again = world.post("mira", HOLDS, Some("k"), &body).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(
        (first.header("idempotent-replayed"), again.header("idempotent-replayed")),
        ("", "true")
    );
    assert_eq!(world.available("mira").await, "2.00 TEST-USD");
    let other = world
        .post("mira", HOLDS, Some("k"), &json!({"amount": amount("1.00")}))
        .await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (StatusCode::CONFLICT, "idempotency_mismatch")
    );
    // The row is forgotten after a day; the ledger remembers the key all the same.
    world.clock.advance(Span::hours(25));
    let late = world
        .post("mira", HOLDS, Some("k"), &json!({"amount": amount("1.00")}))
        .await;
    assert_eq!(late.code(), "idempotency_mismatch");
    let signed = world.sign(&key("mira"), HOLDS, Some("k2"), &serde_json::to_vec(&body).unwrap());
    assert_eq!(world.send_signed(&signed).await.code(), "payment_required");
    let small = serde_json::to_vec(&json!({"amount": amount("1.00")})).unwrap();
    let signed = world.sign(&key("mira"), HOLDS, Some("k3"), &small);
    assert_eq!(world.send_signed(&signed).await.status, StatusCode::CREATED);
    assert_eq!(
        world.send_signed(&signed).await.code(),
        "replayed",
        "the same signature again"
    );
    world.audit_clean().await;
}

async fn a_hold_is_its_owners_only(backend: Backend) {
    let world = with_money(backend).await;
    let hold = place(&world, "1", "5.00").await;
    let capture = json!({"payee": key("thief").did()});
    assert_eq!(
        world
            .post("thief", &path(&hold, "capture"), Some("1"), &capture)
            .await
            .code(),
        "not_found"
    );
    assert_eq!(
        world
            .post("thief", &path(&hold, "void"), Some("2"), &json!({}))
            .await
            .code(),
        "not_found"
    );
    // Money that was paid for a checkout is not the payer's to move.
    let checkout = world.checkout("payer").await;
    world
        .webhook(&world.event(&checkout, imajin_rails::RailOutcome::Paid))
        .await;
    let paid: Result<_, imajin_ledger::LedgerError> = {
        let sealer = imajin_store::Sealer::for_service(&world.keyring, "pay");
        let account = imajin_ledger::AccountKey::of(
            &key("payer").did(),
            imajin_money::Asset::TEST_USD,
            imajin_ledger::Purpose::Held,
        );
        world
            .db
            .read(move |conn| {
                let line = imajin_ledger::statement_list(conn, &sealer, &account, None, 1)?.remove(0);
                Ok(imajin_ledger::entry_fetch(conn, &sealer, line.entry)?
                    .unwrap()
                    .hold
                    .unwrap())
            })
            .await
    };
    let hold = json!({"id": paid.unwrap().to_string()});
    assert_eq!(
        world
            .post("payer", &path(&hold, "void"), Some("1"), &json!({}))
            .await
            .code(),
        "forbidden"
    );
    assert_eq!(
        world
            .post("payer", &path(&hold, "capture"), Some("2"), &capture)
            .await
            .code(),
        "forbidden"
    );
    world.audit_clean().await;
}

async fn what_is_no_hold_is_refused(backend: Backend) {
    let world = with_money(backend).await;
    let refused = async |body: Value| world.post("mira", HOLDS, Some("k"), &body).await.code();
    assert_eq!(refused(json!({"amount": amount("7.000001")})).await, "payment_required");
    assert_eq!(refused(json!({"amount": amount("0.00")})).await, "invalid_request");
    assert_eq!(refused(json!({"amount": amount("-1.00")})).await, "invalid_request");
    assert_eq!(refused(json!({"amount": amount("1e3")})).await, "invalid_request");
    assert_eq!(
        refused(json!({"amount": amount("99999999999999999999")})).await,
        "invalid_request"
    );
    assert_eq!(
        refused(json!({"amount": {"amount": "1.00", "currency": "USD"}})).await,
        "payment_required"
    );
    assert_eq!(
        refused(json!({"amount": {"amount": "1.00", "currency": "nonsense!"}})).await,
        "invalid_request"
    );
    assert_eq!(
        refused(json!({"amount": amount("1.00"), "owner": key("buyer").did()})).await,
        "invalid_request"
    );
    assert_eq!(
        refused(json!({"amount": amount("1.00"), "expiresInSeconds": 0})).await,
        "invalid_request"
    );
    assert_eq!(
        refused(json!({"amount": amount("1.00"), "reference": ""})).await,
        "invalid_request"
    );
    let keyless = world
        .post("mira", HOLDS, None, &json!({"amount": amount("1.00")}))
        .await;
    assert_eq!(keyless.code(), "invalid_request");
    assert!(keyless.json()["detail"].as_str().unwrap().contains("Idempotency-Key"));
    let hold = place(&world, "1", "1.00").await;
    let more = json!({"payee": key("x").did(), "amount": amount("1.01")});
    assert_eq!(
        world
            .post("mira", &path(&hold, "capture"), Some("2"), &more)
            .await
            .code(),
        "conflict"
    );
    let other = json!({"payee": key("x").did(), "amount": {"amount": "1.00", "currency": "TEST-EUR"}});
    assert_eq!(
        world
            .post("mira", &path(&hold, "capture"), Some("3"), &other)
            .await
            .code(),
        "conflict"
    );
    world.audit_clean().await;
}

async fn sixty_four_callers_never_overdraw_one_balance(backend: Backend) {
    let world = with_money(backend).await;
    let body = json!({"amount": amount("0.50")});
    let keys: Vec<String> = (0..64).map(|number| format!("k{number}")).collect();
    let calls = keys.iter().map(|key| world.post("mira", HOLDS, Some(key), &body));
    let answers = futures::future::join_all(calls).await;
    let placed = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::CREATED)
        .count();
    assert_eq!(placed, 14);
    assert!(
        answers
            .iter()
            .all(|answer| { answer.status == StatusCode::CREATED || answer.status == StatusCode::PAYMENT_REQUIRED })
    );
    assert_eq!(world.available("mira").await, "0.00 TEST-USD");
    world.audit_clean().await;
}

async fn a_hold_expires(backend: Backend) {
    let world = with_money(backend).await;
    let body = json!({"amount": amount("5.00"), "expiresInSeconds": 60});
    let hold = world.post("mira", HOLDS, Some("1"), &body).await.json();
    world.clock.advance(Span::seconds(60));
    let capture = json!({"payee": key("x").did()});
    assert_eq!(
        world
            .post("mira", &path(&hold, "capture"), Some("2"), &capture)
            .await
            .code(),
        "hold_expired"
    );
    world.pay.sweep().await.unwrap();
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");
    world.audit_clean().await;
}
