//! What caches in front of a gate may keep.

use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use http::{HeaderMap, Request};
use imajin_imagxp::policy::Policy;
use tower::ServiceExt;

use crate::visits::browser;
use crate::{HOST, World};

/// The headers of an answer of a site that says so much about caches.
async fn answered(world: &World, path: &str, asked: HeaderMap, said: &'static str) -> HeaderMap {
    let headers = [
        ("cache-control", said),
        ("cdn-cache-control", "max-age=600"),
        ("x-accel-expires", "600"),
    ];
    let site = Router::new()
        .fallback(move || async move { (headers, "content") })
        .layer(from_fn_with_state(world.gate.clone(), imajin_gate::gated));
    let mut request = Request::builder().uri(path).body(Body::empty()).unwrap();
    *request.headers_mut() = asked;
    let answer = site.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.headers().clone()
}

#[tokio::test]
async fn what_an_agent_pays_for_is_in_no_cache_that_others_share() {
    let world = World::new();
    for (path, said, kept) in [
        ("/paid/1", "public, max-age=60, s-maxage=600", "private, max-age=60"),
        ("/paid/1", "Max-Age=60, PUBLIC", "private, Max-Age=60"),
        ("/PAID;x/1", "max-age=60", "private, max-age=60"),
        ("/paid/1", "no-store", "private, no-store"),
        ("/paid/1", "private=\"x-a\", max-age=60", "private, max-age=60"),
        ("/about", "public, max-age=60", "public, max-age=60"),
    ] {
        // A person reads it for nothing, and the next one who asks is an agent.
        let headers = answered(&world, path, browser(), said).await;
        assert_eq!(headers["cache-control"], kept, "{path}: {said}");
        let is_free = path == "/about";
        assert_eq!(headers.contains_key("cdn-cache-control"), is_free, "{path}");
        assert_eq!(headers.contains_key("x-accel-expires"), is_free, "{path}");
        let vary = headers["vary"].to_str().unwrap();
        for name in [
            "x-imagxp-payload",
            "signature-input",
            "payment-signature",
            "authorization",
        ] {
            assert!(vary.contains(name), "{vary}");
        }
    }
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 9);
    let paid = answered(&world, "/paid/1", world.paid("/paid/1", &visa), "public").await;
    assert_eq!(paid["cache-control"], "private, no-store");
    assert!(!paid.contains_key("cdn-cache-control"));
}

#[tokio::test]
async fn what_one_purpose_costs_is_private_and_what_no_work_asks_for_is_public() {
    let world = World::new();
    let policy = r#"
        version = 1
        brokers = ["https://broker.example/broker"]
        [[rules]]
        path = "/training"
        purposes = ["CRAWL_TRAINING"]
        price = "0.01 USD"
        [[rules]]
        path = "/closed"
        allow = false
        [[rules]]
        path = "/due"
        requires_payment = true
        [[rules]]
        path = "/work"
        fair = "fair_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    "#;
    world.gate.policy_set(Policy::parse(policy).unwrap());
    for (path, kept) in [
        ("/training", "private, max-age=60"),
        ("/due", "private, max-age=60"),
        ("/work", "private, max-age=60"),
        // The terms of a work that is known by its path.
        ("/paid/1", "private, max-age=60"),
        ("/closed", "public, max-age=60"),
        ("/", "public, max-age=60"),
    ] {
        let headers = answered(&world, path, browser(), "public, max-age=60").await;
        assert_eq!(headers["cache-control"], kept, "{path}");
    }
    // Nobody pays at a gate that only says what it would do.
    let dry = World::with(true);
    let headers = answered(&dry, "/paid/1", browser(), "public").await;
    assert_eq!(headers["cache-control"], "public");
}
