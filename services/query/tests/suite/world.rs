//! One node's paid questions with everything around them, for one test: ada leads and has documents, ben is near her.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use diesel::connection::Connection;
use imajin_connections_api::{PodsClient, TrustClient};
use imajin_consent::{ContentRef, DeclarationDraft, IntendedUse};
use imajin_did::{Did, Keyring, SecretKey};
use imajin_engine::{Embedded, Engine};
use imajin_fair::{Content, Contributor, Manifest, Payee};
use imajin_kernel::{Env, ManualClock, Timestamp};
use imajin_mjn::{Client, Means, Pending, RequestDraft, SettlementInstruction};
use imajin_money::Share;
use imajin_pay_api::{PayClient, SellerClient};
use imajin_profile_api::{ConnectionsClient, ProfileClient};
use imajin_proof::SignedMessage;
use imajin_proof::digest::sha256_hex;
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_query::{MIGRATIONS, Query, QueryConfig, QueryDeps, audit};
use imajin_query_api::{AnswerBody, DocumentView, LeaderTerms, QuoteTerms};
use imajin_store::{Conn, Db, Finding, Location, Options, StoreError};
use imajin_testkit::{Answer, Backend, Place, TestDatabase};
use imajin_web::{Limits, PublicBase, Reach, ShellOptions, Site, shell};
use serde::Serialize;
use serde_json::{Value, json};

use crate::fakes::{FakePay, FakeTrust, People};
use crate::pods::FakePods;
use crate::profiles::FakeProfiles;

pub(crate) const PUBLIC: &str = "http://node.test:7000";
pub(crate) const API: &str = "/query/api";
pub(crate) const ASK: &str = "http://node.test:7000/query/api/query";
pub(crate) const QUESTION: &str = "What is a hold?";

/// What ada's documents say.
pub(crate) const HOLDS: &str = "# Holds\n\nA hold is money that waits until the goods are handed over.\n";
pub(crate) const BEES: &str = "# Bees\n\nBees dance to say where the flowers are.\n";

pub(crate) struct World {
    database: Arc<TestDatabase>,
    pub(crate) db: Db,
    pub(crate) clock: ManualClock,
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) trust: Arc<FakeTrust>,
    pub(crate) pods: Arc<FakePods>,
    pub(crate) pay: Arc<FakePay>,
    pub(crate) profile: Arc<FakeProfiles>,
    pub(crate) service: Arc<Query>,
    pub(crate) router: Router,
}

/// A key that is always the same for a name.
pub(crate) fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(imajin_proof::digest::sha256(name.as_bytes()))
}

fn location(database: &TestDatabase) -> Location {
    match database.place_for("query") {
        Place::SqliteFile(path) => Location::sqlite(path),
        Place::Postgres { url, schema } => Location::postgres(url, schema),
    }
}

/// What one question differs in from the usual one.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) by: SecretKey,
    pub(crate) content: Did,
    pub(crate) used_for: IntendedUse,
    /// What the consent is about, where it is not the question.
    pub(crate) scope: Option<String>,
    pub(crate) max: &'static str,
    pub(crate) means: Means,
    pub(crate) key: Option<&'static str>,
    pub(crate) body: Value,
    pub(crate) stream: bool,
}

impl Ask {
    /// ben asks ada, and pays from his balance.
    pub(crate) fn usual() -> Self {
        Self {
            by: key("ben"),
            content: key("ada").did(),
            used_for: IntendedUse::Query,
            scope: None,
            max: "0.05",
            means: Means::Balance,
            key: Some("ask-1"),
            body: json!({"query": QUESTION}),
            stream: false,
        }
    }
}

impl World {
    /// A node that answers with what ada's documents say.
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with(backend, QueryConfig::default(), Vec::new()).await
    }

    /// A node with more engines.
    pub(crate) async fn with(backend: Backend, config: QueryConfig, engines: Vec<Arc<dyn Engine>>) -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let env = Env::fixed(clock.clone(), 7);
        let keyring = Keyring::generate(&env);
        let pay = Arc::new(FakePay::new(env.clone(), keyring.clone()));
        let (ada, ben) = (key("ada").did(), key("ben").did());
        pay.balances.lock().unwrap().insert(ben.clone(), 1_000_000);
        let trust = Arc::new(FakeTrust::default());
        trust.hops.lock().unwrap().insert(ben, 2);
        let database = Arc::new(TestDatabase::new(backend));
        let mut engines = engines;
        engines.push(Arc::new(Embedded));
        let world = Self::at(database, (clock, env, keyring), (trust, pay), config, engines).await;
        world.terms(&world.usual_terms()).await.expect(StatusCode::OK);
        world.document(&key("ada"), "Holds", HOLDS).await;
        world.document(&key("ada"), "Bees", BEES).await;
        assert_eq!(
            world.get(&format!("/query/terms?leader={ada}")).await.json()["documents"],
            2
        );
        world
    }

    async fn at(
        database: Arc<TestDatabase>,
        (clock, env, keyring): (ManualClock, Env, Keyring),
        (trust, pay): (Arc<FakeTrust>, Arc<FakePay>),
        config: QueryConfig,
        engines: Vec<Arc<dyn Engine>>,
    ) -> Self {
        let db = Db::open(location(&database), "query", MIGRATIONS, Options::default()).unwrap();
        let public = PublicBase(PUBLIC.parse().unwrap());
        let (profile, pods) = (Arc::new(FakeProfiles::default()), Arc::new(FakePods::default()));
        let deps = QueryDeps {
            site: Site {
                env: env.clone(),
                public: public.clone(),
                identities: Arc::new(People),
            },
            keyring: keyring.clone(),
            db: db.clone(),
            pay: PayClient::local(pay.clone()),
            trust: Some(TrustClient::local(trust.clone())),
            pods: Some(PodsClient::local(pods.clone())),
            connections: Some(ConnectionsClient::local(trust.clone())),
            profile: Some(ProfileClient::local(profile.clone())),
            engines,
            config: QueryConfig {
                reach: Reach::Development,
                ..config
            },
        };
        let service = Query::start(deps).await.unwrap();
        // A node that was killed asks the one that came after it.
        let _before = pay.seller.set(SellerClient::local(service.clone()));
        let nested = Router::new().nest("/query", service.routes().into_router());
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
            trust,
            pods,
            pay,
            profile,
            service,
            router: shell(nested, options),
        }
    }

    /// The same node after it was killed: what it has, it has from the database.
    pub(crate) async fn again(&self) -> Self {
        let parts = (self.clock.clone(), self.env.clone(), self.keyring.clone());
        let others = (Arc::clone(&self.trust), Arc::clone(&self.pay));
        let engines: Vec<Arc<dyn Engine>> = vec![Arc::new(Embedded)];
        Self::at(
            Arc::clone(&self.database),
            parts,
            others,
            QueryConfig::default(),
            engines,
        )
        .await
    }

    pub(crate) fn usual_terms(&self) -> LeaderTerms {
        LeaderTerms {
            node: self.keyring.node_did().clone(),
            open: true,
            max_hops: 2,
            vouches_min: 0,
            pods: BTreeSet::new(),
            uses: BTreeSet::from([IntendedUse::Query]),
            engine: "embedded".to_owned(),
            model: None,
            per_answer: "0.01 TEST-USD".parse().unwrap(),
            per_thousand_tokens: "1.00 TEST-USD".parse().unwrap(),
            ceiling: "0.05 TEST-USD".parse().unwrap(),
            works_share_millionths: 200_000,
            tokens_max: 200,
            asker_daily_max: 5,
            daily_max: 8,
        }
    }

    pub(crate) async fn terms(&self, terms: &LeaderTerms) -> Answer {
        let ada = key("ada");
        let message = SignedMessage::sign(&ada, ada.did(), LeaderTerms::KIND, None, self.env.now(), terms).unwrap();
        self.change(&ada, "PUT", "/query/terms", &message).await
    }

    pub(crate) fn document_body(&self, key: &SecretKey, title: &str, text: &str) -> Value {
        let entry = Contributor::new(Payee::Did(key.did()), "author", Share::ONE);
        let mut manifest = Manifest::new(vec![entry]).unwrap();
        manifest.content = Some(Content {
            sha256: sha256_hex(text.as_bytes()),
            size: None,
            media_type: None,
            extra: serde_json::Map::new(),
        });
        let manifest = manifest.sign(key, key.did(), self.env.now()).unwrap();
        json!({"title": title, "mediaType": "text/markdown", "text": text, "manifest": manifest})
    }

    pub(crate) async fn document(&self, key: &SecretKey, title: &str, text: &str) -> DocumentView {
        let body = self.document_body(key, title, text);
        let added = self.change(key, "POST", "/documents", &body).await;
        added.expect(StatusCode::CREATED).parse()
    }

    pub(crate) fn sign(&self, key: &SecretKey, method: &str, path: &str, body: &impl Serialize) -> SignedRequest {
        let to_sign = RequestToSign {
            method,
            target_uri: &format!("{PUBLIC}{API}{path}"),
            idempotency_key: None,
            body: &serde_json::to_vec(body).unwrap(),
        };
        sign(key, &to_sign, &SignatureParams::now(key.did(), &self.env)).unwrap()
    }

    pub(crate) async fn change(&self, key: &SecretKey, method: &str, path: &str, body: &impl Serialize) -> Answer {
        let signed = self.sign(key, method, path, body);
        let mut request = Request::builder()
            .method(signed.method.as_str())
            .uri(signed.target_uri.strip_prefix(PUBLIC).unwrap())
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(signed.body.clone())).unwrap();
        Answer::of(&self.router, request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(format!("{API}{path}")).body(Body::empty()).unwrap();
        Answer::of(&self.router, request).await
    }

    pub(crate) async fn get_as(&self, key: &SecretKey, path: &str) -> Answer {
        let request = Request::get(format!("{API}{path}")).header("authorization", format!("Bearer {}", key.did()));
        Answer::of(&self.router, request.body(Body::empty()).unwrap()).await
    }

    /// Asks for a quote of ben's usual question.
    pub(crate) async fn quote(&self, by: &SecretKey, query: &str) -> Answer {
        let sha256 = sha256_hex(query.as_bytes());
        let body = json!({"leader": key("ada").did(), "querySha256": sha256, "maxTokens": 20});
        self.change(by, "POST", "/query/quote", &body).await
    }

    pub(crate) async fn quoted(&self) -> QuoteTerms {
        let answer = self.quote(&key("ben"), QUESTION).await;
        let message: SignedMessage<QuoteTerms> = answer.expect(StatusCode::CREATED).parse();
        message.verify(QuoteTerms::KIND, &self.keyring.node_public()).unwrap();
        message.payload
    }

    /// Signs a question, with the MJN headers.
    pub(crate) fn prepare(&self, ask: &Ask) -> (Request<Body>, Pending, Client) {
        let query = ask.body["query"].as_str().unwrap_or_default();
        let whom = ContentRef::Did(ask.content.clone());
        let mut draft = DeclarationDraft::now(ask.by.did(), whom, ask.used_for, &self.env);
        draft.scope = Some(ask.scope.clone().unwrap_or_else(|| sha256_hex(query.as_bytes())));
        let consent = draft.sign(&ask.by).unwrap();
        let settlement = SettlementInstruction {
            max: format!("{} TEST-USD", ask.max).parse().unwrap(),
            means: ask.means.clone(),
        };
        let draft = RequestDraft {
            method: "POST",
            target_uri: ASK,
            idempotency_key: ask.key,
            consent: &consent,
            settlement: &settlement,
            body: &serde_json::to_vec(&ask.body).unwrap(),
        };
        let client = Client::new(ask.by.did(), ask.by.clone(), self.env.clone());
        let prepared = client.prepare(self.keyring.node_did(), &draft).unwrap();
        let (mut parts, body) = prepared.request.into_parts();
        parts.uri = format!("{API}/query").parse().unwrap();
        let value = if ask.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        parts.headers.insert("accept", value.parse().unwrap());
        (Request::from_parts(parts, Body::from(body)), prepared.pending, client)
    }

    /// Asks, and checks that the answer is the node's to this question, whatever it says.
    pub(crate) async fn ask(&self, ask: &Ask) -> Answer {
        let (request, pending, client) = self.prepare(ask);
        let answer = Answer::of(&self.router, request).await;
        let (status, headers): (u16, &HeaderMap) = (answer.status.as_u16(), &answer.headers);
        let verified = client.answer(&pending, &[self.keyring.node_public()], status, headers, &answer.body);
        verified.unwrap();
        answer
    }

    /// Asks, and is answered.
    pub(crate) async fn answered(&self, ask: &Ask) -> AnswerBody {
        self.ask(ask).await.expect(StatusCode::OK).parse()
    }

    /// Asks, and is refused; gives the code.
    pub(crate) async fn refused(&self, ask: &Ask) -> String {
        let before = (self.pay.balance(&key("ben").did()), self.pay.balance(&key("ada").did()));
        let code = self.ask(ask).await.code();
        let after = (self.pay.balance(&key("ben").did()), self.pay.balance(&key("ada").did()));
        assert_eq!(before, after, "a refusal has cost something");
        code
    }

    pub(crate) async fn audit(&self) -> Vec<Finding> {
        let (keyring, env) = (self.keyring.clone(), self.env.clone());
        self.db.read(move |conn| audit_all(conn, &keyring, &env)).await.unwrap()
    }
}

pub(crate) fn audit_all(conn: &mut Conn, keyring: &Keyring, env: &Env) -> Result<Vec<Finding>, StoreError> {
    conn.transaction(|conn| audit(conn, keyring, env, &|_did| Vec::new()))
}
