use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Json, Router};
use imajin_acme::{AcmeDns, Authority, DnsAccount, Http01};
use imajin_dns::{
    Change, DnsProvider, RecordSet, Records, Rfc2136, Rfc2136Settings, TsigAlgorithm, TsigKey, Zone, ZoneName,
};
use imajin_kernel::Env;
use imajin_testkit::{KnotPeer, PebblePeer};
use imajin_web::{HttpClient, Listener, PublicBase, TlsMode, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

const ZONE: &str = "nodes.example";
pub(crate) const NAME: &str = "alice.nodes.example";
const TIMEOUT: Duration = Duration::from_secs(10);

/// An authority, a zone, an endpoint that sets texts in it, and port 80.
pub(crate) struct World {
    pub(crate) pebble: PebblePeer,
    pub(crate) authority: Authority,
    pub(crate) http01: Http01,
    endpoint: SocketAddr,
    _knot: KnotPeer,
    _stop: DropGuard,
}

fn name(relative: &str) -> ZoneName {
    ZONE.parse::<Zone>().unwrap().name(relative).unwrap()
}

fn put(of: &str, records: Records) -> Change {
    Change::Put(RecordSet::new(name(of), 60, records).unwrap())
}

/// The endpoint of acme-dns: the two latest texts of its one account.
#[derive(Clone)]
struct Endpoint {
    dns: Arc<Rfc2136>,
    texts: Arc<Mutex<Vec<String>>>,
}

async fn update(
    State(endpoint): State<Endpoint>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let is_known = headers["x-api-user"] == "user" && headers["x-api-key"] == "password";
    if !is_known || body["subdomain"] != "d420" {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "forbidden"})));
    }
    let texts = {
        let mut texts = endpoint.texts.lock().unwrap();
        texts.push(body["txt"].as_str().unwrap().to_owned());
        let from = texts.len().saturating_sub(2);
        texts.split_off(from)
    };
    endpoint.texts.lock().unwrap().clone_from(&texts);
    endpoint
        .dns
        .apply(&[put("d420.acme", Records::Txt(texts))])
        .await
        .unwrap();
    (StatusCode::OK, Json(json!({"txt": body["txt"]})))
}

async fn listen(router: Router, stop: &CancellationToken) -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener {
        socket,
        router,
        public: PublicBase(format!("http://{address}/").parse().unwrap()),
        tls: TlsMode::Off,
        connections_max: 8,
    };
    TaskTracker::new().spawn(serve(listener, stop.clone()));
    address
}

impl World {
    pub(crate) async fn start() -> Self {
        let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let knot = KnotPeer::start(ZONE).unwrap();
        let key = TsigKey::new(KnotPeer::KEY_NAME, TsigAlgorithm::HmacSha256, &KnotPeer::KEY_SECRET).unwrap();
        let settings = Rfc2136Settings {
            server: knot.address(),
            zone: ZONE.parse().unwrap(),
            key,
            timeout: TIMEOUT,
        };
        let dns = Arc::new(Rfc2136::new(settings, Env::system()));
        let home = put("alice", Records::A(vec![Ipv4Addr::LOCALHOST]));
        let led = put("_acme-challenge.alice", Records::Cname(name("d420.acme")));
        dns.apply(&[home, led]).await.unwrap();

        let (stop, http01) = (CancellationToken::new(), Http01::default());
        let endpoint = Endpoint {
            dns,
            texts: Arc::default(),
        };
        let router = Router::new().route("/acme/update", axum::routing::post(update));
        let endpoint = listen(router.with_state(endpoint), &stop).await;
        let port_80 = listen(http01.router(), &stop).await.port();
        let pebble = PebblePeer::start_asking(knot.address(), port_80).unwrap();
        let own = std::fs::read(pebble.certificate()).unwrap();
        let authority = Authority {
            directory: pebble.directory_url().parse().unwrap(),
            http: HttpClient::new(TIMEOUT, Some(&own)).unwrap(),
            contact: Some("mailto:operator@nodes.example".to_owned()),
        };
        Self {
            pebble,
            authority,
            http01,
            endpoint,
            _knot: knot,
            _stop: stop.drop_guard(),
        }
    }

    /// Proves the name by DNS, with this password.
    pub(crate) fn dns01(&self, password: &str) -> AcmeDns {
        let account = DnsAccount {
            hostname: NAME.to_owned(),
            acme_url: format!("http://{}/acme", self.endpoint).parse().unwrap(),
            username: "user".to_owned(),
            password: password.to_owned(),
            subdomain: "d420".to_owned(),
        };
        AcmeDns::new(HttpClient::new(TIMEOUT, None).unwrap(), account)
    }
}
