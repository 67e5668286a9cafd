//! Opening and looking at checkouts: each refusal by its name.

use std::sync::atomic::Ordering;

use axum::http::{Request, StatusCode};
use imajin_kernel::Span;
use imajin_pay::{Pay, PayConfig};
use imajin_pay_api::{CheckoutCreate, CheckoutState, GoodsRef, PayApi};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key, money};

on_both!(
    a_buyer_opens_a_checkout_and_gets_the_same_one_again,
    a_caller_who_names_a_price_is_refused,
    what_cannot_be_paid_for_is_refused,
    a_signature_is_needed_and_good_once,
    the_same_idempotency_key_is_the_same_checkout,
    a_checkout_is_its_buyers_only,
    an_open_checkout_expires,
    two_processes_open_one_checkout,
);

const PATH: &str = "/pay/api/checkout";

fn body(goods: &GoodsRef) -> Value {
    json!({"goods": goods, "quantity": 1, "successUrl": "/orders/1", "cancelUrl": "http://node.test:7000/events/1"})
}

async fn a_buyer_opens_a_checkout_and_gets_the_same_one_again(backend: Backend) {
    let world = World::new(backend).await;
    let goods = world.goods("buyer");
    let first = world.post("buyer", PATH, None, &body(&goods)).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    assert_eq!(
        first.json()["price"],
        json!({"amount": "10.00", "currency": "TEST-USD"})
    );
    let again = world.post("buyer", PATH, None, &body(&goods)).await;
    assert_eq!(again.json()["id"], first.json()["id"]);
    // Opened for half an hour, because the seller keeps the goods for 15 minutes and extends that by 15.
    let expires = world.env.now().plus(Span::minutes(30));
    assert_eq!(first.json()["expiresAt"], json!(expires));
    world
        .seller
        .change(&goods, |quote| quote.price = money("12.00 TEST-USD"));
    let dearer = world.post("buyer", PATH, None, &body(&goods)).await;
    assert_ne!(
        dearer.json()["id"],
        first.json()["id"],
        "another price is another checkout"
    );
    world.audit_clean().await;
}

async fn a_caller_who_names_a_price_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let goods = world.goods("buyer");
    for member in ["price", "amount", "currency", "total"] {
        let mut named = body(&goods);
        named[member] = json!("0.01");
        let answer = world.post("buyer", PATH, None, &named).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::BAD_REQUEST, "invalid_request")
        );
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("the price comes from the seller"), "{detail}");
    }
    let mut unknown = body(&goods);
    unknown["coupon"] = json!("x");
    assert_eq!(
        world.post("buyer", PATH, None, &unknown).await.code(),
        "invalid_request"
    );
}

async fn what_cannot_be_paid_for_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let refused = async |goods: &GoodsRef| world.post("buyer", PATH, None, &body(goods)).await.code();
    let unknown = GoodsRef {
        kind: "order".to_owned(),
        id: "ord_none".to_owned(),
    };
    assert_eq!(refused(&unknown).await, "not_found");
    assert_eq!(refused(&world.goods("somebody else")).await, "forbidden");
    let goods = world.goods("buyer");
    world.seller.change(&goods, |quote| quote.expires_at = world.env.now());
    assert_eq!(refused(&goods).await, "hold_expired");
    let goods = world.goods("buyer");
    world.seller.change(&goods, |quote| quote.price = money("10.00 USD"));
    assert_eq!(refused(&goods).await, "conflict", "no rail takes real money here");
    let goods = world.goods("buyer");
    world.seller.change(&goods, |quote| {
        quote.manifest.title = Some("changed after signing".to_owned());
    });
    assert_eq!(refused(&goods).await, "conflict");
    let goods = world.goods("buyer");
    for elsewhere in [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "javascript:alert(1)",
        "\\\\elsewhere",
    ] {
        let mut wish = body(&goods);
        wish["successUrl"] = json!(elsewhere);
        assert_eq!(
            world.post("buyer", PATH, None, &wish).await.code(),
            "invalid_request",
            "{elsewhere}"
        );
    }
    world.seller.away.store(true, Ordering::SeqCst);
    assert_eq!(refused(&goods).await, "unavailable");
}

async fn a_signature_is_needed_and_good_once(backend: Backend) {
    let world = World::new(backend).await;
    let goods = world.goods("buyer");
    let text = serde_json::to_vec(&body(&goods)).unwrap();
    let plain = Request::post(PATH).header("content-type", "application/json");
    let answer = world.send(plain.body(text.clone().into()).unwrap()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::UNAUTHORIZED, "unauthenticated")
    );
    let signed = world.sign(&key("buyer"), PATH, None, &text);
    assert_eq!(world.send_signed(&signed).await.status, StatusCode::CREATED);
    assert_eq!(world.send_signed(&signed).await.code(), "replayed");
    let mut changed = world.sign(&key("buyer"), PATH, None, &text);
    changed.body = serde_json::to_vec(&body(&world.goods("buyer"))).unwrap();
    assert_eq!(world.send_signed(&changed).await.code(), "bad_signature");
    let mut named = body(&goods);
    named["buyer"] = json!(key("somebody else").did());
    assert_eq!(world.post("buyer", PATH, None, &named).await.code(), "forbidden");
    // The nonce was spent for good: also after a restart.
    let world = world.restart(PayConfig::default()).await;
    assert_eq!(world.send_signed(&signed).await.code(), "replayed");
    world.audit_clean().await;
}

async fn the_same_idempotency_key_is_the_same_checkout(backend: Backend) {
    let world = World::new(backend).await;
    let goods = world.goods("buyer");
    let first = world.post("buyer", PATH, Some("k"), &body(&goods)).await;
    let again = world.post("buyer", PATH, Some("k"), &body(&goods)).await;
    assert_eq!(
        (again.status, again.json()["id"].clone()),
        (StatusCode::CREATED, first.json()["id"].clone())
    );
    assert_eq!(
        (first.header("idempotent-replayed"), again.header("idempotent-replayed")),
        ("", "true")
    );
    let other = world.post("buyer", PATH, Some("k"), &body(&world.goods("buyer"))).await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (StatusCode::CONFLICT, "idempotency_mismatch")
    );
    let long = "k".repeat(256);
    assert_eq!(
        world.post("buyer", PATH, Some(&long), &body(&goods)).await.code(),
        "invalid_request"
    );
    world.audit_clean().await;
}

async fn a_checkout_is_its_buyers_only(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    let path = format!("{PATH}/{}", checkout.id);
    let own = world.get(Some("buyer"), &path).await;
    assert_eq!(
        (own.status, own.json()["state"].clone()),
        (StatusCode::OK, json!("open"))
    );
    assert_eq!(own.json()["formToken"].as_str().unwrap().len(), 64);
    assert_eq!(world.get(Some("somebody else"), &path).await.code(), "not_found");
    assert_eq!(world.get(None, &path).await.code(), "unauthenticated");
    assert_eq!(
        world.get(Some("buyer"), &format!("{PATH}/chk_nonsense")).await.code(),
        "not_found"
    );
    world.pay_for(&checkout).await;
    let paid = world.get(Some("buyer"), &path).await.json();
    assert_eq!(
        (paid["state"].clone(), paid["formToken"].clone()),
        (json!("settled"), Value::Null)
    );
}

async fn an_open_checkout_expires(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    world.clock.advance(Span::minutes(30));
    assert_eq!(
        world.state(checkout.id).await,
        CheckoutState::Expired,
        "before the sweeper came"
    );
    world.pay.sweep().await.unwrap();
    let view = world.view(checkout.id).await;
    assert_eq!(
        (view.state, view.reason.as_deref()),
        (CheckoutState::Expired, Some("Nobody paid in time."))
    );
    world.audit_clean().await;
}

async fn two_processes_open_one_checkout(backend: Backend) {
    if backend == Backend::Sqlite {
        // One process has the file.
        return;
    }
    let world = World::new(backend).await;
    // The log has begun, and what is raced for is the checkout.
    world.checkout("buyer").await;
    let other = world.second_process(PayConfig::default()).await;
    for round in 0..40 {
        let price = if round % 4 == 0 {
            "0.00 TEST-USD"
        } else {
            "10.00 TEST-USD"
        };
        let goods = world.goods_split("buyer", price, &[("mira", 1_000_000)]);
        let open = async |pay: &Pay| {
            let request = CheckoutCreate {
                goods: goods.clone(),
                buyer: key("buyer").did(),
                success_url: "/orders/1".to_owned(),
                cancel_url: "/events/1".to_owned(),
            };
            pay.checkout_create(request).await.map(|view| view.id)
        };
        let (one, two) = tokio::join!(open(&world.pay), open(&other));
        assert_eq!(one.unwrap(), two.unwrap(), "{price}");
    }
    world.audit_clean().await;
}
