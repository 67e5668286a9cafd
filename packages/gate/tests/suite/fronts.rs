//! Real proxies in front, which ask the gate: Caddy by `forward_auth`, nginx by `auth_request`.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::{any, get};
use imajin_gate::{Proxy, ProxyOptions};
use imajin_imagxp::PaymentRequired;
use imajin_testkit::{Guarded, free_address};

use crate::proxy::{Served, text_of, tunnels};
use crate::{HOST, World};

/// A site with a page that is there and one that is not.
fn site() -> Router {
    let page = get(|headers: HeaderMap| async move {
        let agent = headers.get("x-imagxp-agent-id").and_then(|value| value.to_str().ok());
        format!("from the site to {}", agent.unwrap_or("nobody"))
    });
    Router::new().route("/about", page.clone()).route("/paid/1", page)
}

struct Front {
    address: SocketAddr,
    _process: Guarded,
}

impl Front {
    fn start(program: &str, file: &str, text: &str, arguments: &[&str], address: SocketAddr) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("imajin-front-")
            .tempdir()
            .unwrap()
            .keep();
        std::fs::write(folder.join(file), text.replace("FOLDER", &folder.display().to_string())).unwrap();
        let place = folder.join(file).display().to_string();
        let arguments: Vec<String> = arguments.iter().map(|one| one.replace("FILE", &place)).collect();
        let process = Guarded::start(Path::new(program), &arguments, "TERM", folder).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(
                Instant::now() < deadline,
                "{program} does not answer: {}",
                process.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            address,
            _process: process,
        }
    }

    fn caddy(gate: SocketAddr, site: SocketAddr) -> Self {
        let address = free_address().unwrap();
        let text = format!(
            "{{\n admin off\n auto_https off\n storage file_system FOLDER\n}}\nhttp://127.0.0.1:{} {{\n \
             forward_auth {gate} {{\n  uri /decide\n }}\n reverse_proxy {site}\n}}\n",
            address.port()
        );
        let arguments = ["run", "--config", "FILE", "--adapter", "caddyfile"];
        Self::start("/usr/bin/caddy", "Caddyfile", &text, &arguments, address)
    }

    fn nginx(gate: SocketAddr, site: SocketAddr) -> Self {
        let address = free_address().unwrap();
        let text = format!(
            "daemon off; master_process off; pid FOLDER/pid; error_log FOLDER/log; events {{}}\n\
             http {{ access_log off; client_body_temp_path FOLDER/a; proxy_temp_path FOLDER/b;\n\
             fastcgi_temp_path FOLDER/c; uwsgi_temp_path FOLDER/d; scgi_temp_path FOLDER/e;\n\
             server {{ listen {address};\n\
               location / {{\n auth_request /_gate;\n\
                 auth_request_set $imagxp_status $upstream_http_x_imagxp_status;\n\
                 auth_request_set $imagxp_receipt $upstream_http_x_imagxp_receipt;\n\
                 auth_request_set $imagxp_required $upstream_http_payment_required;\n\
                 auth_request_set $imagxp_price $upstream_http_crawler_price;\n\
                 add_header x-imagxp-receipt $imagxp_receipt;\n\
                 error_page 403 = @refused;\n proxy_pass http://{site}; }}\n\
               location = /_gate {{ internal; proxy_pass http://{gate}/decide/nginx; proxy_pass_request_body off;\n\
                 proxy_set_header Content-Length \"\";\n\
                 proxy_set_header X-Original-Method $request_method;\n\
                 proxy_set_header X-Original-URI $request_uri; }}\n\
               location @refused {{ add_header payment-required $imagxp_required always;\n\
                 add_header crawler-price $imagxp_price always;\n\
                 if ($imagxp_status = 402) {{ return 402; }}\n return 403; }}\n}} }}\n"
        );
        Self::start("/usr/sbin/nginx", "nginx.conf", &text, &["-c", "FILE"], address)
    }
}

async fn decider(world: &World, upstream: &Served, proxies: Vec<std::net::IpAddr>) -> Served {
    let options = ProxyOptions {
        upstream: upstream.url("/"),
        proxies,
        node: None,
    };
    let proxy = Proxy::new(Arc::clone(&world.gate), options, tunnels()).unwrap();
    Served::start(proxy.decider()).await
}

async fn ask(front: &Front, path: &str, headers: HeaderMap) -> (u16, HeaderMap, String) {
    text_of(front.address, http::Method::GET, path, headers, "").await
}

/// The whole dance through a proxy in front.
async fn dance(world: &World, front: &Front) {
    let (status, ..) = ask(front, "/about", HeaderMap::new()).await;
    assert_eq!(status, 403, "it says nothing about itself");
    let (status, _, text) = ask(front, "/about", world.claim("/about")).await;
    assert_eq!(status, 200, "{text}");
    let (status, headers, _) = ask(front, "/paid/1", world.claim("/paid/1")).await;
    assert_eq!((status, headers["crawler-price"].to_str().unwrap()), (402, "USD 0.01"));
    assert!(headers.contains_key("payment-required"));
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "0.01 USD", 1);
    let (status, ..) = ask(front, "/paid/missing", world.paid("/paid/missing", &visa)).await;
    assert_eq!(
        (status, world.till.total()),
        (404, 0),
        "there is nothing to read, so nothing to pay"
    );
    let (status, _, text) = ask(front, "/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!((status, world.till.total()), (200, 10_000), "{text}");
    let (status, ..) = ask(front, "/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!((status, world.till.total()), (403, 10_000), "the visa is spent");
}

#[tokio::test]
async fn caddy_asks_the_gate() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = decider(&world, &upstream, vec!["127.0.0.1".parse().unwrap()]).await;
    let front = Front::caddy(gate.address, upstream.address);
    dance(&world, &front).await;
    // Caddy hands the whole refusal on.
    let (_, _, text) = ask(&front, "/paid/1", world.claim("/paid/1")).await;
    assert_eq!(PaymentRequired::parse(text.as_bytes()).unwrap().audience, HOST);
}

#[tokio::test]
async fn nginx_asks_the_gate() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = decider(&world, &upstream, vec!["127.0.0.1".parse().unwrap()]).await;
    let front = Front::nginx(gate.address, upstream.address);
    dance(&world, &front).await;
    // nginx passes on what the visitor says about the request in the other proxies' way.
    let mut headers = world.claim("/about");
    headers.insert("x-forwarded-method", "GET".parse().unwrap());
    headers.insert("x-forwarded-uri", "/about".parse().unwrap());
    let (status, ..) = ask(&front, "/paid/1", headers).await;
    assert_eq!(status, 403, "the claim is for another page");
}

async fn decided(gate: SocketAddr, method: &str, path: &str, mut headers: HeaderMap) -> u16 {
    headers.insert("x-forwarded-method", method.parse().unwrap());
    headers.insert("x-forwarded-uri", path.parse().unwrap());
    text_of(gate, http::Method::GET, "/decide", headers, "").await.0
}

#[tokio::test]
async fn a_site_that_does_not_answer_head_is_paid_all_the_same() {
    let page = |method: http::Method| async move {
        match method.as_str() {
            "GET" => http::StatusCode::OK,
            _ => http::StatusCode::METHOD_NOT_ALLOWED,
        }
    };
    let broken = || async { http::StatusCode::INTERNAL_SERVER_ERROR };
    let site = Router::new().route("/paid/1", any(page)).route("/paid/2", any(broken));
    let (world, upstream) = (World::new(), Served::start(site).await);
    let gate = decider(&world, &upstream, vec!["127.0.0.1".parse().unwrap()]).await;
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 9);
    let status = decided(gate.address, "GET", "/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!((status, world.till.total()), (200, 10_000));
    let status = decided(gate.address, "GET", "/paid/2", world.paid("/paid/2", &visa)).await;
    assert_eq!(
        (status, world.till.total()),
        (503, 10_000),
        "nobody knows what the site would say"
    );
    let status = decided(gate.address, "POST", "/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!(
        (status, world.till.total()),
        (403, 10_000),
        "nobody tries out what a method does"
    );
}

#[tokio::test]
async fn a_site_that_knows_its_name_is_asked_by_it() {
    let page = |method: http::Method, headers: HeaderMap| async move {
        match (headers["host"].to_str().unwrap(), method.as_str()) {
            (HOST, "GET") => http::StatusCode::OK,
            // Many a program knows the page, and not that somebody asks for its headers.
            (HOST, _) => http::StatusCode::NOT_FOUND,
            _ => http::StatusCode::MOVED_PERMANENTLY,
        }
    };
    let site = Router::new().route("/paid/1", any(page));
    let (world, upstream) = (World::new(), Served::start(site).await);
    let gate = decider(&world, &upstream, vec!["127.0.0.1".parse().unwrap()]).await;
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 9);
    let status = decided(gate.address, "GET", "/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!((status, world.till.total()), (200, 10_000));
    let status = decided(gate.address, "GET", "/paid/missing", world.paid("/paid/missing", &visa)).await;
    assert_eq!(
        (status, world.till.total()),
        (200, 10_000),
        "the site says itself that there is nothing"
    );
}

#[tokio::test]
async fn a_body_that_a_gate_does_not_see_is_not_sold() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = decider(&world, &upstream, vec!["127.0.0.1".parse().unwrap()]).await;
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "1.00 USD", 9);
    for (path, status) in [("/paid/1", 403), ("/about", 200)] {
        let mut headers = world.paid(path, &visa);
        headers.insert("x-forwarded-method", "GET".parse().unwrap());
        headers.insert("x-forwarded-uri", path.parse().unwrap());
        headers.insert("idempotency-key", "k".parse().unwrap());
        headers.insert("content-length", "6".parse().unwrap());
        let answer = text_of(gate.address, http::Method::GET, "/decide", headers, "a body").await;
        assert_eq!((answer.0, world.till.total()), (status, 0), "{path}: {}", answer.2);
    }
}

#[tokio::test]
async fn a_proxy_says_once_what_was_asked_for() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = decider(&world, &upstream, vec!["127.0.0.1".parse().unwrap()]).await;
    let mut headers = world.claim("/about");
    headers.append("x-forwarded-uri", "/paid/1".parse().unwrap());
    headers.append("x-forwarded-uri", "/about".parse().unwrap());
    headers.insert("x-forwarded-method", "GET".parse().unwrap());
    let (status, _, text) = text_of(gate.address, http::Method::GET, "/decide", headers, "").await;
    assert_eq!(status, 400, "{text}");
    let mut headers = world.claim("/about");
    headers.insert("x-forwarded-uri", "/about".parse().unwrap());
    headers.insert("x-forwarded-method", "GET".parse().unwrap());
    let (status, _, text) = text_of(gate.address, http::Method::GET, "/decide/nginx", headers, "").await;
    assert_eq!(status, 403, "these are the fields of other proxies: {text}");
}

#[tokio::test]
async fn who_is_no_configured_proxy_gets_no_decision() {
    let (world, upstream) = (World::new(), Served::start(site()).await);
    let gate = decider(&world, &upstream, vec!["192.0.2.1".parse().unwrap()]).await;
    let mut headers = world.claim("/about");
    headers.insert("x-forwarded-method", "GET".parse().unwrap());
    headers.insert("x-forwarded-uri", "/about".parse().unwrap());
    let (status, _, text) = text_of(gate.address, http::Method::GET, "/decide", headers.clone(), "").await;
    assert_eq!(status, 403, "{text}");
    let known = decider(&world, &upstream, vec!["127.0.0.1".parse().unwrap()]).await;
    let (status, ..) = text_of(known.address, http::Method::GET, "/decide", headers, "").await;
    assert_eq!(status, 200);
    let (status, _, text) = text_of(known.address, http::Method::GET, "/decide", world.claim("/about"), "").await;
    assert_eq!(status, 400, "nobody says what was asked for: {text}");
}
