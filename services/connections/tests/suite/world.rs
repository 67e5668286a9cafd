//! One node's connections with everything around them, for one test.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use diesel::connection::Connection;
use imajin_connections::{Connections, ConnectionsConfig, ConnectionsDeps, MIGRATIONS, audit};
use imajin_connections_api::statement::{ACCEPT, AcceptTerms, REVOKE, RevokeTerms};
use imajin_connections_api::{StatementKind, StatementView};
use imajin_did::{Did, Keyring, SecretKey};
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_proof::SignedMessage;
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_store::{Conn, Db, Finding, Location, Options, StoreError};
use imajin_testkit::{Answer, Backend, Place, TestDatabase};
use imajin_web::{Limits, PublicBase, ShellOptions, Site, Tier, shell};
use serde::Serialize;
use serde_json::{Value, json};

use crate::people::People;

pub(crate) const PUBLIC: &str = "http://node.test:7000";
pub(crate) const API: &str = "/connections/api";

pub(crate) struct World {
    database: Arc<TestDatabase>,
    pub(crate) db: Db,
    pub(crate) clock: ManualClock,
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) people: Arc<People>,
    pub(crate) service: Arc<Connections>,
    pub(crate) router: Router,
}

fn location(database: &TestDatabase) -> Location {
    match database.place_for("connections") {
        Place::SqliteFile(path) => Location::sqlite(path),
        Place::Postgres { url, schema } => Location::postgres(url, schema),
    }
}

/// A key that is always the same for a name.
pub(crate) fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(imajin_proof::digest::sha256(name.as_bytes()))
}

impl World {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::seeded(backend, 7).await
    }

    pub(crate) async fn seeded(backend: Backend, seed: u64) -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let env = Env::fixed(clock.clone(), seed);
        let keyring = Keyring::generate(&env);
        Self::at(
            Arc::new(TestDatabase::new(backend)),
            (clock, env, keyring),
            Arc::default(),
        )
        .await
    }

    async fn at(
        database: Arc<TestDatabase>,
        (clock, env, keyring): (ManualClock, Env, Keyring),
        people: Arc<People>,
    ) -> Self {
        let db = Db::open(location(&database), "connections", MIGRATIONS, Options::default()).unwrap();
        let public = PublicBase(PUBLIC.parse().unwrap());
        let deps = ConnectionsDeps {
            site: Site {
                env: env.clone(),
                public: public.clone(),
                identities: people.clone(),
            },
            keyring: keyring.clone(),
            db: db.clone(),
            config: ConnectionsConfig {
                watcher_check_every: Duration::from_millis(50),
                ..ConnectionsConfig::default()
            },
        };
        let service = Connections::start(deps).await.unwrap();
        let nested = Router::new().nest("/connections", service.routes().into_router());
        let options = ShellOptions {
            env: env.clone(),
            public,
            limits: Limits::default(),
            error_page: None,
        };
        Self {
            database,
            db,
            clock,
            env,
            keyring,
            people,
            service,
            router: shell(nested, options),
        }
    }

    /// The same node in another process, or after a restart: what it has, it has from the database.
    pub(crate) async fn again(&self) -> Self {
        let parts = (self.clock.clone(), self.env.clone(), self.keyring.clone());
        Self::at(Arc::clone(&self.database), parts, Arc::clone(&self.people)).await
    }

    /// Somebody with a key of their own who is registered here.
    pub(crate) fn person(&self, name: &str) -> SecretKey {
        self.register(name, Tier::Key)
    }

    pub(crate) fn register(&self, name: &str, tier: Tier) -> SecretKey {
        let key = key(name);
        self.people.tiers.lock().unwrap().insert(key.did(), tier);
        key
    }

    pub(crate) fn later(&self, span: Span) {
        self.clock.advance(span);
    }

    /// A document of this moment.
    pub(crate) fn document<P: Serialize>(
        &self,
        key: &SecretKey,
        kind: &str,
        to: Option<&SecretKey>,
        payload: &P,
    ) -> SignedMessage {
        let payload = serde_json::to_value(payload).unwrap();
        SignedMessage::sign(key, key.did(), kind, to.map(SecretKey::did), self.env.now(), payload).unwrap()
    }

    pub(crate) fn said(&self, key: &SecretKey, kind: StatementKind, to: &SecretKey, payload: &Value) -> SignedMessage {
        self.document(key, kind.message_type(), Some(to), payload)
    }

    pub(crate) fn acceptance(&self, key: &SecretKey, digest: &str) -> SignedMessage {
        let terms = AcceptTerms {
            statement: digest.to_owned(),
            invite_proof: None,
        };
        self.document(key, ACCEPT, None, &terms)
    }

    pub(crate) fn revocation(&self, key: &SecretKey, digest: &str) -> SignedMessage {
        let terms = RevokeTerms {
            statement: digest.to_owned(),
        };
        self.document(key, REVOKE, None, &terms)
    }

    pub(crate) fn sign(&self, key: &SecretKey, method: &str, path: &str, body: &impl Serialize) -> SignedRequest {
        self.sign_with(key, (method, path, None), body)
    }

    /// As [`World::sign`], with an idempotency key.
    pub(crate) fn sign_with(
        &self,
        key: &SecretKey,
        (method, path, idempotency_key): (&str, &str, Option<&str>),
        body: &impl Serialize,
    ) -> SignedRequest {
        let to_sign = RequestToSign {
            method,
            target_uri: &format!("{PUBLIC}{API}{path}"),
            idempotency_key,
            body: &serde_json::to_vec(body).unwrap(),
        };
        sign(key, &to_sign, &SignatureParams::now(key.did(), &self.env)).unwrap()
    }

    pub(crate) async fn send_signed(&self, signed: &SignedRequest) -> Answer {
        let path = signed.target_uri.strip_prefix(PUBLIC).unwrap();
        let mut request = Request::builder()
            .method(signed.method.as_str())
            .uri(path)
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        self.send(request.body(Body::from(signed.body.clone())).unwrap()).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.router, request).await
    }

    pub(crate) async fn change(&self, key: &SecretKey, method: &str, path: &str, body: &impl Serialize) -> Answer {
        self.send_signed(&self.sign(key, method, path, body)).await
    }

    pub(crate) async fn submit(&self, key: &SecretKey, document: &SignedMessage) -> Answer {
        self.change(key, "POST", "/statements", document).await
    }

    /// Asks for a connection.
    pub(crate) async fn ask(&self, from: &SecretKey, to: &SecretKey) -> StatementView {
        let document = self.said(from, StatementKind::Connection, to, &json!({}));
        self.submit(from, &document).await.expect(StatusCode::OK).parse()
    }

    pub(crate) async fn accept(&self, key: &SecretKey, asked: &StatementView) -> StatementView {
        let document = self.acceptance(key, &asked.digest);
        self.submit(key, &document).await.expect(StatusCode::OK).parse()
    }

    /// Connects two people.
    pub(crate) async fn connect(&self, one: &SecretKey, other: &SecretKey) -> StatementView {
        let asked = self.ask(one, other).await;
        self.accept(other, &asked).await
    }

    pub(crate) async fn vouch(&self, from: &SecretKey, to: &SecretKey, weight: u32) -> StatementView {
        let document = self.said(from, StatementKind::Vouch, to, &json!({"weightMillionths": weight}));
        self.submit(from, &document).await.expect(StatusCode::OK).parse()
    }

    pub(crate) async fn flag(&self, from: &SecretKey, to: &SecretKey, level: &str) -> StatementView {
        let document = self.said(from, StatementKind::Flag, to, &json!({"level": level}));
        self.submit(from, &document).await.expect(StatusCode::OK).parse()
    }

    pub(crate) async fn revoke(&self, key: &SecretKey, statement: &StatementView) -> StatementView {
        let document = self.revocation(key, &statement.digest);
        self.submit(key, &document).await.expect(StatusCode::OK).parse()
    }

    pub(crate) async fn get(&self, reader: Option<&Did>, path: &str) -> Answer {
        let mut request = Request::get(format!("{API}{path}"));
        if let Some(did) = reader {
            request = request.header("authorization", format!("Bearer {did}"));
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// How far it is for the reader, as `check` says.
    pub(crate) async fn hops(&self, reader: &SecretKey, to: &SecretKey) -> Value {
        let path = format!("/trust/check?to={}", to.did());
        self.get(Some(&reader.did()), &path).await.expect(StatusCode::OK).json()["hops"].clone()
    }

    /// The whole answer about a path.
    pub(crate) async fn path(&self, reader: &SecretKey, to: &SecretKey, more: &str) -> Value {
        let path = format!("/trust/path?to={}{more}", to.did());
        self.get(Some(&reader.did()), &path).await.expect(StatusCode::OK).json()
    }

    pub(crate) async fn audience(&self, key: &SecretKey, audience: &str) {
        let body = json!({"audience": audience});
        self.change(key, "PUT", "/audience", &body).await.expect(StatusCode::OK);
    }

    pub(crate) async fn audit(&self) -> Vec<Finding> {
        let (keyring, env) = (self.keyring.clone(), self.env.clone());
        self.db.read(move |conn| audit_all(conn, &keyring, &env)).await.unwrap()
    }
}

pub(crate) fn audit_all(conn: &mut Conn, keyring: &Keyring, env: &Env) -> Result<Vec<Finding>, StoreError> {
    conn.transaction(|conn| audit(conn, keyring, env, &|_did| Vec::new()))
}
