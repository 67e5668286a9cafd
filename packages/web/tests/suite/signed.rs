use axum::Router;
use axum::http::StatusCode;
use axum::routing::post as route;
use imajin_kernel::{Env, Span};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use imajin_web::{Failure, SignedBody, Site};
use serde::Deserialize;
use tower::ServiceExt;

use crate::support::{clock, json, key, post, site};

#[derive(Debug, Deserialize)]
struct Order {
    quantity: u32,
}

fn router(site: Site) -> Router {
    async fn order(SignedBody { verified, value, .. }: SignedBody<Order>) -> Result<String, Failure> {
        Ok(format!("{} orders {}", verified.did(), value.quantity))
    }
    Router::new().nest(
        "/events",
        Router::new().route("/api/checkout", route(order)).with_state(site),
    )
}

fn headers(env: &Env, url: &str, body: &str) -> Vec<(&'static str, String)> {
    let request = RequestToSign {
        method: "POST",
        target_uri: url,
        idempotency_key: None,
        body: body.as_bytes(),
    };
    let signed = sign(&key(), &request, &SignatureParams::now(key().did(), env)).unwrap();
    vec![
        ("content-digest", signed.content_digest.unwrap()),
        ("signature-input", signed.signature_input),
        ("signature", signed.signature),
    ]
}

const URL: &str = "https://node.example/events/api/checkout?a=1";
const PATH: &str = "/events/api/checkout?a=1";
const BODY: &str = "{\"quantity\":2}";

#[tokio::test]
async fn a_signature_over_our_public_url_lets_the_caller_in() {
    let clock = clock();
    let site = site(&clock);
    let request = post(PATH, &headers(&site.env, URL, BODY), BODY);
    let response = router(site).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_signed_rightly_is_refused_with_its_own_answer() {
    let clock = clock();
    let site = site(&clock);
    let stale = headers(&site.env, URL, BODY);
    clock.advance(Span::minutes(6));
    let fresh = headers(&site.env, URL, BODY);
    let elsewhere = headers(&site.env, "https://other.example/events/api/checkout?a=1", BODY);
    let cases = [
        (post(PATH, &[], BODY), "unauthenticated"),
        (post(PATH, &fresh, "{\"quantity\":3}"), "bad_signature"),
        (post("/events/api/checkout?a=2", &fresh, BODY), "bad_signature"),
        (post(PATH, &elsewhere, BODY), "bad_signature"),
        (post(PATH, &stale, BODY), "stale_signature"),
    ];
    for (request, code) in cases {
        let response = router(site.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(json(response).await["code"], code);
    }
}

#[tokio::test]
async fn a_forwarded_host_changes_nothing() {
    let clock = clock();
    let site = site(&clock);
    let mut lying = headers(&site.env, "https://evil.example/events/api/checkout?a=1", BODY);
    lying.push(("x-forwarded-host", "evil.example".to_owned()));
    lying.push(("host", "evil.example".to_owned()));
    let response = router(site).oneshot(post(PATH, &lying, BODY)).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}
