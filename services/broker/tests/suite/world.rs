//! One broker with the agents and publishers around it, for one test.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use axum::routing::get;
use diesel::connection::Connection;
use imajin_broker::{Broker, BrokerConfig, BrokerDeps, MIGRATIONS, audit};
use imajin_did::{Did, DidDocument, Keyring, SecretKey};
use imajin_imagxp::visa::{Visa, VisaExpectation, visa_verify};
use imajin_imagxp::{AgentId, AgentKey, AgentManifest, Names};
use imajin_kernel::{Env, ManualClock, Problem, Span, Timestamp};
use imajin_pay_api::{PayClient, PurseClient};
use imajin_proof::digest::{content_digest, sha256, sha256_hex};
use imajin_proof::http_sig::{MessageParams, MessageView, RequestToSign, SignatureParams, sign};
use imajin_proof::jose::Jwks;
use imajin_store::{Conn, Db, Finding, Location, Options, StoreError};
use imajin_testkit::{Answer, Backend, Place, TestDatabase};
use imajin_web::macro_support::async_trait;
use imajin_web::{
    CallerKeys, Custody, Identities, Limits, PublicBase, Reach, SessionView, ShellOptions, Site, Tier, shell,
};
use serde_json::{Value, json};

use crate::accounts::FakePay;
use crate::purse::FakePurse;

pub(crate) const PUBLIC: &str = "http://node.test:7000";
pub(crate) const ISSUER: &str = "http://node.test:7000/broker";
pub(crate) const OPERATOR: &str = "operator";

/// Whoever proves to be a DID is it; one of them runs the node.
struct People;

#[async_trait]
impl Identities for People {
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
        let did = did.canonical();
        let is_operator = did == key(OPERATOR).did();
        Ok(CallerKeys {
            keys: did.public_key().into_iter().collect(),
            did,
            tier: if is_operator { Tier::Operator } else { Tier::Visitor },
            custody: Custody::Own,
        })
    }

    /// The session of somebody is their name; a token of the broker has dots, and is none.
    async fn session_view(&self, token: &str) -> Result<Option<SessionView>, Problem> {
        if token.contains('.') {
            return Ok(None);
        }
        let did = key(token).did();
        let caller = self.caller_keys(&did).await?;
        Ok(Some(SessionView {
            did,
            handle: Some(token.to_owned()),
            name: None,
            tier: caller.tier,
            custody: Custody::Own,
            expires_at: Timestamp::from_seconds(2_000_000_000),
        }))
    }
}

/// What the hosts of the test publish: every name of this machine is an agent with these keys, and this node.
#[derive(Clone, Default)]
struct Published {
    agents: Arc<Mutex<Vec<imajin_did::P256Key>>>,
    node: Arc<Mutex<Option<DidDocument>>>,
    asked: Arc<Mutex<u32>>,
}

async fn manifest(State(published): State<Published>, headers: HeaderMap) -> axum::Json<Value> {
    let host = headers["host"].to_str().unwrap();
    *published.asked.lock().unwrap() += 1;
    let manifest = AgentManifest {
        agent: AgentId::parse(host, Names::Development).unwrap(),
        keys: published.agents.lock().unwrap().clone(),
        contact: Some("mailto:agent@example.org".to_owned()),
    };
    axum::Json(manifest.to_document())
}

async fn document(State(published): State<Published>) -> Result<axum::Json<DidDocument>, StatusCode> {
    let node = published.node.lock().unwrap().clone();
    node.map(axum::Json).ok_or(StatusCode::NOT_FOUND)
}

pub(crate) struct World {
    _database: TestDatabase,
    _hosts: tokio::task::JoinSet<()>,
    pub(crate) db: Db,
    pub(crate) clock: ManualClock,
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) purse: Arc<FakePurse>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) router: Router,
    /// The agent's and the publisher's host.
    pub(crate) host: String,
    /// Another agent's.
    pub(crate) other_host: String,
    pub(crate) agent_key: AgentKey,
    published: Published,
}

/// A key that is always the same for a name.
pub(crate) fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(sha256(name.as_bytes()))
}

fn location(database: &TestDatabase) -> Location {
    match database.place_for("broker") {
        Place::SqliteFile(path) => Location::sqlite(path),
        Place::Postgres { url, schema } => Location::postgres(url, schema),
    }
}

impl World {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with(backend, Span::days(1)).await
    }

    /// With this time for disputes.
    pub(crate) async fn with(backend: Backend, dispute_window: Span) -> Self {
        let config = BrokerConfig {
            dispute_window,
            ..BrokerConfig::default()
        };
        Self::configured(backend, config).await
    }

    /// As the operator of its broker has said.
    pub(crate) async fn configured(backend: Backend, config: BrokerConfig) -> Self {
        let database = TestDatabase::new(backend);
        let db = Db::open(location(&database), "broker", MIGRATIONS, Options::default()).unwrap();
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let env = Env::fixed(clock.clone(), 7);
        let keyring = Keyring::generate(&env);
        let purse = Arc::new(FakePurse::default());
        let public = PublicBase(PUBLIC.parse().unwrap());
        let deps = BrokerDeps {
            site: Site {
                env: env.clone(),
                public: public.clone(),
                identities: Arc::new(People),
            },
            keyring: keyring.clone(),
            db: db.clone(),
            pay: PayClient::local(Arc::new(FakePay::default())),
            purse: PurseClient::local(purse.clone()),
            config: BrokerConfig {
                reach: Reach::Development,
                ..config
            },
        };
        let broker = Box::pin(Broker::start(deps)).await.unwrap();
        let nested = Router::new()
            .nest("/broker", broker.routes().into_router())
            .merge(broker.root_routes());
        let options = ShellOptions {
            env: env.clone(),
            public,
            limits: Limits::default(),
            error_page: None,
        };
        let published = Published::default();
        let listen = async || {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let host = format!("localhost:{}", listener.local_addr().unwrap().port());
            (listener, host)
        };
        let ((listener, host), (other, other_host)) = (listen().await, listen().await);
        let hosts = Router::new()
            .route("/.well-known/imagxp-agent.json", get(manifest))
            .route("/.well-known/did.json", get(document))
            .with_state(published.clone());
        let mut tasks = tokio::task::JoinSet::new();
        let others = hosts.clone();
        tasks.spawn(async move { axum::serve(listener, hosts).await.unwrap() });
        tasks.spawn(async move { axum::serve(other, others).await.unwrap() });
        let world = Self {
            _database: database,
            _hosts: tasks,
            db,
            clock,
            env,
            keyring,
            purse,
            broker,
            router: shell(nested, options),
            host,
            other_host,
            agent_key: AgentKey::generate().unwrap(),
            published,
        };
        world.agent_publish(&[&world.agent_key]);
        world.publisher_publish(&key("publisher"));
        world
    }

    /// From now on the agents of this machine have these keys.
    pub(crate) fn agent_publish(&self, keys: &[&AgentKey]) {
        *self.published.agents.lock().unwrap() = keys.iter().map(|key| key.public().clone()).collect();
    }

    /// From now on the host says that it is this node.
    pub(crate) fn publisher_publish(&self, node: &SecretKey) {
        let document = DidDocument::for_key(node.did(), &node.public(), Vec::new());
        *self.published.node.lock().unwrap() = Some(document);
    }

    /// How often somebody has asked for a manifest.
    pub(crate) fn manifests_asked(&self) -> u32 {
        *self.published.asked.lock().unwrap()
    }

    /// The agent's DID.
    pub(crate) fn agent(&self) -> Did {
        Did::from_web_authority(&self.host).unwrap()
    }

    pub(crate) fn later(&self, span: Span) {
        self.clock.advance(span);
    }

    /// A request that an agent signs with this key.
    pub(crate) fn agent_request(
        &self,
        (key, keyid): (&AgentKey, &str),
        (method, path): (&str, &str),
        (kind, body): (&str, &[u8]),
        idempotency: Option<&str>,
    ) -> Request<Body> {
        let target = format!("{PUBLIC}{path}");
        let mut headers = HeaderMap::new();
        headers.insert("content-digest", content_digest(body).parse().unwrap());
        let mut covered = vec![r#""@method""#, r#""@target-uri""#, r#""content-digest""#];
        if let Some(text) = idempotency {
            headers.insert("idempotency-key", text.parse().unwrap());
            covered.push(r#""idempotency-key""#);
        }
        let nonce = hex::encode(self.env.random_bytes::<16>());
        let params = MessageParams {
            label: "sig1",
            keyid,
            created: self.env.now(),
            expires: None,
            nonce: Some(&nonce),
            tag: None,
        };
        let fields = MessageView::request(method, &target, &headers)
            .sign(key, &covered, &params)
            .unwrap();
        let value = |text: &str| HeaderValue::from_str(text).unwrap();
        headers.insert("signature-input", value(&fields.signature_input));
        headers.insert("signature", value(&fields.signature));
        headers.insert("content-type", value(kind));
        let mut request = Request::builder().method(method).uri(path);
        request.headers_mut().unwrap().extend(headers);
        request.body(Body::from(body.to_vec())).unwrap()
    }

    /// The agent asks.
    pub(crate) async fn agent_post(&self, path: &str, body: &Value, idempotency: Option<&str>) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        let did = self.agent();
        let who = (&self.agent_key, did.as_str());
        let request = self.agent_request(who, ("POST", path), ("application/json", &body), idempotency);
        self.send(request).await
    }

    pub(crate) async fn agent_get(&self, path: &str) -> Answer {
        let did = self.agent();
        let who = (&self.agent_key, did.as_str());
        let request = self.agent_request(who, ("GET", path), ("application/json", b""), None);
        self.send(request).await
    }

    /// Somebody with a DID asks.
    pub(crate) async fn ask(&self, who: &SecretKey, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(|body| serde_json::to_vec(body).unwrap()).unwrap_or_default();
        let to_sign = RequestToSign {
            method,
            target_uri: &format!("{PUBLIC}{path}"),
            idempotency_key: None,
            body: &body,
        };
        let signed = sign(who, &to_sign, &SignatureParams::now(who.did(), &self.env)).unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            let name: HeaderName = name;
            request = request.header(name, value);
        }
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// What somebody who is signed in sees.
    pub(crate) async fn page(&self, who: &str, path: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {who}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.router, request).await
    }

    /// The agent has an account with this much.
    pub(crate) async fn funded(&self, money: &str) {
        self.agent_post("/broker/api/agents", &json!({}), None)
            .await
            .expect(StatusCode::CREATED);
        self.purse.put(&self.agent(), money);
    }

    /// What the agent orders: a visa for the publisher of this world, for ten minutes.
    pub(crate) fn order(&self, amount: &str, uses: u32) -> Value {
        json!({
            "publisher": self.host, "max_amount": {"amount": amount, "currency": "TEST-USD"}, "ttl": 600, "uses": uses,
        })
    }

    /// Buys a visa, and reads it as its publisher does.
    pub(crate) async fn visa(&self, amount: &str, uses: u32) -> Visa {
        let answer = self.agent_post("/issue-visa", &self.order(amount, uses), None).await;
        let issued = answer.expect(StatusCode::CREATED).json();
        self.read(issued["token"].as_str().unwrap()).await
    }

    pub(crate) async fn keys(&self) -> Jwks {
        self.get("/broker/.well-known/jwks.json")
            .await
            .expect(StatusCode::OK)
            .parse()
    }

    pub(crate) async fn read(&self, token: &str) -> Visa {
        let holders = [self.agent_key.thumbprint()];
        let expect = VisaExpectation {
            issuer: ISSUER,
            audience: &self.host,
            holders: &holders,
            purpose: None,
            takes_bearer: false,
            now: self.env.now(),
        };
        visa_verify(token, &self.keys().await, &expect).unwrap()
    }

    /// The publisher redeems; the state of each.
    pub(crate) async fn redeem(&self, batch: &[(&str, &str, &str)]) -> Vec<String> {
        self.redeem_by(&key("publisher"), batch).await
    }

    pub(crate) async fn redeem_by(&self, who: &SecretKey, batch: &[(&str, &str, &str)]) -> Vec<String> {
        // Each payment is by a claim of its own.
        self.redeem_each(who, batch, |receipt| sha256_hex(receipt.as_bytes()))
            .await
    }

    /// The publisher redeems what was paid by this claim.
    pub(crate) async fn redeem_claim(
        &self,
        who: &SecretKey,
        batch: &[(&str, &str, &str)],
        digest: &str,
    ) -> Vec<String> {
        self.redeem_each(who, batch, |_receipt| digest.to_owned()).await
    }

    async fn redeem_each(
        &self,
        who: &SecretKey,
        batch: &[(&str, &str, &str)],
        digest: impl Fn(&str) -> String,
    ) -> Vec<String> {
        let one = |(jti, receipt, amount): &(&str, &str, &str)| {
            json!({
                "jti": jti, "receipt": receipt, "amount": {"amount": amount, "currency": "TEST-USD"},
                "claimDigest": digest(receipt),
            })
        };
        let body = json!({"redemptions": batch.iter().map(one).collect::<Vec<_>>()});
        let answer = self.ask(who, "POST", "/broker/api/redemptions", Some(&body)).await;
        let answer = answer.expect(StatusCode::OK).json();
        let states = answer["redemptions"].as_array().unwrap().iter();
        states.map(|one| one["state"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn audit(&self) -> Vec<Finding> {
        let (keyring, env) = (self.keyring.clone(), self.env.clone());
        self.db.read(move |conn| audit_all(conn, &keyring, &env)).await.unwrap()
    }
}

pub(crate) fn audit_all(conn: &mut Conn, keyring: &Keyring, env: &Env) -> Result<Vec<Finding>, StoreError> {
    conn.transaction(|conn| audit(conn, keyring, env, &|_did| Vec::new()))
}
