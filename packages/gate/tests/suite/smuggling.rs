//! What reaches a site behind the gate's back: other paths, other headers, other protocols.

use std::fmt::Write as _;
use std::net::SocketAddr;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::proxy::{Served, gate_before, text_of};
use crate::{HOST, World};

/// A site that says what it was asked, whatever it is.
fn mirror() -> Router {
    Router::new().fallback(|request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        let mut said = format!("{} {} {}\n", parts.method, parts.uri, body.len());
        for (name, value) in &parts.headers {
            writeln!(said, "{name}: {}", value.to_str().unwrap()).unwrap();
        }
        said
    })
}

/// Sends a request as it is written: no library puts its path right.
async fn raw(gate: SocketAddr, target: &str, headers: &HeaderMap, body: &str) -> String {
    let mut request = format!("GET {target} HTTP/1.1\r\nhost: {HOST}\r\n");
    if !headers.contains_key("connection") {
        request.push_str("connection: close\r\n");
    }
    for (name, value) in headers {
        write!(request, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    request.push_str("\r\n");
    request.push_str(body);
    let mut line = TcpStream::connect(gate).await.unwrap();
    line.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    line.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap()
}

#[tokio::test]
async fn a_path_leads_to_no_other_page_than_the_one_that_was_judged() {
    let (world, upstream) = (World::new(), Served::start(mirror()).await);
    let gate = gate_before(&world, &upstream, Vec::new()).await;
    for path in [
        "/free//../paid/1",
        "/paid//../1",
        "/free/../paid/1",
        "/./paid/1",
        "/free/%2e%2E/paid/1",
        "/free/..%2Fpaid/1",
        "/free/..%5cpaid/1",
        "/free/..\\paid/1",
        "/free/..",
        "/free/..;/paid/1",
        "/free/..;x=1/paid/1",
        "/free/%2e%2E%3b/paid/1",
        "/free/.;/../paid/1",
        "/paid;x=%2Fy/1",
    ] {
        let answer = raw(gate.address, path, &world.claim(path), "").await;
        assert_eq!(status(&answer), "400", "{path}: {answer}");
    }
    // The host of the site in the path is a path.
    let path = format!("//{}/paid/1", upstream.address);
    let answer = raw(gate.address, &path, &world.claim(&path), "").await;
    assert_eq!(status(&answer), "200", "{answer}");
    assert!(answer.contains(&format!("GET {path} 0")), "{answer}");
    // What has a price in one writing has it in all others.
    for path in [
        "/%70aid/1",
        "//paid//1",
        "/paid%2F1",
        "/paid\\1",
        "/paid;x/1",
        "/;x/paid%3By/1",
        "/Paid/1",
        "/%50AID/1",
    ] {
        let answer = raw(gate.address, path, &world.claim(path), "").await;
        assert_eq!(status(&answer), "402", "{path}: {answer}");
    }
}

#[tokio::test]
async fn no_header_of_a_visitor_passes_for_one_of_the_gate() {
    let (world, upstream) = (World::new(), Served::start(mirror()).await);
    let gate = gate_before(&world, &upstream, Vec::new()).await;
    let mut headers = world.claim("/page");
    for name in [
        "x_imagxp_agent_id",
        "x-original-url",
        "x-rewrite-url",
        "x-original-uri",
        "x-http-method-override",
    ] {
        headers.insert(name, HeaderValue::from_static("/evil"));
    }
    let answer = raw(gate.address, "/page", &headers, "").await;
    assert!(status(&answer) == "200" && !answer.contains("/evil"), "{answer}");
}

#[tokio::test]
async fn a_proxy_that_adds_a_line_of_its_own_has_the_last_word() {
    let (world, upstream) = (World::new(), Served::start(mirror()).await);
    let gate = gate_before(&world, &upstream, vec!["127.0.0.1".parse().unwrap()]).await;
    let mut headers = world.claim("/page");
    headers.append("x-forwarded-for", HeaderValue::from_static("1.2.3.4"));
    headers.append("x-forwarded-for", HeaderValue::from_static("9.9.9.9"));
    let (_, _, said) = text_of(gate.address, Method::GET, "/page", headers, "").await;
    assert!(said.contains("x-forwarded-for: 1.2.3.4, 9.9.9.9, 127.0.0.1"), "{said}");
}

#[tokio::test]
async fn a_connection_becomes_one_of_websocket_and_of_nothing_else() {
    let (world, upstream) = (World::new(), Served::start(mirror()).await);
    let gate = gate_before(&world, &upstream, Vec::new()).await;
    let mut headers = world.claim("/page");
    headers.insert("connection", HeaderValue::from_static("upgrade, close"));
    headers.insert("upgrade", HeaderValue::from_static("h2c"));
    let answer = raw(gate.address, "/page", &headers, "").await;
    assert!(
        answer.contains("GET /page 0") && !answer.contains("upgrade"),
        "{answer}"
    );
    // A body in front of another protocol would be read as the next request.
    let mut headers = world.claim("/page");
    headers.insert("connection", HeaderValue::from_static("upgrade, close"));
    headers.insert("upgrade", HeaderValue::from_static("websocket"));
    headers.insert("content-length", HeaderValue::from_static("14"));
    let answer = raw(gate.address, "/page", &headers, "GET /dear HTTP").await;
    assert!(
        answer.contains("GET /page 14") && !answer.contains("upgrade"),
        "{answer}"
    );
}

#[tokio::test]
async fn what_has_a_price_is_not_passed_on_over_another_protocol() {
    let (world, upstream) = (World::new(), Served::start(mirror()).await);
    let gate = gate_before(&world, &upstream, Vec::new()).await;
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 9);
    let mut headers = world.paid("/paid/1", &visa);
    headers.insert("connection", HeaderValue::from_static("upgrade, close"));
    headers.insert("upgrade", HeaderValue::from_static("websocket"));
    let answer = raw(gate.address, "/paid/1", &headers, "").await;
    assert!(status(&answer) == "403" && answer.contains("POLICY_DENIED"), "{answer}");
    assert_eq!(world.till.total(), 0);
}
