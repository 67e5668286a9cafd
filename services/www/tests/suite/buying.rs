//! The plain buy form.

use axum::http::StatusCode;
use imajin_events_api::CheckoutRequest;
use imajin_proof::http_sig::Expectation;

use crate::fakes::Fakes;
use crate::samples::{checkout_sample, event_sample, key, now};
use crate::world::{Ask, ORIGIN, World, post};

fn path() -> String {
    format!("/events/{}/buy", event_sample().id)
}

fn form() -> String {
    format!(
        "tierId={}&quantity=2&token=&idempotencyKey=0a1b",
        event_sample().tiers[0].id
    )
}

fn buy() -> Ask {
    post(path(), &form())
}

#[tokio::test]
async fn a_mailbox_identity_buys_without_javascript() {
    let world = World::new();
    let answer = world.ask(buy().as_("soft")).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, checkout_sample().url.as_str())
    );
    let bought = world.fakes.bought.lock().unwrap();
    let signed = &bought[0];
    let target = format!("{ORIGIN}/events/api/checkout");
    let expect = Expectation {
        now: now(),
        target_uri: &target,
        method: "POST",
        tag: None,
    };
    signed.verify(&[key(1).public()], &expect).unwrap();
    assert_eq!(signed.idempotency_key.as_deref(), Some("0a1b"));
    let wish: CheckoutRequest = serde_json::from_slice(&signed.body).unwrap();
    assert_eq!((wish.event_id, wish.quantity), (event_sample().id, 2));
}

#[tokio::test]
async fn without_a_number_the_order_gets_its_own() {
    let world = World::new();
    let body = format!("tierId={}&quantity=1", event_sample().tiers[0].id);
    assert_eq!(
        world.ask(post(path(), &body).as_("soft")).await.status,
        StatusCode::SEE_OTHER
    );
    let bought = world.fakes.bought.lock().unwrap();
    assert_eq!(bought[0].idempotency_key.as_ref().unwrap().len(), 32);
}

#[tokio::test]
async fn an_order_that_needs_no_payment_page_leads_to_itself() {
    let mut fakes = Fakes::default();
    fakes.order.checkout_url = None;
    let world = World::with(fakes, ORIGIN);
    let answer = world.ask(buy().as_("soft")).await;
    assert_eq!(answer.location(), format!("/orders/{}", world.fakes.order.id));
}

#[tokio::test]
async fn whoever_holds_their_key_is_told_that_it_must_sign() {
    let world = World::new();
    let answer = world.ask(buy().as_("buyer")).await;
    answer.shows(
        StatusCode::FORBIDDEN,
        &[
            "Your key must sign this order",
            "Nothing was ordered",
            "imajin ticket buy",
        ],
    );
    assert!(world.fakes.bought.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_stranger_signs_in_first() {
    let world = World::new();
    let answer = world.ask(buy()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(
        answer.location(),
        format!("/login?next=%2Fevents%2F{}", event_sample().id)
    );
    assert!(world.fakes.bought.lock().unwrap().is_empty());
}

#[tokio::test]
async fn another_site_cannot_buy_with_this_persons_cookie() {
    let world = World::new();
    let foreign = [
        buy().with("sec-fetch-site", "cross-site"),
        buy().with("sec-fetch-site", "same-site"),
        buy().without("sec-fetch-site").with("origin", "https://evil.example"),
        buy().without("sec-fetch-site").with("origin", "null"),
        buy().without("sec-fetch-site"),
    ];
    for ask in foreign {
        let answer = world.ask(ask.as_("soft")).await;
        answer.shows(StatusCode::FORBIDDEN, &["cross_site"]);
    }
    assert!(world.fakes.bought.lock().unwrap().is_empty());
    let old_browser = buy().without("sec-fetch-site").with("origin", ORIGIN).as_("soft");
    assert_eq!(world.ask(old_browser).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_refusal_of_events_arrives_as_it_was() {
    let world = World::with(
        Fakes {
            sold_out: true,
            ..Fakes::default()
        },
        ORIGIN,
    );
    world
        .ask(buy().as_("soft"))
        .await
        .shows(StatusCode::CONFLICT, &["sold_out", "No place is left."]);
}

#[tokio::test]
async fn a_form_that_is_none_is_refused_for_its_own_reason() {
    let world = World::new();
    let tier = event_sample().tiers[0].id;
    for body in [
        "",
        "quantity=1",
        "tierId=evt_1&quantity=1",
        &format!("tierId={tier}&quantity=-1"),
    ] {
        world
            .ask(post(path(), body).as_("soft"))
            .await
            .shows(StatusCode::BAD_REQUEST, &["invalid_request"]);
    }
    let number = format!("tierId={tier}&quantity=1&idempotencyKey=a%0Ab");
    world
        .ask(post(path(), &number).as_("soft"))
        .await
        .shows(StatusCode::BAD_REQUEST, &["gave out"]);
    let json = post(path(), "{}").with("content-type", "application/json").as_("soft");
    world
        .ask(json)
        .await
        .shows(StatusCode::UNSUPPORTED_MEDIA_TYPE, &["unsupported_media_type"]);
    assert!(world.fakes.bought.lock().unwrap().is_empty());
}
