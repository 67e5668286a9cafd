//! From a name in the configuration to a name in DNS and a wildcard certificate, with nothing done by hand.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use imajin_dns::{DnsProvider, RecordKind, Records, Rfc2136, Rfc2136Settings, TsigAlgorithm, TsigKey, Zone};
use imajin_kernel::Env;
use imajin_node::agent::operator_http;
use imajin_testkit::{Backend, KnotPeer, PebblePeer, on_both};
use serde_json::Value;

use crate::support::{Home, free_address, imajin, text};

const PATIENCE: Duration = Duration::from_mins(1);
const SECRET: &str = "YSBzZWNyZXQgdGhhdCBldmVyeSB0ZXN0IGtub3dzLi4=";

/// A node whose registry publishes names in this server.
fn registry_home(backend: Backend, knot: &KnotPeer) -> Home {
    let home = Home::new(backend);
    let secret = home.path("tsig.key");
    std::fs::write(&secret, SECRET).unwrap();
    home.configure(&format!(
        "[registry_service]\nzone = \"nodes.example\"\n[registry_service.dns]\nprovider = \"rfc2136\"\n\
         server = \"{}\"\nkey_name = \"{}\"\nkey_secret_file = \"{}\"\nprivate_addresses = true\n",
        knot.address(),
        KnotPeer::KEY_NAME,
        text(&secret)
    ));
    home
}

/// How the certificate stands, once there is one.
fn certificate_wait(data: &str) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = imajin(&["node", "status", "--data", data]).expect_success();
        if !status["certificate"]["notAfter"].is_null() {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:#}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the names are in no DNS that this machine asks; the client speaks to loopback only"
)]
async fn page_get(root: &[u8], name: &str, port: u16) -> reqwest::Result<u16> {
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(root)?])
        .resolve(name, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?;
    let answer = client.get(format!("https://{name}:{port}/health")).send().await?;
    Ok(answer.status().as_u16())
}

async fn a_name_becomes_resolvable_and_certified_by_itself(backend: Backend) {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let knot = KnotPeer::start("nodes.example").unwrap();
    let pebble = PebblePeer::start(knot.address()).unwrap();
    let registry_home = registry_home(backend, &knot);
    let registry = registry_home.up(&[]);
    let (home, port) = (Home::new(backend), free_address().port());
    home.configure(&format!(
        "public_url = \"https://alice.nodes.example:{port}/\"\n\
         [registry]\nurl = \"{}/registry\"\nhostname = \"alice\"\naddress = \"127.0.0.1\"\n\
         [tls.acme]\nchallenge = \"dns-01\"\ndirectory = \"{}\"\nca = \"{}\"\n",
        registry.url(),
        pebble.directory_url(),
        text(pebble.certificate())
    ));
    let node = home.up(&["--listen", &format!("127.0.0.1:{port}")]);
    let data = home.data();
    let status = certificate_wait(text(&data));
    assert_eq!(status["registrations"][0]["subdomain"], "alice.nodes.example");
    assert_eq!(
        status["certificate"]["names"],
        serde_json::json!(["*.alice.nodes.example", "alice.nodes.example"])
    );

    let http = operator_http(Some(pebble.certificate()), "ca").unwrap();
    let url = pebble.root_url().parse().unwrap();
    let root = http.send(http::Method::GET, url, http::HeaderMap::new(), Vec::new());
    let root = root.await.unwrap().body.to_vec();
    for name in ["alice.nodes.example", "studio.alice.nodes.example"] {
        assert_eq!(page_get(&root, name, port).await.unwrap(), 200, "{name}");
    }
    let zone: Zone = "nodes.example".parse().unwrap();
    let key = TsigKey::new(KnotPeer::KEY_NAME, TsigAlgorithm::HmacSha256, &KnotPeer::KEY_SECRET).unwrap();
    let name = zone.name("alice").unwrap();
    let settings = Rfc2136Settings {
        server: knot.address(),
        zone,
        key,
        timeout: Duration::from_secs(10),
    };
    let published = Rfc2136::new(settings, Env::system())
        .fetch(&name, RecordKind::A)
        .await
        .unwrap();
    assert_eq!(*published.unwrap().records(), Records::A(vec![Ipv4Addr::LOCALHOST]));
    node.stop();
    registry.stop();
}

on_both!(a_name_becomes_resolvable_and_certified_by_itself);
