//! The public behaviour of `imajin-gate`.
#![cfg(test)]

mod attacks;
mod bearers;
mod caches;
mod doors;
mod feedback;
mod fronts;
mod keys;
mod proxy;
mod receipts;
mod repeats;
mod smuggling;
mod sums;
mod till;
mod visits;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use imajin_gate::{
    AgentDirectory, Documents, Gate, GateDeps, GateOptions, MemoryRecords, MemoryReplays, documents, gated,
};
use imajin_imagxp::policy::Policy;
use imajin_imagxp::{AgentId, AgentKey, AgentManifest, Claim, ClaimHeaders, Names, Purpose};
use imajin_kernel::{Env, ManualClock, Timestamp};
use imajin_proof::jose::{Algorithm, Jwks, SigningKey};
use imajin_web::PublicBase;
use serde_json::Value;
use tower::ServiceExt;

use crate::feedback::TestFeedbacks;
use crate::till::TestTill;

const NOW: Timestamp = Timestamp::from_millis(1_772_323_200_250);
const ORIGIN: &str = "https://site.example";
const HOST: &str = "site.example";
const BROKER: &str = "https://broker.example/broker";
const POLICY: &str = r#"
version = 1
brokers = ["https://broker.example/broker"]
ads = { issuer = "https://ads.example", jwks = "https://ads.example/jwks.json" }
[default]
price = "free"
[[rules]]
path = "/ads/"
requires_payment = true
allow_ads = true
[[rules]]
path = "/paid/"
price = "0.01 USD"
[[rules]]
path = "/dear"
price = "0.50 USD"
[[rules]]
path = "/paid/strict"
price = "0.01 USD"
strategy = "strict"
[[rules]]
path = "/closed"
purposes = ["CRAWL_TRAINING"]
allow = false
"#;

/// Documents of agents that a test has put there, and how they were asked for.
#[derive(Default)]
struct TestDocuments {
    known: Mutex<BTreeMap<String, Vec<u8>>>,
    asked: AtomicUsize,
    open: AtomicUsize,
    open_most: AtomicUsize,
    /// Whoever has it keeps the domains of agents from answering.
    held: tokio::sync::Mutex<()>,
}

#[async_trait]
impl Documents for TestDocuments {
    async fn document(&self, url: &str) -> Option<Vec<u8>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        self.open_most.fetch_max(open, Ordering::SeqCst);
        // Others get their turn while this one waits.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        drop(self.held.lock().await);
        self.open.fetch_sub(1, Ordering::SeqCst);
        self.known.lock().unwrap().get(url).cloned()
    }
}

struct World {
    gate: Arc<Gate>,
    clock: ManualClock,
    documents: Arc<TestDocuments>,
    till: Arc<TestTill>,
    records: Arc<MemoryRecords>,
    heard: Arc<TestFeedbacks>,
    key: AgentKey,
    /// The keys of the publisher.
    publisher: Jwks,
    nonces: AtomicUsize,
}

fn agent() -> AgentId {
    "bot.example.org".parse().unwrap()
}

fn manifest_of(agent: &AgentId, keys: &[&AgentKey]) -> Vec<u8> {
    let manifest = AgentManifest {
        agent: agent.clone(),
        keys: keys.iter().map(|key| key.public().clone()).collect(),
        contact: None,
    };
    manifest.to_document().to_string().into_bytes()
}

impl World {
    fn new() -> Self {
        Self::with(false)
    }

    fn with(is_dry: bool) -> Self {
        let clock = ManualClock::at(NOW);
        let env = Env::fixed(clock.clone(), 1);
        let documents = Arc::new(TestDocuments::default());
        let key = AgentKey::generate().unwrap();
        let url = agent().manifest_url();
        documents
            .known
            .lock()
            .unwrap()
            .insert(url, manifest_of(&agent(), &[&key]));
        let till = Arc::new(TestTill::new(env.clone()));
        let records = Arc::new(MemoryRecords::new(100));
        let heard = Arc::new(TestFeedbacks::default());
        let signing = SigningKey::generate(Algorithm::EdDSA, &env).unwrap();
        let publisher = Jwks::new(vec![signing.jwk().clone()]).unwrap();
        let options = GateOptions {
            public: PublicBase(ORIGIN.parse().unwrap()),
            names: Names::Public,
            is_dry,
        };
        let deps = GateDeps {
            directory: AgentDirectory::new(documents.clone(), env.clone()),
            replays: Arc::new(MemoryReplays::new(1_000)),
            till: till.clone(),
            records: records.clone(),
            feedbacks: Some(heard.clone()),
            key: signing,
            env,
        };
        Self {
            gate: Arc::new(Gate::new(options, deps, Policy::parse(POLICY).unwrap())),
            clock,
            documents,
            till,
            records,
            heard,
            key,
            publisher,
            nonces: AtomicUsize::new(0),
        }
    }

    /// One's own application, with the gate in front of it.
    fn app(&self) -> Router {
        let site = Router::new()
            .route("/paid/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }))
            .fallback(get(|| async { "content" }))
            .layer(from_fn_with_state(Arc::clone(&self.gate), gated));
        documents(Arc::clone(&self.gate)).fallback_service(site)
    }

    async fn send(&self, path: &str, headers: HeaderMap) -> Answer {
        let mut request = Request::builder().uri(path).body(Body::empty()).unwrap();
        *request.headers_mut() = headers;
        let response = self.app().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 100_000).await.unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// The headers of a fresh claim for a path.
    fn claim(&self, path: &str) -> HeaderMap {
        self.claim_for(path, Purpose::RagRetrieval)
    }

    fn claim_for(&self, path: &str, purpose: Purpose) -> HeaderMap {
        let nonce = format!("n-{}", self.nonces.fetch_add(1, Ordering::SeqCst));
        let url = format!("{ORIGIN}{path}");
        let claim = Claim::new(&agent(), self.now(), &nonce, &url, purpose, false).unwrap();
        ClaimHeaders::sign(&self.key, &claim).unwrap()
    }

    /// The headers of a fresh claim with a visa.
    fn paid(&self, path: &str, visa: &str) -> HeaderMap {
        let mut headers = self.claim(path);
        headers.insert("x-imagxp-credential", visa.parse().unwrap());
        headers
    }

    fn now(&self) -> Timestamp {
        use imajin_kernel::Clock as _;
        self.clock.now()
    }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    /// The word of the protocol in a refusal.
    fn error(&self) -> String {
        let document: Value = serde_json::from_str(&self.text).unwrap();
        assert_eq!(document["status"], self.status, "{}", self.text);
        document["error"].as_str().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}
