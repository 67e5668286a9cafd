//! What the publisher signs about the bytes of an answer, and what answers link to.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use imajin_gate::gated;
use imajin_imagxp::Provenance;
use imajin_imagxp::policy::Policy;
use imajin_proof::digest::{Sha256Sum, content_digest};
use tower::ServiceExt;

use crate::proxy::{Served, gate_before};
use crate::{HOST, NOW, ORIGIN, World};

const POLICY_LINK: &str = "<https://site.example/.well-known/imagxp-policy.json>; rel=\"imagxp-policy\"";
const LONG_BYTES: usize = 200_000;

/// A site with short, long, partial and broken pages.
fn site() -> Router {
    let long = || async { Body::from("x".repeat(LONG_BYTES)).into_response() };
    let stream = || async {
        let parts = futures::stream::iter(["one ", "two"].map(Ok::<_, std::io::Error>));
        Response::new(Body::from_stream(parts))
    };
    let part = || async {
        let headers = [
            ("content-range", "bytes 0-3/9"),
            ("content-digest", content_digest(b"all of it").as_str()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut response = Response::new(Body::from("part"));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            response.headers_mut().insert(name, value.parse().unwrap());
        }
        response
    };
    let broken = || async {
        let parts = [Ok("a good beginning"), Err(std::io::Error::other("gone"))];
        let body = Body::from_stream(futures::stream::iter(parts));
        ([("content-length", "40")], body).into_response()
    };
    let wrong = || async { ([("content-digest", "sha-256=:AAAA:")], "right").into_response() };
    Router::new()
        .route("/long", get(long))
        .route("/stream", get(stream))
        .route("/part", get(part))
        .route("/paid/broken", get(broken))
        .route("/wrong", get(wrong))
        .route("/same", get(|| async { StatusCode::NOT_MODIFIED }))
        .fallback(get(|| async { ([("link", "</next>; rel=\"next\"")], "short") }))
}

struct Read {
    status: u16,
    headers: HeaderMap,
    bytes: Vec<u8>,
    trailers: Option<HeaderMap>,
}

impl Read {
    /// What was signed about the body, in the headers.
    fn signed(&self, world: &World) -> Option<String> {
        signed_in(world, &self.headers)
    }
}

fn signed_in(world: &World, headers: &HeaderMap) -> Option<String> {
    let text = headers["x-imagxp-provenance-sig"].to_str().unwrap();
    Provenance::verify(text, &world.publisher, ORIGIN, NOW)
        .unwrap()
        .content_digest
}

async fn read(world: &World, method: Method, path: &str, more: &[(&str, &str)]) -> Read {
    let mut headers = world.claim(path);
    for (name, value) in more {
        let name: http::HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    *request.headers_mut() = headers;
    let app = site().layer(from_fn_with_state(Arc::clone(&world.gate), gated));
    let (parts, body) = app.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap();
    Read {
        status: parts.status.as_u16(),
        headers: parts.headers,
        trailers: body.trailers().cloned(),
        bytes: body.to_bytes().to_vec(),
    }
}

#[tokio::test]
async fn a_short_body_is_signed_with_its_digest_whatever_the_site_says() {
    let world = World::new();
    for (path, body) in [("/short", "short"), ("/wrong", "right")] {
        let answer = read(&world, Method::GET, path, &[]).await;
        assert_eq!(answer.bytes, body.as_bytes());
        assert_eq!(answer.headers["content-digest"], content_digest(body.as_bytes()));
        assert_eq!(answer.signed(&world), Some(content_digest(body.as_bytes())));
        assert!(answer.trailers.is_none());
    }
}

#[tokio::test]
async fn a_long_body_is_signed_in_a_trailer_for_whoever_reads_trailers() {
    let world = World::new();
    for (path, length) in [("/long", LONG_BYTES), ("/stream", 7)] {
        let answer = read(&world, Method::GET, path, &[]).await;
        assert_eq!((answer.bytes.len(), answer.signed(&world)), (length, None));
        assert!(answer.trailers.is_none() && !answer.headers.contains_key("trailer"));
        let answer = read(&world, Method::GET, path, &[("te", "gzip;q=0.5, Trailers")]).await;
        assert_eq!(answer.bytes.len(), length);
        assert_eq!(answer.headers["trailer"], "content-digest, x-imagxp-provenance-sig");
        assert!(!answer.headers.contains_key("content-length"), "it is sent in chunks");
        let trailers = answer.trailers.unwrap();
        let digest = content_digest(&answer.bytes);
        assert_eq!(trailers["content-digest"], digest);
        assert_eq!(signed_in(&world, &trailers), Some(digest));
    }
}

#[tokio::test]
async fn parts_of_pages_and_answers_without_a_body_are_signed_without_a_digest() {
    let world = World::new();
    let trailers = [("te", "trailers"), ("range", "bytes=0-3")];
    for (method, path, status) in [
        (Method::GET, "/part", 206),
        (Method::HEAD, "/short", 200),
        (Method::HEAD, "/long", 200),
        (Method::GET, "/same", 304),
    ] {
        let answer = read(&world, method.clone(), path, &trailers).await;
        assert_eq!(
            (answer.status, answer.signed(&world)),
            (status, None),
            "{method} {path}"
        );
        assert!(answer.trailers.is_none() && !answer.headers.contains_key("trailer"));
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_before_it_is_signed_costs_nothing() {
    let world = World::new();
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "0.01 USD", 1);
    let answer = read(&world, Method::GET, "/paid/broken", &[("x-imagxp-credential", &visa)]).await;
    assert_eq!((answer.status, world.till.total()), (503, 0));
    assert!(!String::from_utf8_lossy(&answer.bytes).contains("a good beginning"));
}

/// Everything that comes over a connection of HTTP/1.1, as it is written.
async fn raw(gate: SocketAddr, path: &str, headers: &HeaderMap) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut line = tokio::net::TcpStream::connect(gate).await.unwrap();
    let mut text = format!("GET {path} HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    line.write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn trailers_pass_over_a_real_connection() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = gate_before(&world, &upstream, Vec::new()).await;
    let mut headers = world.claim("/long");
    headers.insert("te", HeaderValue::from_static("trailers"));
    let answer = raw(gate.address, "/long", &headers).await;
    let mut sum = Sha256Sum::new();
    for piece in "x".repeat(LONG_BYTES).as_bytes().chunks(1_000) {
        sum.update(piece);
    }
    let (_body, after) = answer.rsplit_once("\r\n0\r\n").unwrap();
    assert!(
        after.contains(&format!("content-digest: {}", sum.content_digest())),
        "{after}"
    );
    assert!(after.contains("x-imagxp-provenance-sig: "), "{after}");
    // Whoever does not ask for them gets the length, and none of it.
    let answer = raw(gate.address, "/long", &world.claim("/long")).await;
    assert!(answer.contains(&format!("content-length: {LONG_BYTES}")) && !answer.contains("content-digest"));
    let answer = raw(gate.address, "/short", &world.claim("/short")).await;
    assert!(
        answer.contains(&format!("content-digest: {}", content_digest(b"short"))),
        "{answer}"
    );
}

#[tokio::test]
async fn every_answer_says_where_the_policy_is_and_keeps_the_links_of_the_site() {
    let world = World::new();
    let links = |headers: &HeaderMap| {
        let lines = headers
            .get_all("link")
            .iter()
            .map(|value| value.to_str().unwrap().to_owned());
        lines.collect::<Vec<_>>()
    };
    let mut refused = Vec::new();
    let mut browser = HeaderMap::new();
    for (name, value) in [
        ("user-agent", "Mozilla/5.0"),
        ("accept-language", "de"),
        ("sec-fetch-dest", "document"),
    ] {
        browser.insert(name, HeaderValue::from_static(value));
    }
    let mut malformed = HeaderMap::new();
    malformed.insert("x-imagxp-payload", HeaderValue::from_static("!"));
    malformed.insert("x-imagxp-signature", HeaderValue::from_static("!"));
    for (path, headers) in [
        ("/paid/1", world.claim("/paid/1")),
        ("/paid/strict", browser.clone()),
        ("/about", HeaderMap::new()),
        ("/about", malformed),
        ("/paid/1", world.paid("/paid/1", "a.b.c")),
    ] {
        let answer = world.send(path, headers).await;
        assert_eq!(links(&answer.headers).len(), 1, "{}", answer.text);
        assert!(links(&answer.headers)[0].starts_with(POLICY_LINK));
        refused.push(answer.status);
    }
    assert_eq!(refused, [402, 401, 403, 400, 403]);

    let mut request = Request::builder().uri("/about").body(Body::empty()).unwrap();
    *request.headers_mut() = browser;
    let app = site().layer(from_fn_with_state(Arc::clone(&world.gate), gated));
    let answer = app.oneshot(request).await.unwrap();
    let found = links(answer.headers());
    assert_eq!(
        (answer.status().as_u16(), found[0].as_str()),
        (200, "</next>; rel=\"next\"")
    );
    assert!(found[1].starts_with(POLICY_LINK));
    assert!(
        !answer.headers().contains_key("content-digest"),
        "nothing is signed for people"
    );

    let dry = World::with(true);
    let answer = dry.send("/paid/1", HeaderMap::new()).await;
    assert!(answer.status == 200 && links(&answer.headers)[0].starts_with(POLICY_LINK));
}

#[tokio::test]
async fn a_paid_answer_names_the_manifest_of_the_work_where_there_is_one() {
    let world = World::new();
    let fair = "fair_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let policy = format!(
        "version = 1\nbrokers = [\"{}\"]\n[default]\nprice = \"free\"\n\
         [[rules]]\npath = \"/paid/\"\nprice = \"0.01 USD\"\n\
         fair = \"{fair}\"\n[[rules]]\npath = \"/dear\"\nprice = \"0.01 USD\"\n",
        crate::BROKER
    );
    world.gate.policy_set(Policy::parse(&policy).unwrap());
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "0.02 USD", 2);
    let unpaid = world.send("/paid/1", world.claim("/paid/1")).await;
    let paid = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    let own = world.send("/dear", world.paid("/dear", &visa)).await;
    assert_eq!((unpaid.status, paid.status, own.status), (402, 200, 200));
    let is_named = |answer: &crate::Answer| {
        let link = format!("<https://node.example/fair/{fair}>; rel=\"fair\"; type=\"application/fair+json\"");
        answer
            .headers
            .get_all("link")
            .iter()
            .any(|value| value == link.as_str())
    };
    assert!(!is_named(&unpaid) && is_named(&paid) && !is_named(&own));
    assert_eq!(paid.header("x-fair-digest"), format!("sha256:{}", "ab".repeat(32)));
    assert!(!own.headers.contains_key("x-fair-digest"));
}
