//! Fees that change: announced in time, kept, and never above what a checkout was opened with.

use axum::http::StatusCode;
use imajin_fair::plan::FeeSchedule;
use imajin_kernel::Span;
use imajin_pay::PayConfig;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key};

on_both!(
    a_rise_needs_a_days_notice_and_a_cut_is_instant,
    a_checkout_keeps_the_fees_that_it_was_opened_with,
    a_schedule_that_is_overtaken_never_governs,
    what_is_no_schedule_of_the_operators_is_refused,
);

const FEES: &str = "/pay/api/fees";

async fn operated(backend: Backend, fees: FeeSchedule) -> World {
    let config = PayConfig {
        fees,
        ..PayConfig::default()
    };
    let world = World::with(backend, config).await;
    *world.identities.operator.lock().unwrap() = Some(key("operator").did());
    world
}

fn node_fee(rate_micros: u32) -> Value {
    json!([{"name": "node", "recipient": "node", "rateMicros": rate_micros}])
}

async fn announce(world: &World, lines: Value, effective_at: Option<Span>) -> Answer {
    let mut body = json!({"lines": lines});
    if let Some(later) = effective_at {
        body["effectiveAt"] = json!(world.env.now().plus(later).to_string());
    }
    world.post("operator", FEES, None, &body).await
}

async fn shown(world: &World) -> (u64, usize, usize) {
    let fees = world.get(None, FEES).await.json();
    let count = |name: &str| fees[name].as_array().unwrap().len();
    (fees["version"].as_u64().unwrap(), count("coming"), count("past"))
}

async fn a_rise_needs_a_days_notice_and_a_cut_is_instant(backend: Backend) {
    let world = operated(backend, FeeSchedule::none()).await;
    assert_eq!(shown(&world).await, (0, 0, 0));
    let early = announce(&world, node_fee(5_000), Some(Span::hours(23))).await;
    assert_eq!(early.code(), "invalid_request");
    assert!(early.text().contains("24 hours' notice"), "{}", early.text());
    let rise = announce(&world, node_fee(5_000), None).await;
    assert_eq!(rise.status, StatusCode::OK, "{}", rise.text());
    assert_eq!(rise.json()["effectiveAt"], json!(world.env.now().plus(Span::hours(24))));
    assert_eq!(shown(&world).await, (0, 1, 0));
    world.clock.advance(Span::hours(24));
    assert_eq!(shown(&world).await, (1, 0, 1));
    let checkout = world.checkout("buyer").await;
    world.pay_for(&checkout).await;
    let body = world.receipt("buyer", checkout.id).await.message.payload;
    assert_eq!(
        (body.fees[0].name.as_str(), body.fees[0].amount.to_string()),
        ("node", "0.05".to_owned())
    );
    world.clock.advance(Span::minutes(1));
    let cut = announce(&world, node_fee(2_500), None).await;
    assert_eq!(cut.json()["effectiveAt"], json!(world.env.now()));
    assert_eq!(shown(&world).await, (2, 0, 2));
    // The same in all, but more for one of them, is a rise for whoever is asked to bear it.
    let moved = json!([{"name": "protocol", "recipient": "protocol", "rateMicros": 2_500}]);
    assert_eq!(
        announce(&world, moved, Some(Span::ZERO)).await.code(),
        "invalid_request"
    );
    world.audit_clean().await;
}

async fn a_checkout_keeps_the_fees_that_it_was_opened_with(backend: Backend) {
    let world = operated(backend, FeeSchedule::mjn()).await;
    let checkout = world.checkout("buyer").await;
    assert_eq!(announce(&world, json!([]), None).await.status, StatusCode::OK);
    world.pay_for(&checkout).await;
    assert_eq!(world.receipt("buyer", checkout.id).await.message.payload.fees.len(), 3);
    let later = world.checkout("late buyer").await;
    world.pay_for(&later).await;
    assert!(
        world
            .receipt("late buyer", later.id)
            .await
            .message
            .payload
            .fees
            .is_empty()
    );
    assert_eq!(shown(&world).await, (2, 0, 1));
    world.audit_clean().await;
}

async fn a_schedule_that_is_overtaken_never_governs(backend: Backend) {
    let world = operated(backend, FeeSchedule::mjn()).await;
    announce(&world, json!([]), Some(Span::hours(48))).await;
    // Not higher than what is in force, but higher than what was announced.
    assert_eq!(
        announce(&world, node_fee(5_000), Some(Span::hours(1))).await.code(),
        "invalid_request"
    );
    announce(&world, node_fee(5_000), Some(Span::hours(30))).await;
    assert_eq!(
        shown(&world).await,
        (1, 1, 0),
        "the first would start later, and never does"
    );
    world.clock.advance(Span::hours(72));
    assert_eq!(shown(&world).await, (3, 0, 1));
    world.audit_clean().await;
}

async fn what_is_no_schedule_of_the_operators_is_refused(backend: Backend) {
    let world = operated(backend, FeeSchedule::none()).await;
    for rate in [0, 2_499, 20_001, 1_000_000] {
        assert_eq!(
            announce(&world, node_fee(rate), None).await.code(),
            "invalid_request",
            "{rate}"
        );
    }
    let twice = json!([node_fee(5_000)[0], node_fee(5_000)[0]]);
    assert_eq!(announce(&world, twice, None).await.code(), "invalid_request");
    let nameless = json!([{"name": "", "recipient": "node", "rateMicros": 5_000}]);
    assert_eq!(announce(&world, nameless, None).await.code(), "invalid_request");
    let nobody = json!([{"name": "x", "recipient": "me", "rateMicros": 5_000}]);
    assert_eq!(announce(&world, nobody, None).await.code(), "invalid_request");
    assert_eq!(
        announce(&world, json!([]), Some(Span::seconds(-1))).await.code(),
        "invalid_request"
    );
    let stranger = world.post("mira", FEES, None, &json!({"lines": []})).await;
    assert_eq!(stranger.code(), "forbidden");
    assert_eq!(shown(&world).await, (0, 0, 0));
    world.audit_clean().await;
}
