//! The reverse proxy, over real connections.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures::StreamExt;
use imajin_gate::{Proxy, ProxyOptions};
use imajin_imagxp::Robots;
use imajin_web::{Forwarded, Forwarder, Limits, Listener, PublicBase, TlsMode, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::{HOST, World};

/// What is served on a free port until the value ends.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Served {
    pub(crate) async fn start(router: Router) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let listener = Listener {
            socket,
            router,
            public: PublicBase(format!("http://{address}").parse().unwrap()),
            tls: TlsMode::Off,
            connections_max: Limits::default().connections_max,
        };
        tasks.spawn(serve(listener, stop.clone()));
        Self { address, stop, tasks }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        format!("http://{}{path}", self.address).parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.cancel();
        self.tasks.close();
    }
}

/// A site that says what it was asked.
fn site() -> Router {
    Router::new()
        .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /secret" }))
        .route("/echo", any(echo))
        .route("/stream", get(stream))
        .route("/socket", get(socket))
        .fallback(get(|| async { "from the site" }))
}

async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut lines: Vec<String> = Vec::new();
    for (name, value) in &parts.headers {
        lines.push(format!("{name}: {}", value.to_str().unwrap()));
    }
    lines.push(format!("{} {} {}", parts.method, parts.uri, body.len()));
    let headers = [
        ("x-imagxp-receipt", "forged"),
        ("crawler-charged", "USD 0"),
        ("x-site", "own"),
    ];
    (headers, lines.join("\n")).into_response()
}

/// A body whose end comes only after its beginning was read.
async fn stream() -> Response {
    let parts = futures::stream::unfold(0_u32, |part| async move {
        (part < 3).then(|| (Ok::<_, std::io::Error>(format!("part {part};")), part + 1))
    });
    Response::new(Body::from_stream(parts))
}

/// Changes to a protocol that says everything twice.
async fn socket(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    let tasks = TaskTracker::new();
    tasks.spawn(async move {
        let mut line = hyper_util::rt::TokioIo::new(upgrade.await.unwrap());
        let mut word = [0; 4];
        line.read_exact(&mut word).await.unwrap();
        line.write_all(&[word, word].concat()).await.unwrap();
    });
    let headers = [("connection", "upgrade"), ("upgrade", "twice")];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

pub(crate) async fn gate_before(world: &World, upstream: &Served, proxies: Vec<std::net::IpAddr>) -> Served {
    let options = ProxyOptions {
        upstream: upstream.url("/"),
        proxies,
        node: None,
    };
    let proxy = Proxy::new(Arc::clone(&world.gate), options, TaskTracker::new()).unwrap();
    Served::start(proxy.router()).await
}

pub(crate) async fn text_of(
    gate: SocketAddr,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: &str,
) -> (u16, HeaderMap, String) {
    let forwarder = Forwarder::new().unwrap();
    let url = format!("http://{gate}{path}").parse().unwrap();
    let sent = forwarder.send(method, url, headers, Body::from(body.to_owned())).await;
    let (status, headers, body) = sent.unwrap();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (status.as_u16(), headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn the_site_learns_who_asks_and_no_secret_of_it() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = gate_before(&world, &upstream, Vec::new()).await;
    let mut headers = world.paid("/echo", "a.b.c");
    for (name, value) in [
        ("x-forwarded-for", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("x-imagxp-agent-id", "evil.example"),
        ("authorization", "License a.b.c"),
        ("connection", "x-hop, close"),
        ("x-hop", "1"),
        ("te", "trailers"),
        ("cookie", "a=b"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let (status, answer, text) = text_of(gate.address, Method::GET, "/echo?q=1", headers.clone(), "").await;
    assert_eq!(status, 403, "the claim is for another address: {text}");
    assert!(!answer.contains_key("x-site"));
    let mut claimed = world.claim("/echo?q=1");
    claimed.extend(headers.into_iter().filter_map(|(name, value)| {
        let name = name?;
        let is_of_claim = ["x-imagxp-payload", "x-imagxp-signature", "x-imagxp-public-key"].contains(&name.as_str());
        (!is_of_claim).then_some((name, value))
    }));
    let (status, answer, text) = text_of(gate.address, Method::GET, "/echo?q=1", claimed, "").await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("x-imagxp-agent-id: bot.example.org") && text.contains("x-imagxp-visitor: VERIFIED_AGENT"));
    assert!(text.contains("x-forwarded-for: 127.0.0.1\n"), "{text}");
    assert!(text.contains(&format!("x-forwarded-host: {HOST}")) && text.contains("x-forwarded-proto: https"));
    assert!(
        text.contains("cookie: a=b") && text.contains("GET /echo?q=1 0"),
        "{text}"
    );
    for secret in ["a.b.c", "6.6.6.6", "evil.example", "x-hop", "te: "] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    // What only the gate says, the site cannot say.
    assert!(!answer.contains_key("crawler-charged") && !answer.contains_key("x-imagxp-receipt"));
    assert_eq!(answer["x-site"], "own");
}

#[tokio::test]
async fn the_word_of_a_known_proxy_counts() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = gate_before(&world, &upstream, vec!["127.0.0.1".parse().unwrap()]).await;
    let mut headers = world.claim("/echo");
    headers.insert("x-forwarded-for", HeaderValue::from_static("9.9.9.9"));
    let (_status, _headers, text) = text_of(gate.address, Method::POST, "/echo", headers, "a body").await;
    assert!(text.contains("x-forwarded-for: 9.9.9.9, 127.0.0.1"), "{text}");
    assert!(text.contains("POST /echo 6"), "{text}");
}

#[tokio::test]
async fn bodies_are_streamed_both_ways() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = gate_before(&world, &upstream, Vec::new()).await;
    let (status, _, text) = text_of(gate.address, Method::GET, "/stream", world.claim("/stream"), "").await;
    assert_eq!((status, text.as_str()), (200, "part 0;part 1;part 2;"));
    let parts = futures::stream::iter(["one", "two"]).map(Ok::<_, std::io::Error>);
    let body = Body::from_stream(parts);
    let forwarder = Forwarder::new().unwrap();
    let (_, _, body) = forwarder
        .send(Method::POST, gate.url("/echo"), world.claim("/echo"), body)
        .await
        .unwrap();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&body).contains("POST /echo 6"));
}

#[tokio::test]
async fn another_protocol_passes_through_once_the_gate_has_let_it_in() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = gate_before(&world, &upstream, Vec::new()).await;
    let forwarder = Forwarder::new().unwrap();
    let ask = |mut headers: HeaderMap| {
        headers.insert("connection", HeaderValue::from_static("Upgrade"));
        headers.insert("upgrade", HeaderValue::from_static("twice"));
        forwarder.send_upgrade(Method::GET, gate.url("/socket"), headers)
    };
    let (status, _, refused) = ask(HeaderMap::new()).await.unwrap();
    assert!(status == StatusCode::FORBIDDEN && matches!(refused, Forwarded::Body(_)));
    let (status, headers, line) = ask(world.claim("/socket")).await.unwrap();
    assert_eq!((status.as_u16(), headers["upgrade"].to_str().unwrap()), (101, "twice"));
    let Forwarded::Upgraded(mut line) = line else {
        panic!("no other protocol")
    };
    line.write_all(b"word").await.unwrap();
    let mut said = [0; 8];
    line.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"wordword");
}

#[tokio::test]
async fn the_sites_robots_txt_comes_first_and_the_policy_after_it() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = gate_before(&world, &upstream, Vec::new()).await;
    let (status, _, text) = text_of(gate.address, Method::GET, "/robots.txt", HeaderMap::new(), "").await;
    assert_eq!(status, 200);
    let robots = Robots::parse(text.as_bytes());
    assert!(!robots.is_allowed("any", "/secret") && robots.is_allowed("any", "/paid/1"));
    assert_eq!(robots.policies, ["https://site.example/.well-known/imagxp-policy.json"]);
}

#[tokio::test]
async fn a_paid_page_behind_the_gate_is_paid_and_a_site_that_is_away_costs_nothing() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = gate_before(&world, &upstream, Vec::new()).await;
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 9);
    let (status, headers, text) = text_of(gate.address, Method::GET, "/paid/1", world.paid("/paid/1", &visa), "").await;
    assert_eq!((status, text.as_str()), (200, "from the site"));
    assert_eq!(headers["x-imagxp-receipt"], "receipt-1");
    let nowhere = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let options = ProxyOptions {
        upstream: format!("http://{nowhere}/").parse().unwrap(),
        proxies: Vec::new(),
        node: None,
    };
    let proxy = Proxy::new(Arc::clone(&world.gate), options, TaskTracker::new()).unwrap();
    let gate = Served::start(proxy.router()).await;
    let (status, _, _) = text_of(gate.address, Method::GET, "/paid/1", world.paid("/paid/1", &visa), "").await;
    assert_eq!((status, world.till.total()), (503, 10_000));
}

#[tokio::test]
async fn the_gate_stands_in_front_of_no_gate_and_no_node() {
    let world = World::new();
    let node: Url = "https://node.example/".parse().unwrap();
    for upstream in [
        "https://site.example/",
        "https://node.example/",
        "http://a.example/path",
        "ftp://a.example/",
    ] {
        let options = ProxyOptions {
            upstream: upstream.parse().unwrap(),
            proxies: Vec::new(),
            node: Some(node.clone()),
        };
        let proxy = Proxy::new(Arc::clone(&world.gate), options, TaskTracker::new());
        assert!(proxy.is_err(), "{upstream}");
    }
}
