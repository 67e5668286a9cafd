//! Reservations: what is refused, what is repeated, what lapses.

use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use imajin_events::EventsConfig;
use imajin_events_api::{OrderState, OrderView};
use imajin_kernel::{Code, Span};
use imajin_store::{StoreError, tamper};
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::json;

use crate::world::{CheckoutAnswer, World, key};

const PATH: &str = "/events/api/checkout";

on_both!(
    a_checkout_holds_places_at_the_events_price,
    a_named_price_is_refused,
    wrong_requests_have_answers_of_their_own,
    a_bad_signature_is_refused,
    a_replayed_signature_is_refused_also_after_a_restart,
    sold_out_is_refused_and_a_lapsed_hold_returns_its_places,
    the_sweeper_leaves_no_lapsed_hold,
    limits_per_order_and_per_buyer,
    nobody_keeps_places_from_others_without_paying,
    damaged_reservations_hold_no_other_up,
    sales_windows_are_kept,
    the_same_key_gives_the_same_order,
    a_key_belongs_to_one_request,
    an_expired_hold_is_not_paid_for,
    while_pay_is_away_the_places_stay_and_the_request_goes_on,
    when_pay_refuses_the_places_return,
    an_open_checkout_keeps_the_places_longer_within_the_cap,
    a_buyer_gives_places_back,
    strangers_see_no_order,
);

async fn a_checkout_holds_places_at_the_events_price(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let answer = world.checkout(&key("buyer"), &event, 3).await;
    let order = answer.order();
    assert_eq!(answer.header("location"), format!("/events/api/orders/{}", order.id));
    assert_eq!(order.total.to_string(), "30.00 TEST-USD");
    assert_eq!(order.state, OrderState::Held);
    assert_eq!(order.hold_expires_at, world.env.now().plus(Span::minutes(15)));
    assert!(order.checkout_url.unwrap().contains("/pay/checkout/"));
    assert_eq!(world.event_again(&event).await.tiers[0].available, Some(2));
    assert_eq!(world.audit().await, []);
}

async fn a_named_price_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    for member in ["price", "amount", "total", "currency"] {
        let mut body = World::wish(&event, 1);
        body[member] = json!("0.01");
        let answer = world.post(&key("buyer"), PATH, &body).await;
        assert_eq!(answer.code(), "invalid_request");
        assert!(answer.detail().contains("come from the event"), "{}", answer.detail());
        assert_eq!(answer.json()["member"], member);
    }
    let mut body = World::wish(&event, 1);
    body["colour"] = json!("red");
    let answer = world.post(&key("buyer"), PATH, &body).await;
    assert!(answer.detail().contains("colour"), "{}", answer.detail());
    assert_eq!(world.counters(&event).await, (0, 0));
}

async fn wrong_requests_have_answers_of_their_own(backend: Backend) {
    let world = World::new(backend).await;
    let (event, other) = (world.event(Some(5)).await, world.event(Some(5)).await);
    let buyer = key("buyer");
    let raw = |body: &[u8]| world.sign(&buyer, PATH, None, body);
    assert_eq!(world.send_signed(&raw(b"{\"eventId\":")).await.code(), "malformed_body");
    let large = vec![b' '; 70 * 1024];
    let answer = world.send_signed(&raw(&large)).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
    );

    let unknown: imajin_kernel::id::EventId = world.env.new_id();
    let body = json!({"eventId": unknown, "tierId": World::tier(&event), "quantity": 1});
    let answer = world.post(&buyer, PATH, &body).await;
    assert_eq!(
        (answer.code().as_str(), answer.detail().as_str()),
        ("not_found", "There is no such event.")
    );
    let body = json!({"eventId": event.id, "tierId": World::tier(&other), "quantity": 1});
    assert_eq!(
        world.post(&buyer, PATH, &body).await.detail(),
        "There is no such tier of this event."
    );
    let body = json!({"eventId": "evt_x", "tierId": World::tier(&event), "quantity": 1});
    assert_eq!(world.post(&buyer, PATH, &body).await.code(), "invalid_request");
    world
        .identities
        .tiers
        .lock()
        .unwrap()
        .insert(buyer.did(), Tier::Visitor);
    assert_eq!(world.checkout(&buyer, &event, 1).await.code(), "forbidden");
}

async fn a_bad_signature_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let body = serde_json::to_vec(&World::wish(&event, 1)).unwrap();
    let mut changed = world.sign(&key("buyer"), PATH, None, &body);
    changed.body = serde_json::to_vec(&World::wish(&event, 2)).unwrap();
    assert_eq!(
        world.send_signed(&changed).await.code(),
        "bad_signature",
        "the body was changed"
    );
    let mut forged = world.sign(&key("buyer"), PATH, None, &body);
    let other = world.sign(&key("other"), PATH, None, &body);
    forged.signature = other.signature;
    assert_eq!(world.send_signed(&forged).await.code(), "bad_signature");
    let stale = world.sign(&key("buyer"), PATH, None, &body);
    world.clock.advance(Span::minutes(6));
    assert_eq!(world.send_signed(&stale).await.code(), "stale_signature");
    assert_eq!(world.counters(&event).await, (0, 0));
}

async fn a_replayed_signature_is_refused_also_after_a_restart(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let body = serde_json::to_vec(&World::wish(&event, 1)).unwrap();
    let signed = world.sign(&key("buyer"), PATH, None, &body);
    world.send_signed(&signed).await.order();
    assert_eq!(world.send_signed(&signed).await.code(), "replayed");
    world.checkout(&key("other"), &event, 4).await.order();
    assert_eq!(
        world.send_signed(&signed).await.code(),
        "replayed",
        "also when it is sold out"
    );
    let world = world.restart().await;
    assert_eq!(world.send_signed(&signed).await.code(), "replayed");
    assert_eq!(world.counters(&event).await, (0, 5));
    assert_eq!(world.audit().await, []);
}

async fn sold_out_is_refused_and_a_lapsed_hold_returns_its_places(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(3)).await;
    let first = world.checkout(&key("first"), &event, 2).await.order();
    let answer = world.checkout(&key("second"), &event, 2).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::CONFLICT, "sold_out")
    );
    assert_eq!(answer.json()["left"], 1);
    world.clock.advance(Span::minutes(15));
    // Nobody has released it yet, and it counts as free all the same.
    assert_eq!(world.event_again(&event).await.tiers[0].available, Some(3));
    assert_eq!(world.order_again(&first).await.state, OrderState::Expired);
    world.checkout(&key("second"), &event, 2).await.order();
    assert_eq!(world.counters(&event).await, (0, 2));
    assert_eq!(world.audit().await, []);
}

async fn the_sweeper_leaves_no_lapsed_hold(backend: Backend) {
    let world = World::new(backend).await;
    let events = [world.event(Some(50)).await, world.event(None).await];
    for nth in 0..6 {
        world
            .checkout(&key(&format!("buyer {nth}")), &events[nth % 2], 2)
            .await
            .order();
    }
    assert_eq!(world.events.holds_release().await.unwrap(), 0);
    world.clock.advance(Span::minutes(15));
    assert_eq!(world.events.holds_release().await.unwrap(), 6);
    for event in &events {
        assert_eq!(world.counters(event).await, (0, 0));
    }
    assert_eq!(world.audit().await, []);
}

async fn limits_per_order_and_per_buyer(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(None).await;
    for quantity in [0, 11] {
        let answer = world.checkout(&key("buyer"), &event, quantity).await;
        assert_eq!(answer.code(), "invalid_request");
        assert_eq!(answer.json()["perOrderLimit"], 10);
    }
    for _ in 0..5 {
        world.checkout(&key("buyer"), &event, 3).await.order();
    }
    let answer = world.checkout(&key("buyer"), &event, 1).await;
    assert_eq!(answer.code(), "conflict");
    assert!(answer.detail().contains("5 open reservations"), "{}", answer.detail());
    world.clock.advance(Span::minutes(15));
    world.checkout(&key("buyer"), &event, 1).await.order();
}

async fn nobody_keeps_places_from_others_without_paying(backend: Backend) {
    let world = World::new(backend).await;
    let (event, other) = (world.event(Some(100)).await, world.event(Some(100)).await);
    let first = world.checkout(&key("buyer"), &event, 10).await.order();
    world.checkout(&key("buyer"), &event, 10).await.order();
    let too_many = async || {
        let answer = world.checkout(&key("buyer"), &event, 1).await;
        assert_eq!(answer.code(), "conflict");
        assert_eq!(answer.json()["placesMax"], 20, "{}", answer.detail());
    };
    too_many().await;
    // Neither a reservation that was given back nor one that lapsed makes room for the next at once.
    let path = format!("/events/api/orders/{}/cancel", first.id);
    world.post(&key("buyer"), &path, &json!({})).await;
    too_many().await;
    world.clock.advance(Span::minutes(15));
    too_many().await;
    world.events.holds_release().await.unwrap();
    too_many().await;
    world.checkout(&key("buyer"), &other, 10).await.order();
    world.checkout(&key("another"), &event, 10).await.order();
    world.clock.advance(Span::hours(1));
    let paid = world.checkout(&key("buyer"), &event, 10).await.order();
    world.pay.settle(paid.checkout_id.unwrap()).await;
    world.checkout(&key("buyer"), &event, 10).await.order();
    world.checkout(&key("buyer"), &event, 10).await.order();
    too_many().await;
    assert_eq!(world.audit().await, []);
}

/// More than are released in one transaction.
const LAPSED: usize = 101;

async fn damaged_reservations_hold_no_other_up(backend: Backend) {
    let world = World::new(backend).await;
    let events = [world.event(Some(200)).await, world.event(Some(200)).await];
    for nth in 0..LAPSED {
        world
            .checkout(&key(&format!("buyer {nth}")), &events[0], 1)
            .await
            .order();
    }
    let damaged: Result<(), StoreError> = world
        .db
        .write(|conn| {
            for place in tamper::rows(conn, "orders")? {
                tamper::tamper(conn, "orders", "row_seal", &place)?.unwrap();
            }
            Ok(())
        })
        .await;
    damaged.unwrap();
    world.clock.advance(Span::seconds(1));
    for event in &events {
        world.checkout(&key("late buyer"), event, 2).await.order();
    }
    world.clock.advance(Span::minutes(16));
    assert_eq!(world.events.holds_release().await.unwrap(), 2);
    assert_eq!(world.counters(&events[0]).await, (0, u32::try_from(LAPSED).unwrap()));
    assert_eq!(world.counters(&events[1]).await, (0, 0));
}

async fn sales_windows_are_kept(backend: Backend) {
    let world = World::new(backend).await;
    let mut body = world.event_body(Some(5));
    body["tiers"][0]["salesStart"] = json!(world.env.now().plus(Span::days(1)));
    body["tiers"][0]["salesEnd"] = json!(world.env.now().plus(Span::days(2)));
    let answer = world.post(&world.owner, "/events/api/events", &body).await;
    let event: imajin_events_api::EventView = serde_json::from_slice(&answer.body).unwrap();
    world
        .post(
            &world.owner,
            &format!("/events/api/events/{}/publish", event.id),
            &json!({}),
        )
        .await;
    let answer = world.checkout(&key("buyer"), &event, 1).await;
    assert!(answer.detail().contains("begins at"), "{}", answer.detail());
    world.clock.advance(Span::days(1));
    world.checkout(&key("buyer"), &event, 1).await.order();
    world.clock.advance(Span::days(1));
    let answer = world.checkout(&key("buyer"), &event, 1).await;
    assert!(answer.detail().contains("ended at"), "{}", answer.detail());
}

async fn the_same_key_gives_the_same_order(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let first = world.checkout_with_key(&key("buyer"), &event, 2, "k").await;
    assert_eq!(first.header("idempotent-replayed"), "");
    let second = world.checkout_with_key(&key("buyer"), &event, 2, "k").await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    let (first, second) = (first.order(), second.order());
    assert_eq!((first.id, first.checkout_id), (second.id, second.checkout_id));
    assert_eq!(world.counters(&event).await, (0, 2));
    assert_eq!(world.pay.opened.load(Ordering::SeqCst), 1);
    // Keys of two buyers do not meet.
    let other = world.checkout_with_key(&key("other"), &event, 2, "k").await.order();
    assert_ne!(first.id, other.id);
    world.pay.settle(first.checkout_id.unwrap()).await;
    let paid = world.checkout_with_key(&key("buyer"), &event, 2, "k").await.order();
    assert_eq!((paid.id, paid.state), (first.id, OrderState::Fulfilled));
}

async fn a_key_belongs_to_one_request(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    world.checkout_with_key(&key("buyer"), &event, 2, "k").await.order();
    let answer = world.checkout_with_key(&key("buyer"), &event, 1, "k").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::CONFLICT, "idempotency_mismatch")
    );
    let answer = world
        .checkout_with_key(&key("buyer"), &event, 1, &"k".repeat(256))
        .await;
    assert_eq!(answer.json()["member"], "Idempotency-Key");
}

async fn an_expired_hold_is_not_paid_for(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    world.pay.away.store(true, Ordering::SeqCst);
    assert_eq!(
        world.checkout_with_key(&key("buyer"), &event, 2, "k").await.code(),
        "unavailable"
    );
    world.pay.away.store(false, Ordering::SeqCst);
    world.clock.advance(Span::minutes(15));
    for _ in 0..2 {
        let answer = world.checkout_with_key(&key("buyer"), &event, 2, "k").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::GONE, "hold_expired")
        );
        world.events.holds_release().await.unwrap();
    }
    assert_eq!(world.pay.opened.load(Ordering::SeqCst), 0);
}

async fn while_pay_is_away_the_places_stay_and_the_request_goes_on(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    world.pay.away.store(true, Ordering::SeqCst);
    let answer = world.checkout_with_key(&key("buyer"), &event, 2, "k").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "2");
    let id = answer.json()["orderId"].clone();
    assert_eq!(world.counters(&event).await, (0, 2));
    world.pay.away.store(false, Ordering::SeqCst);
    let answer = world.checkout_with_key(&key("buyer"), &event, 2, "k").await;
    assert_eq!(json!(answer.order().id), id);
    assert!(answer.order().checkout_url.is_some());
    assert_eq!(world.counters(&event).await, (0, 2));
}

async fn when_pay_refuses_the_places_return(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    *world.pay.refuses.lock().unwrap() = Some(Code::Conflict);
    let answer = world.checkout(&key("buyer"), &event, 2).await;
    assert_eq!(answer.detail(), "This node takes no such money.");
    assert_eq!(world.counters(&event).await, (0, 0));
    assert_eq!(world.audit().await, []);
}

async fn an_open_checkout_keeps_the_places_longer_within_the_cap(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(9)).await;
    let now = world.env.now();
    *world.pay.open_longer.lock().unwrap() = Span::minutes(10);
    let order = world.checkout(&key("a"), &event, 1).await.order();
    assert_eq!(order.hold_expires_at, now.plus(Span::minutes(25)));
    *world.pay.open_longer.lock().unwrap() = Span::hours(9);
    let order = world.checkout(&key("b"), &event, 1).await.order();
    assert_eq!(order.hold_expires_at, now.plus(EventsConfig::default().hold_max));
}

async fn a_buyer_gives_places_back(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 2).await.order();
    let path = format!("/events/api/orders/{}/cancel", order.id);
    assert_eq!(world.post(&key("other"), &path, &json!({})).await.code(), "not_found");
    let answer = world.post(&key("buyer"), &path, &json!({})).await;
    let cancelled: OrderView = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((cancelled.state, cancelled.checkout_url), (OrderState::Cancelled, None));
    assert_eq!(world.counters(&event).await, (0, 0));
    assert_eq!(
        world.post(&key("buyer"), &path, &json!({})).await.status,
        StatusCode::OK,
        "again is no error"
    );
    let paid = world.checkout(&key("buyer"), &event, 1).await.order();
    world.pay.settle(paid.checkout_id.unwrap()).await;
    let path = format!("/events/api/orders/{}/cancel", paid.id);
    assert_eq!(world.post(&key("buyer"), &path, &json!({})).await.code(), "conflict");
    assert_eq!(world.audit().await, []);
}

async fn strangers_see_no_order(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(Some(5)).await;
    let order = world.checkout(&key("buyer"), &event, 2).await.order();
    let path = format!("/events/api/orders/{}", order.id);
    assert_eq!(world.get(None, &path).await.code(), "unauthenticated");
    assert_eq!(world.get(Some(&key("other").did()), &path).await.code(), "not_found");
    assert_eq!(world.get(Some(&key("buyer").did()), &path).await.status, StatusCode::OK);
    assert_eq!(world.get(Some(&world.owner.did()), &path).await.status, StatusCode::OK);
    world
        .identities
        .tiers
        .lock()
        .unwrap()
        .insert(key("operator").did(), Tier::Operator);
    assert_eq!(
        world.get(Some(&key("operator").did()), &path).await.status,
        StatusCode::OK
    );
}
