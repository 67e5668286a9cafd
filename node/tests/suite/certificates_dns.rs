//! From `imajin node register` on a running node to a name in DNS and a wildcard certificate, with nothing else done by
//! hand; and from a name in the configuration, with nothing done by hand at all.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use imajin_dns::{DnsProvider, RecordKind, Records, Rfc2136, Rfc2136Settings, TsigAlgorithm, TsigKey, Zone};
use imajin_kernel::Env;
use imajin_node::agent::operator_http;
use imajin_testkit::{Backend, KnotPeer, PebblePeer, on_both};
use serde_json::Value;

use crate::support::{Home, Node, free_address, imajin, text};

/// How long it may take from the command to the name and the certificate, all in all.
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
fn certificate_wait(data: &str, started: Instant) -> Value {
    loop {
        let status = imajin(&["node", "status", "--data", data]).expect_success();
        if !status["certificate"]["notAfter"].is_null() {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "{status:#}");
    }
}

/// What a server of names answers about alice.
async fn address_of_alice(knot: &KnotPeer) -> Option<Records> {
    let zone: Zone = "nodes.example".parse().unwrap();
    let key = TsigKey::new(KnotPeer::KEY_NAME, TsigAlgorithm::HmacSha256, &KnotPeer::KEY_SECRET).unwrap();
    let name = zone.name("alice").unwrap();
    let settings = Rfc2136Settings {
        server: knot.address(),
        zone,
        key,
        timeout: Duration::from_secs(10),
    };
    let dns = Rfc2136::new(settings, Env::system());
    let published = dns.fetch(&name, RecordKind::A).await.unwrap();
    published.map(|published| published.records().clone())
}

/// The certificate to trust, beneath which the authority issues its own.
async fn root_of(pebble: &PebblePeer) -> Vec<u8> {
    let http = operator_http(Some(pebble.certificate()), "ca").unwrap();
    let url = pebble.root_url().parse().unwrap();
    let root = http.send(http::Method::GET, url, http::HeaderMap::new(), Vec::new());
    root.await.unwrap().body.to_vec()
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

/// A registry, a server of names and an authority, and a home for a node that knows them.
struct World {
    knot: KnotPeer,
    pebble: PebblePeer,
    registry: Node,
    home: Home,
    port: u16,
    _registry_home: Home,
}

impl World {
    /// With more about the registry in the configuration of the node.
    fn new(backend: Backend, more: &str) -> Self {
        let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let knot = KnotPeer::start("nodes.example").unwrap();
        let pebble = PebblePeer::start(knot.address()).unwrap();
        let registry_home = registry_home(backend, &knot);
        let registry = registry_home.up(&[]);
        let (home, port) = (Home::new(backend), free_address().port());
        home.configure(&format!(
            "public_url = \"https://alice.nodes.example:{port}/\"\n\
             [registry]\nurl = \"{}/registry\"\naddress = \"127.0.0.1\"\n{more}\n\
             [tls.acme]\nchallenge = \"dns-01\"\ndirectory = \"{}\"\nca = \"{}\"\n",
            registry.url(),
            pebble.directory_url(),
            text(pebble.certificate())
        ));
        Self {
            knot,
            pebble,
            registry,
            home,
            port,
            _registry_home: registry_home,
        }
    }

    fn up(&self) -> Node {
        self.home.up(&["--listen", &format!("127.0.0.1:{}", self.port)])
    }

    /// Waits until the name is resolvable, and the node shows a trusted wildcard certificate for it.
    async fn certified(&self, started: Instant) {
        let data = self.home.data();
        let status = certificate_wait(text(&data), started);
        assert_eq!(status["registrations"][0]["subdomain"], "alice.nodes.example");
        assert_eq!(
            status["certificate"]["names"],
            serde_json::json!(["*.alice.nodes.example", "alice.nodes.example"])
        );
        let root = root_of(&self.pebble).await;
        for name in ["alice.nodes.example", "studio.alice.nodes.example"] {
            assert_eq!(page_get(&root, name, self.port).await.unwrap(), 200, "{name}");
        }
        let mut published = address_of_alice(&self.knot).await;
        while published.is_none() {
            assert!(started.elapsed() < PATIENCE, "the name is not published");
            published = address_of_alice(&self.knot).await;
        }
        assert_eq!(published, Some(Records::A(vec![Ipv4Addr::LOCALHOST])));
        assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    }

    fn end(self, node: Node) {
        node.stop();
        self.registry.stop();
    }
}

async fn a_name_in_the_configuration_becomes_resolvable_and_certified_by_itself(backend: Backend) {
    let world = World::new(backend, "hostname = \"alice\"");
    let started = Instant::now();
    let node = world.up();
    world.certified(started).await;
    world.end(node);
}

async fn a_running_node_that_registers_has_a_name_and_a_certificate_within_a_minute(backend: Backend) {
    let world = World::new(backend, "");
    let node = world.up();
    let data = world.home.data();
    // Its certificate is its own as yet, and nobody knows the name.
    let before = imajin(&["node", "status", "--data", text(&data)]).expect_success();
    assert_eq!(before["registrations"], serde_json::json!([]), "{before}");
    assert!(before["certificate"]["notAfter"].is_null(), "{before}");
    assert_eq!(address_of_alice(&world.knot).await, None);

    // One clock over the command, the name in DNS and the certificate.
    let started = Instant::now();
    let registered = imajin(&["node", "register", "--name", "alice", "--data", text(&data)]).expect_success();
    assert_eq!(registered["subdomain"], "alice.nodes.example", "{registered}");
    world.certified(started).await;
    println!("a name and a certificate after {:?}", started.elapsed());
    world.end(node);
}

on_both!(
    a_name_in_the_configuration_becomes_resolvable_and_certified_by_itself,
    a_running_node_that_registers_has_a_name_and_a_certificate_within_a_minute,
);
