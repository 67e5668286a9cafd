//! A node that consists of auth alone, and somebody who talks to it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use imajin_auth::{Auth, AuthDeps, AuthOptions, MIGRATIONS, MailConfig, PeersOptions, Witness};
use imajin_auth_api::ProfilesClient;
use imajin_did::{Did, Keyring, SecretKey};
use imajin_kernel::{Env, ManualClock, Problem, Span, Timestamp};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_store::parity::{Column, ColumnKind};
use imajin_store::{Conn, Db, Finding, Location, Options, StoreError, per_backend, tamper};
use imajin_testkit::{Backend, Place, TestDatabase};
use imajin_web::{Limits, PublicBase, Reach, ShellOptions, shell};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::pictures::Pictures;

pub(crate) const ORIGIN: &str = "http://localhost:7000";

const EVERYTHING: AuthOptions = AuthOptions {
    node_name: String::new(),
    test_money: false,
    dynamic_clients: true,
    has_consent: true,
    reach: Reach::Development,
    peers: PeersOptions {
        only_listed: false,
        allow: Vec::new(),
        block: Vec::new(),
    },
};

pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) auth: Arc<Auth>,
    pub(crate) db: Db,
    router: Router,
    mail: Option<MailConfig>,
    options: AuthOptions,
    witnesses: Vec<Witness>,
    pub(crate) origin: String,
    database: Arc<TestDatabase>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem's code, with the status that belongs to it.
    pub(crate) fn refusal(&self) -> (u16, String) {
        (
            self.status.as_u16(),
            self.json()["code"].as_str().unwrap_or("no code").to_owned(),
        )
    }

    /// `name=value` of the first cookie that is set.
    pub(crate) fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

#[track_caller]
pub(crate) fn assert_refused(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.refusal(), (status, code.to_owned()), "{reply:?}");
}

fn open(database: &TestDatabase) -> Db {
    let location = match database.place_for("auth") {
        Place::SqliteFile(path) => Location::sqlite(path),
        Place::Postgres { url, schema } => Location::postgres(url, schema),
    };
    Db::open(location, "auth", MIGRATIONS, Options::default()).unwrap()
}

/// Every value of a column as text; bytes as hexadecimal digits.
#[expect(
    clippy::disallowed_methods,
    reason = "a test looks for secrets in every table, by whatever name"
)]
fn column_texts(conn: &mut Conn, table: &str, column: &Column) -> QueryResult<Vec<String>> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Text)]
        value: String,
    }
    let name = &column.name;
    let value = match (column.kind, &*conn) {
        (ColumnKind::Bytes, Conn::Sqlite(_)) => format!("lower(hex(\"{name}\"))"),
        (ColumnKind::Bytes, Conn::Postgres(_)) => format!("encode(\"{name}\", 'hex')"),
        _ => format!("CAST(\"{name}\" AS TEXT)"),
    };
    let query = format!("SELECT COALESCE({value}, '') AS value FROM \"{table}\"");
    let found: Vec<Found> = per_backend!(conn, c => diesel::sql_query(query).load(c))?;
    Ok(found.into_iter().map(|found| found.value).collect())
}

impl World {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with_mail(backend, None).await
    }

    /// What a node of the tests is like, unless a test says otherwise.
    pub(crate) const fn everything() -> AuthOptions {
        EVERYTHING
    }

    pub(crate) async fn with_options(backend: Backend, options: AuthOptions) -> Self {
        Self::with(backend, None, options, ORIGIN, 42, Self::clock()).await
    }

    /// Another node, at another address, in the same time.
    pub(crate) async fn at(backend: Backend, origin: &str, seed: u64, clock: ManualClock) -> Self {
        Self::with(backend, None, EVERYTHING, origin, seed, clock).await
    }

    pub(crate) fn clock() -> ManualClock {
        ManualClock::at(Timestamp::from_seconds(1_800_000_000))
    }

    pub(crate) async fn with_mail(backend: Backend, mail: Option<MailConfig>) -> Self {
        Self::with(backend, mail, EVERYTHING, ORIGIN, 42, Self::clock()).await
    }

    /// Starts the node again, with other witnesses in its configuration.
    pub(crate) async fn witnesses_set(mut self, witnesses: Vec<Witness>) -> Self {
        self.witnesses = witnesses;
        self.restart().await
    }

    async fn with(
        backend: Backend,
        mail: Option<MailConfig>,
        options: AuthOptions,
        origin: &str,
        seed: u64,
        clock: ManualClock,
    ) -> Self {
        let env = Env::fixed(clock.clone(), seed);
        let keyring = Keyring::generate(&env);
        let database = Arc::new(TestDatabase::new(backend));
        let db = open(&database);
        let (auth, router) = Self::start(&env, &keyring, &db, mail.clone(), options.clone(), &[], origin).await;
        Self {
            clock,
            env,
            keyring,
            auth,
            db,
            router,
            mail,
            options,
            witnesses: Vec::new(),
            origin: origin.to_owned(),
            database,
        }
    }

    async fn start(
        env: &Env,
        keyring: &Keyring,
        db: &Db,
        mail: Option<MailConfig>,
        options: AuthOptions,
        witnesses: &[Witness],
        origin: &str,
    ) -> (Arc<Auth>, Router) {
        let public = PublicBase(origin.parse().unwrap());
        let deps = AuthDeps {
            env: env.clone(),
            public: public.clone(),
            keyring: keyring.clone(),
            db: db.clone(),
            mail,
            resolver: Some(Arc::new(crate::foreign::Hosts)),
            witnesses: witnesses.to_vec(),
            profiles: Some(ProfilesClient::local(Arc::new(Pictures))),
            options,
        };
        let auth = Auth::start(deps).await.unwrap();
        let routes = Router::new()
            .nest("/auth", auth.routes().into_router())
            .merge(auth.root_routes());
        let options = ShellOptions {
            env: env.clone(),
            public,
            limits: Limits::default(),
            error_page: None,
        };
        (auth, shell(routes, options))
    }

    /// Stops the node and starts it again on the same database.
    pub(crate) async fn restart(mut self) -> Self {
        self.db.clone().close().await;
        self.db = open(&self.database);
        let (auth, router) = Self::start(
            &self.env,
            &self.keyring,
            &self.db,
            self.mail.clone(),
            self.options.clone(),
            &self.witnesses,
            &self.origin,
        )
        .await;
        (self.auth, self.router) = (auth, router);
        self
    }

    pub(crate) fn env_now(&self) -> Timestamp {
        self.env.now()
    }

    /// What answers, to be served on a socket.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Another process of the node on the same database.
    pub(crate) async fn twin(&self) -> Self {
        let db = open(&self.database);
        let (auth, router) = Self::start(
            &self.env,
            &self.keyring,
            &db,
            self.mail.clone(),
            self.options.clone(),
            &self.witnesses,
            &self.origin,
        )
        .await;
        Self {
            clock: self.clock.clone(),
            env: self.env.clone(),
            keyring: self.keyring.clone(),
            auth,
            db,
            router,
            mail: self.mail.clone(),
            options: self.options.clone(),
            witnesses: self.witnesses.clone(),
            origin: self.origin.clone(),
            database: Arc::clone(&self.database),
        }
    }

    pub(crate) async fn audit(&self) -> Vec<Finding> {
        let (keyring, env) = (self.keyring.clone(), self.env.clone());
        self.db
            .read(move |conn| imajin_auth::audit(conn, &keyring, &env))
            .await
            .unwrap()
    }

    /// The problem with which auth does not start.
    pub(crate) async fn start_refused(mail: MailConfig) -> Problem {
        let env = Env::fixed(ManualClock::at(Timestamp::from_seconds(1_800_000_000)), 42);
        let keyring = Keyring::generate(&env);
        let database = TestDatabase::new(Backend::Sqlite);
        let public = PublicBase(ORIGIN.parse().unwrap());
        let deps = AuthDeps {
            env,
            public,
            keyring,
            db: open(&database),
            mail: Some(mail),
            resolver: None,
            witnesses: Vec::new(),
            profiles: None,
            options: AuthOptions::default(),
        };
        Auth::start(deps).await.unwrap_err()
    }

    /// Runs SQL behind the node's back.
    pub(crate) async fn execute(&self, sql: &'static str) {
        self.db
            .write(move |conn| Ok::<_, StoreError>(conn.batch_execute(sql)?))
            .await
            .unwrap();
    }

    /// The tables in which one of the texts is found, in any column, as text or as bytes.
    pub(crate) async fn dump_contains(&self, texts: &[String]) -> Vec<String> {
        let texts = texts.to_vec();
        self.db
            .read(move |conn| {
                let mut found = Vec::new();
                for table in tamper::tables(conn)? {
                    for column in tamper::columns(conn, &table)? {
                        let values = column_texts(conn, &table, &column)?;
                        let holds = |text: &String| {
                            let in_hex = hex::encode(text);
                            values
                                .iter()
                                .any(|value| value.contains(text) || value.contains(&in_hex))
                        };
                        if texts.iter().any(holds) && !found.contains(&table) {
                            found.push(table.clone());
                        }
                    }
                }
                Ok::<_, StoreError>(found)
            })
            .await
            .unwrap()
    }

    pub(crate) async fn tables(&self) -> Vec<String> {
        self.db
            .read(|conn| Ok::<_, StoreError>(tamper::tables(conn)?))
            .await
            .unwrap()
    }

    pub(crate) async fn row_count(&self, table: &'static str) -> usize {
        let work = move |conn: &mut Conn| {
            let columns = tamper::columns(conn, table)?;
            Ok::<_, StoreError>(column_texts(conn, table, &columns[0])?.len())
        };
        self.db.read(work).await.unwrap()
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(Body::from(body.to_owned())).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::GET, path, headers, "").await
    }

    /// JSON, as a command-line client sends it.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_from(path, &[], body).await
    }

    pub(crate) async fn post_from(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, &body.to_string()).await
    }

    /// A form, as a page of this node sends it.
    pub(crate) async fn post_form(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(headers);
        self.send(Method::POST, path, &all, body).await
    }

    pub(crate) fn signed(&self, key: &SecretKey, method: &str, path: &str, body: &str) -> SignedRequest {
        let params = SignatureParams::now(key.did(), &self.env);
        let target_uri = format!("{}{path}", self.origin);
        let to_sign = RequestToSign {
            method,
            target_uri: &target_uri,
            idempotency_key: None,
            body: body.as_bytes(),
        };
        sign(key, &to_sign, &params).unwrap()
    }

    /// Sends a signed request, with whatever body: also another one than was signed.
    pub(crate) async fn send_signed(&self, signed: &SignedRequest, path: &str, body: &str) -> Reply {
        let mut headers: Vec<(String, String)> = signed
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), (*value).to_owned()))
            .collect();
        if !body.is_empty() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.send(signed.method.parse().unwrap(), path, &headers, body).await
    }

    /// A challenge for a name: its id and its text.
    pub(crate) async fn challenge(&self, name: &str) -> (String, String) {
        let reply = self.post("/auth/api/challenge", &json!({"id": name})).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        let json = reply.json();
        (
            json["challengeId"].as_str().unwrap().to_owned(),
            json["challenge"].as_str().unwrap().to_owned(),
        )
    }

    /// A body that registers a key.
    pub(crate) async fn registration(&self, key: &SecretKey, handle: Option<&str>) -> Value {
        let (id, text) = self.challenge(&key.public().to_hex()).await;
        json!({
            "publicKey": key.public().to_hex(), "type": "human", "handle": handle, "name": "Ada",
            "challengeId": id, "signature": key.sign(text.as_bytes()).to_hex(),
        })
    }

    /// A registered key.
    pub(crate) async fn registered(&self, handle: &str) -> SecretKey {
        let key = SecretKey::generate(&self.env);
        let reply = self
            .post("/auth/api/register", &self.registration(&key, Some(handle)).await)
            .await;
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
        key
    }

    /// The answer of `key` to a fresh challenge for `name`.
    pub(crate) async fn answer(&self, key: &SecretKey, name: &str) -> Value {
        let (id, text) = self.challenge(name).await;
        json!({"id": name, "challengeId": id, "signature": key.sign(text.as_bytes()).to_hex()})
    }

    /// A session token. A second later than before: ids of one millisecond have no order.
    pub(crate) async fn login(&self, key: &SecretKey) -> String {
        self.clock.advance(Span::seconds(1));
        let answer = self.answer(key, key.did().as_str()).await;
        let reply = self.post("/auth/api/authenticate", &answer).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// The newest link in the development mailbox, as a path, and its token.
    pub(crate) async fn newest_link(&self) -> (String, String) {
        use imajin_auth_api::{AuthApi, DevelopmentMailList};
        let mails = self.auth.development_mail_list(DevelopmentMailList {}).await.unwrap();
        let path = mails[0].link.strip_prefix(&self.origin).unwrap().to_owned();
        let token = path.split_once("token=").unwrap().1.to_owned();
        (path, token)
    }

    /// Proves a mailbox in a browser; gives the session token.
    pub(crate) async fn mailbox_login(&self, email: &str) -> String {
        self.clock.advance(Span::seconds(1));
        let reply = self.post("/auth/api/onboard", &json!({"email": email})).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        let (_path, token) = self.newest_link().await;
        let reply = self
            .post_form("/auth/onboard", &[("origin", &self.origin)], &format!("token={token}"))
            .await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{reply:?}");
        reply.cookie().split_once('=').unwrap().1.to_owned()
    }

    /// The node's time in seconds.
    pub(crate) fn clock_seconds(&self) -> i64 {
        self.env.now().as_seconds()
    }

    /// Whose session a token is.
    pub(crate) async fn session_did(&self, token: &str) -> Option<Did> {
        let reply = self
            .get("/auth/api/session", &[("authorization", &format!("Bearer {token}"))])
            .await;
        (reply.status == StatusCode::OK).then(|| reply.json()["did"].as_str().unwrap().parse().unwrap())
    }
}
