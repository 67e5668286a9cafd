//! What one who connects may take of a listener.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post, put};
use imajin_web::{
    ConnectionLimits, Limits, Listener, PeerAddress, PublicBase, ShellOptions, SignedBytes, TlsMode, behind_proxies,
    metrics_install, metrics_render, serve_within, shell,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::support::{clock, json, site};

fn listener_shell(limits: Limits) -> Router {
    async fn read(body: Bytes) -> String {
        body.len().to_string()
    }
    async fn keep(bytes: SignedBytes) -> String {
        bytes.request.body.len().to_string()
    }
    let site = site(&clock());
    let options = ShellOptions {
        env: site.env.clone(),
        public: site.public.clone(),
        limits,
        error_page: None,
    };
    let routes = Router::new()
        .route("/health", get(async || "ok"))
        .route("/read", post(read))
        .route("/keep", put(keep))
        .with_state::<()>(site);
    shell(routes, options)
}

struct Open {
    address: SocketAddr,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn open(connections_max: usize, limits: ConnectionLimits) -> Open {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener {
        socket,
        router: listener_shell(Limits::default()),
        public: PublicBase(format!("http://{address}/").parse().unwrap()),
        tls: TlsMode::Off,
        connections_max,
    };
    let stop = CancellationToken::new();
    #[expect(clippy::disallowed_methods, reason = "the test waits for the task itself")]
    let task = tokio::spawn(serve_within(listener, limits, stop.clone()));
    Open { address, stop, task }
}

async fn health(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let asked = b"GET /health HTTP/1.1\r\nhost: node.example\r\nconnection: close\r\n\r\n";
    stream.write_all(asked).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn short() -> ConnectionLimits {
    ConnectionLimits {
        first_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(100),
        ..ConnectionLimits::default()
    }
}

#[tokio::test]
async fn who_connects_and_says_nothing_gives_the_place_back() {
    let open = open(2, short()).await;
    let mut silent = Vec::new();
    for said in ["", "PRI * HTTP/2.0"] {
        let mut stream = TcpStream::connect(open.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), health(open.address)).await;
    assert!(answer.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_asked_any_more_is_closed() {
    let open = open(2, short()).await;
    let mut stream = TcpStream::connect(open.address).await.unwrap();
    let asked = b"GET /health HTTP/1.1\r\nhost: node.example\r\n\r\n";
    stream.write_all(asked).await.unwrap();
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await;
    read.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_listener_stops_although_all_its_places_are_taken() {
    let open = open(2, ConnectionLimits::default()).await;
    let _first = TcpStream::connect(open.address).await.unwrap();
    let _second = TcpStream::connect(open.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    open.stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(8), open.task).await;
    ended.unwrap().unwrap();
}

fn asked(path: &str, peer: &str, forwarded: Option<&str>) -> Request<Body> {
    let mut request = Request::get(path);
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    let peer: IpAddr = peer.parse().unwrap();
    let request = request.extension(PeerAddress(SocketAddr::new(peer, 4711)));
    request.body(Body::empty()).unwrap()
}

async fn status(router: &Router, request: Request<Body>) -> StatusCode {
    router.clone().oneshot(request).await.unwrap().status()
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_visitor_is_counted() {
    let proxy: IpAddr = "127.0.0.1".parse().unwrap();
    let router = behind_proxies(listener_shell(Limits::default()), vec![proxy]);
    let by_proxy = |client| asked("/health", "127.0.0.1", Some(client));
    let mut refused = false;
    // The allowance grows while the test runs.
    for _number in 0..400 {
        refused |= status(&router, by_proxy("198.51.100.9, 192.0.2.1")).await == StatusCode::TOO_MANY_REQUESTS;
    }
    assert!(refused);
    assert_eq!(status(&router, by_proxy("192.0.2.2")).await, StatusCode::OK);
    // Its own requests stay those of the machine itself.
    assert_eq!(
        status(&router, asked("/health", "127.0.0.1", None)).await,
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_others_say_about_their_address_changes_nothing() {
    let proxy: IpAddr = "127.0.0.1".parse().unwrap();
    let router = behind_proxies(listener_shell(Limits::default()), vec![proxy]);
    let mut refused = false;
    for number in 0..400 {
        // Every address of one network of IPv6.
        let peer = format!("2001:db8:1:2::{number:x}");
        let said = format!("192.0.2.{}", number % 250);
        let request = asked("/health", &peer, Some(&said));
        refused |= status(&router, request).await == StatusCode::TOO_MANY_REQUESTS;
    }
    assert!(refused);
}

#[tokio::test]
async fn made_up_methods_are_one_series() {
    metrics_install();
    let router = listener_shell(Limits::default());
    for number in 0..1_000 {
        let method = format!("M{number}");
        let request = Request::builder().method(method.as_str()).uri("/health");
        status(&router, request.body(Body::empty()).unwrap()).await;
    }
    let rendered = metrics_render();
    let series = rendered
        .lines()
        .filter(|line| line.starts_with("imajin_http_requests_total"));
    assert_eq!(series.clone().count(), 1, "{rendered}");
    assert!(
        series.clone().all(|line| line.contains("method=\"other\"")),
        "{rendered}"
    );
}

/// A body that begins and does not go on.
fn stalled() -> Body {
    use futures::StreamExt as _;
    let begun = futures::stream::once(async { Ok::<_, std::io::Error>(Bytes::from_static(b"a")) });
    Body::from_stream(begun.chain(futures::stream::pending()))
}

#[tokio::test]
async fn bodies_that_do_not_come_stop_nobody_else() {
    let limits = Limits {
        concurrency_max: 3,
        concurrency_each_max: 2,
        body_timeout: Duration::from_millis(300),
        ..Limits::default()
    };
    let router = listener_shell(limits);
    let slow = |peer: &str| {
        let (mut parts, _body) = asked("/read", peer, None).into_parts();
        parts.method = http::Method::POST;
        let request = Request::from_parts(parts, stalled());
        router.clone().oneshot(request)
    };
    let (first, second, others) = tokio::join!(slow("192.0.2.1"), slow("192.0.2.1"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let third = status(&router, asked("/health", "192.0.2.1", None)).await;
        (third, status(&router, asked("/health", "192.0.2.2", None)).await)
    });
    assert_eq!(others, (StatusCode::TOO_MANY_REQUESTS, StatusCode::OK));
    for answer in [first, second] {
        // Given up long before the request itself would be.
        assert!(!answer.unwrap().status().is_success());
    }
    assert_eq!(
        status(&router, asked("/health", "192.0.2.1", None)).await,
        StatusCode::OK
    );
}

#[tokio::test]
async fn bytes_without_a_signature_are_refused_before_they_come() {
    let router = listener_shell(Limits::default());
    let request = Request::put("/keep").body(stalled()).unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(2), router.oneshot(request)).await;
    let answer = answer.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(json(answer).await["code"], "unauthenticated");
}
