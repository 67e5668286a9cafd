//! What a key repeats for one payment: the same request, and no other answer.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use futures::StreamExt;
use http::{HeaderMap, Method};
use tower::ServiceExt;

use crate::{Answer, HOST, World};

/// A site whose answers depend on what it is sent.
async fn ask(world: &World, method: &str, path: &str, headers: HeaderMap, body: Body) -> Answer {
    let site = Router::new()
        .fallback(|request: Request| async move {
            let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
            format!("an answer to {} bytes: {}", body.len(), String::from_utf8_lossy(&body))
        })
        .layer(from_fn_with_state(world.gate.clone(), imajin_gate::gated));
    let method: Method = method.parse().unwrap();
    let mut request = Request::builder().method(method).uri(path).body(body).unwrap();
    *request.headers_mut() = headers;
    let (parts, body) = site.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

fn with_key(mut headers: HeaderMap, key: &str) -> HeaderMap {
    headers.insert("idempotency-key", key.parse().unwrap());
    headers
}

/// A body of pieces, whose length nobody is told.
fn pieces(texts: &'static [&'static str]) -> Body {
    Body::from_stream(futures::stream::iter(texts.iter().copied()).map(Ok::<_, std::io::Error>))
}

#[tokio::test]
async fn one_payment_buys_one_answer_whatever_the_body_is() {
    let world = World::new();
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 99);
    let receipt = async |method: &str, key: &str, body: Body| {
        let headers = with_key(world.paid("/paid/1", &visa), key);
        let answer = ask(&world, method, "/paid/1", headers, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.header("x-imagxp-receipt").to_owned()
    };
    let digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    for (method, key, body, paid) in [
        ("POST", "k", Body::from("a"), 1),
        ("POST", "k", Body::from("a"), 1),
        ("POST", "k", pieces(&["", "a"]), 1),
        ("POST", "k", Body::from("b"), 2),
        ("POST", "k", Body::empty(), 3),
        ("POST", "k", pieces(&[]), 3),
        ("PUT", "k", Body::from("a"), 4),
        ("GET", "k", Body::from("a"), 5),
        ("GET", "k", Body::from("b"), 6),
        ("GET", "k", Body::empty(), 7),
        ("HEAD", "k", Body::empty(), 7),
        // What one says as its key is not what another has as its method or its body.
        ("POST", digest, Body::empty(), 8),
        ("GET", "POST", Body::from("a"), 9),
    ] {
        assert_eq!(
            receipt(method, key, body).await,
            format!("receipt-{paid}"),
            "{method} {key}"
        );
    }
    assert_eq!(world.till.total(), 90_000);
    let spaced = with_key(world.paid("/paid/1", &visa), "POST k");
    let refused = ask(&world, "GET", "/paid/1", spaced, Body::empty()).await;
    assert_eq!((refused.status, refused.error().as_str()), (400, "MALFORMED"));
}

#[tokio::test]
async fn a_visa_that_is_spent_is_good_for_the_body_that_it_has_paid_for() {
    let world = World::new();
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "0.01 USD", 1);
    for (body, status) in [("a", 200), ("b", 403), ("a", 200), ("", 403)] {
        let headers = with_key(world.paid("/paid/1", &visa), "k");
        let answer = ask(&world, "POST", "/paid/1", headers, Body::from(body)).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text);
    }
    assert_eq!(world.till.total(), 10_000);
}

#[tokio::test]
async fn a_long_body_is_streamed_unless_it_belongs_to_a_payment_with_a_key() {
    let world = World::new();
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 9);
    let long = || Body::from("x".repeat(64 * 1024 + 1));
    for headers in [world.claim("/about"), with_key(world.claim("/about"), "k")] {
        let answer = ask(&world, "POST", "/about", headers, long()).await;
        assert!(answer.text.starts_with("an answer to 65537 bytes"), "{}", answer.text);
    }
    let without_key = ask(&world, "POST", "/paid/1", world.paid("/paid/1", &visa), long()).await;
    assert_eq!((without_key.status, world.till.total()), (200, 10_000));
    let headers = with_key(world.paid("/paid/1", &visa), "k");
    let refused = ask(&world, "POST", "/paid/1", headers, long()).await;
    assert_eq!((refused.status, refused.error().as_str()), (400, "MALFORMED"));
    assert!(refused.text.contains("at most 64 KiB"), "{}", refused.text);
    let headers = with_key(world.paid("/paid/1", &visa), "k");
    let most = ask(&world, "POST", "/paid/1", headers, Body::from("x".repeat(64 * 1024))).await;
    assert_eq!((most.status, world.till.total()), (200, 20_000));
}
