//! A registry with a clock that stands still, and nodes that talk to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use imajin_did::{Did, Keyring, PublicKey, SecretKey};
use imajin_kernel::{Code, Env, ManualClock, Problem, Span, Timestamp};
use imajin_proof::SignedMessage;
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_registry::{DnsSettings, MIGRATIONS, NewNodes, Registry, RegistryConfig, RegistryDeps};
use imajin_store::{Db, Location, Options};
use imajin_testkit::{Backend, Place, TestDatabase};
use imajin_web::{
    CallerKeys, Custody, HttpClient, Identities, Limits, PeerAsked, PublicBase, SessionView, ShellOptions, Site, Tier,
    shell,
};
use serde_json::{Value, json};
use tower::ServiceExt;
use url::Url;

/// When the vectors were signed.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_772_323_200_000);
pub(crate) const ZONE: &str = "nodes.example";
const PUBLIC: &str = "https://registry.example";

/// The operator of the registry.
fn operator_key() -> SecretKey {
    SecretKey::from_seed([9; 32])
}

/// What key logs say, of a DID without one the key that it is; and the hosts that the registry does not talk to.
#[derive(Clone, Default)]
pub(crate) struct KeyLogs {
    known: Arc<Mutex<Known>>,
    pub(crate) blocked: Arc<Mutex<Vec<String>>>,
}

type Known = BTreeMap<Did, Result<Vec<PublicKey>, Problem>>;

#[async_trait]
impl Identities for KeyLogs {
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
        let known = self.known.lock().unwrap().get(did).cloned();
        let implicit = || did.public_key().into_iter().collect();
        Ok(CallerKeys {
            did: did.clone(),
            keys: known.transpose()?.unwrap_or_else(implicit),
            tier: if *did == operator_key().did() {
                Tier::Operator
            } else {
                Tier::Key
            },
            custody: Custody::Own,
        })
    }

    async fn peer_check(&self, peer: &PeerAsked) -> Result<(), Problem> {
        let blocked = self.blocked.lock().unwrap();
        if peer.host.as_ref().is_some_and(|host| blocked.contains(host)) {
            return Err(Problem::new(
                Code::Forbidden,
                "The operator of this node has blocked that one.",
            ));
        }
        Ok(())
    }

    /// The token `operator` is the operator's, `stranger` somebody else's.
    async fn session_view(&self, token: &str) -> Result<Option<SessionView>, Problem> {
        let tier = match token {
            "operator" => Tier::Operator,
            "stranger" => Tier::Key,
            _ => return Ok(None),
        };
        Ok(Some(SessionView {
            did: operator_key().did(),
            handle: None,
            name: None,
            tier,
            custody: Custody::Own,
            expires_at: START.plus(Span::days(1000)),
        }))
    }
}

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) db: Db,
    pub(crate) clock: ManualClock,
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) registry: Arc<Registry>,
    pub(crate) router: Router,
    pub(crate) operator: SecretKey,
    pub(crate) key_logs: KeyLogs,
}

pub(crate) fn location(database: &TestDatabase) -> Location {
    match database.place_for("registry") {
        Place::SqliteFile(path) => Location::sqlite(path),
        Place::Postgres { url, schema } => Location::postgres(url, schema),
    }
}

pub(crate) fn open(database: &TestDatabase) -> Db {
    Db::open(location(database), "registry", MIGRATIONS, Options::default()).unwrap()
}

pub(crate) async fn registry_start(db: &Db, env: &Env, keyring: &Keyring, dns: Option<DnsSettings>) -> Arc<Registry> {
    registry_with(db, env, keyring, dns, &KeyLogs::default(), Wishes::default()).await
}

/// How a registry is run.
#[derive(Default)]
struct Wishes {
    known_builds: bool,
    copies: Vec<Url>,
}

async fn registry_with(
    db: &Db,
    env: &Env,
    keyring: &Keyring,
    dns: Option<DnsSettings>,
    key_logs: &KeyLogs,
    wishes: Wishes,
) -> Arc<Registry> {
    let site = Site {
        env: env.clone(),
        public: PublicBase(PUBLIC.parse().unwrap()),
        identities: Arc::new(key_logs.clone()),
    };
    let config = RegistryConfig {
        zone: ZONE.to_owned(),
        reserved: vec!["shop".to_owned()],
        dns,
        known_builds: wishes.known_builds,
        copies: wishes.copies,
        new_nodes: NewNodes {
            per_hour: 5,
            per_day: 20,
        },
    };
    let deps = RegistryDeps {
        site,
        keyring: keyring.clone(),
        db: db.clone(),
        http: HttpClient::new(Duration::from_secs(5), None).unwrap(),
        config,
    };
    Registry::start(deps).await.unwrap()
}

pub(crate) fn router(registry: &Arc<Registry>, env: &Env) -> Router {
    let options = ShellOptions {
        env: env.clone(),
        public: PublicBase(PUBLIC.parse().unwrap()),
        limits: Limits::default(),
        error_page: None,
    };
    shell(registry.routes().into_router(), options)
}

impl World {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with_dns(backend, None).await
    }

    pub(crate) async fn with_dns(backend: Backend, dns: Option<DnsSettings>) -> Self {
        Self::with_seed(backend, dns, 7).await
    }

    /// Another seed gives another node, with other keys.
    pub(crate) async fn with_seed(backend: Backend, dns: Option<DnsSettings>, seed: u64) -> Self {
        let database = TestDatabase::new(backend);
        let db = open(&database);
        let clock = ManualClock::at(START);
        let env = Env::fixed(clock.clone(), seed);
        let keyring = Keyring::generate(&env);
        let key_logs = KeyLogs::default();
        let registry = registry_with(&db, &env, &keyring, dns, &key_logs, Wishes::default()).await;
        let router = router(&registry, &env);
        Self {
            database,
            db,
            clock,
            env,
            keyring,
            registry,
            router,
            operator: operator_key(),
            key_logs,
        }
    }

    /// The same world, whose registry takes known builds only.
    pub(crate) async fn with_known_builds(mut self) -> Self {
        let wishes = Wishes {
            known_builds: true,
            ..Wishes::default()
        };
        self.restart(wishes).await;
        self
    }

    /// Starts the registry again, which knows now who keeps copies of its directory.
    pub(crate) async fn copies_set(&mut self, copies: Vec<Url>) {
        let wishes = Wishes {
            copies,
            ..Wishes::default()
        };
        self.restart(wishes).await;
    }

    async fn restart(&mut self, wishes: Wishes) {
        self.registry = registry_with(&self.db, &self.env, &self.keyring, None, &self.key_logs, wishes).await;
        self.router = router(&self.registry, &self.env);
    }

    /// Lets somebody's key log list these keys, or be refused.
    pub(crate) fn key_log_set(&self, did: &Did, keys: Result<Vec<PublicKey>, Problem>) {
        self.key_logs.known.lock().unwrap().insert(did.clone(), keys);
    }

    pub(crate) fn node(&self) -> Node {
        Node {
            key: SecretKey::generate(&self.env),
        }
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.env.now().as_millis()
    }

    pub(crate) fn pass(&self, span: Span) {
        self.clock.advance(span);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        answer(self.router.clone(), request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn head(&self, path: &str) -> Answer {
        self.send(Request::head(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(json_request(path, body)).await
    }

    /// An order that somebody has signed.
    pub(crate) fn order_sign(&self, key: &SecretKey, path: &str, body: &Value) -> SignedRequest {
        let to_sign = RequestToSign {
            method: "POST",
            target_uri: &format!("{PUBLIC}{path}"),
            idempotency_key: None,
            body: &serde_json::to_vec(body).unwrap(),
        };
        sign(key, &to_sign, &SignatureParams::now(key.did(), &self.env)).unwrap()
    }

    pub(crate) async fn send_signed(&self, signed: &SignedRequest) -> Answer {
        let path = signed.target_uri.strip_prefix(PUBLIC).unwrap();
        let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        self.send(request.body(Body::from(signed.body.clone())).unwrap()).await
    }

    pub(crate) async fn order_as(&self, key: &SecretKey, path: &str, body: &Value) -> Answer {
        self.send_signed(&self.order_sign(key, path, body)).await
    }

    /// An order of the operator.
    pub(crate) async fn order(&self, path: &str, body: &Value) -> Answer {
        self.order_as(&self.operator, path, body).await
    }

    /// What somebody who is logged in sees.
    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Answer {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends an attestation as it is.
    pub(crate) async fn register_raw(&self, attestation: Value) -> Answer {
        self.post("/api/node/register", &json!({"attestation": attestation}))
            .await
    }

    /// Signs and sends an attestation a second after whatever was before.
    pub(crate) async fn register(&self, node: &Node, hostname: &str) -> Answer {
        self.pass(Span::seconds(1));
        self.register_raw(node.signed(node.attestation(hostname, self.now_ms())))
            .await
    }

    /// Signs and sends a heartbeat a second after whatever was before.
    pub(crate) async fn beat(&self, node: &Node) -> Answer {
        self.pass(Span::seconds(1));
        self.post("/api/node/heartbeat", &node.signed(node.heartbeat(self.now_ms())))
            .await
    }

    pub(crate) async fn status_of(&self, name: &str) -> String {
        let answer = self.get(&format!("/api/node/lookup/{name}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.json);
        answer.json["status"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn json_request(path: &str, body: &Value) -> Request<Body> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from(body.to_string())).unwrap()
}

pub(crate) async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let json = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).unwrap()
    };
    Answer {
        status: parts.status,
        headers: parts.headers,
        json,
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:#}", self.json);
        self
    }

    /// A refusal of a registration, in the contract's shape and in that of RFC 9457.
    #[track_caller]
    pub(crate) fn rejected(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(answer.json["status"], "rejected", "{:#}", answer.json);
        assert_eq!(answer.json["code"], code, "{:#}", answer.json);
        assert_eq!(answer.json["type"], format!("/problems/{code}"));
        assert_eq!(answer.json["error"], answer.json["detail"]);
        assert!(!answer.json["error"].as_str().unwrap().is_empty());
        assert!(!answer.json["hint"].as_str().unwrap().is_empty(), "{:#}", answer.json);
        answer
    }

    /// A refusal of a heartbeat.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(answer.json["status"], status, "{:#}", answer.json);
        assert_eq!(answer.json["ack"], false, "{:#}", answer.json);
        assert_eq!(answer.json["code"], code, "{:#}", answer.json);
        assert_eq!(answer.json["error"], answer.json["detail"]);
        answer
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let error = self.json["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains(text), "`{error}` does not say `{text}`");
        self
    }
}

/// Somebody's node.
pub(crate) struct Node {
    pub(crate) key: SecretKey,
}

impl Node {
    pub(crate) fn did(&self) -> Did {
        self.key.did()
    }

    pub(crate) fn attestation(&self, hostname: &str, timestamp: i64) -> Value {
        json!({
            "nodeId": self.did(), "publicKey": self.key.public().to_hex(), "buildHash": "ab".repeat(32),
            "sourceCommit": "unknown", "version": "0.1.0", "hostname": hostname, "services": ["auth", "pay"],
            "capabilities": ["gate"], "timestamp": timestamp,
        })
    }

    pub(crate) fn heartbeat(&self, timestamp: i64) -> Value {
        json!({
            "nodeId": self.did(), "timestamp": timestamp, "buildHash": "ab".repeat(32), "version": "0.1.0",
            "health": {"status": "healthy", "services": {"auth": "up"}, "uptime": 60, "metrics": {"load": 0.5}},
        })
    }

    /// The document with this node's signature over the envelope around it.
    pub(crate) fn signed(&self, document: Value) -> Value {
        self.signed_as("node", document)
    }

    pub(crate) fn signed_as(&self, kind: &str, mut document: Value) -> Value {
        let from: Did = document["nodeId"].as_str().unwrap().parse().unwrap();
        let at = Timestamp::from_millis(document["timestamp"].as_i64().unwrap());
        let message = SignedMessage::sign(&self.key, from, kind, None, at, document.clone()).unwrap();
        document["signature"] = message.signature.to_hex().into();
        document
    }
}
