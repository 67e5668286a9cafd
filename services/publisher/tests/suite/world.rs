//! One node's library with everything around it, for one test.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use diesel::connection::Connection;
use imajin_did::{Did, Keyring, PublicKey, SecretKey};
use imajin_fair::{Acceptance, Manifest, ManifestId, ManifestRecord};
use imajin_kernel::{Env, ManualClock, Problem, Span, Timestamp};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_publisher::{MIGRATIONS, Publisher, PublisherConfig, PublisherDeps, audit};
use imajin_publisher_api::{AcceptanceKeep, KeeperApi, KeeperClient, KeptCard, ListPlace, ManifestsKept, RecordKept};
use imajin_store::{Conn, Db, Finding, Location, Options, StoreError};
use imajin_testkit::{Answer, Backend, Place, TestDatabase};
use imajin_web::{
    CallerKeys, Custody, Identities, Limits, PublicBase, Reach, SessionView, ShellOptions, SignerAsked, SignerKeys,
    Site, Tier, shell,
};
use serde_json::{Value, json};

pub(crate) const PUBLIC: &str = "http://node.test:7000";
pub(crate) const FAIR: &str = "/publisher/api/fair";

/// Who is registered, with which tier. The key of a DID is the one that it is made of, unless it was rotated.
#[derive(Default)]
pub(crate) struct Register(Mutex<BTreeMap<Did, Tier>>, Mutex<BTreeMap<Did, Rotation>>);

/// A key that took the place of the first one.
#[derive(Clone)]
pub(crate) struct Rotation {
    pub(crate) key: PublicKey,
    pub(crate) at: Timestamp,
}

impl Register {
    pub(crate) fn rotate(&self, did: &Did, key: &SecretKey, at: Timestamp) {
        let key = key.public();
        self.1.lock().unwrap().insert(did.canonical(), Rotation { key, at });
    }
}

#[async_trait]
impl Identities for Register {
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
        let did = did.canonical();
        let Some(key) = did.public_key() else {
            return Err(Problem::not_found("identity"));
        };
        let tier = self.0.lock().unwrap().get(&did).copied();
        Ok(CallerKeys {
            keys: vec![key],
            did,
            tier: tier.unwrap_or(Tier::Visitor),
            custody: Custody::Own,
        })
    }

    async fn signer_keys(&self, asked: &SignerAsked) -> Result<SignerKeys, Problem> {
        let caller = self.caller_keys(&asked.did).await?;
        let rotation = self.1.lock().unwrap().get(&caller.did).cloned();
        let mut signer = SignerKeys::of_caller(caller, asked.at);
        if let Some(Rotation { key, at }) = rotation {
            if asked.at.is_none_or(|signed| signed >= at) {
                signer.others = std::mem::replace(&mut signer.keys, vec![key]);
            } else {
                signer.keys.push(key);
            }
        }
        Ok(signer)
    }

    /// A session's token is the DID.
    async fn session_view(&self, token: &str) -> Result<Option<SessionView>, Problem> {
        let Ok(did) = token.parse::<Did>() else { return Ok(None) };
        let CallerKeys { did, tier, custody, .. } = self.caller_keys(&did).await?;
        Ok(Some(SessionView {
            did,
            handle: None,
            name: None,
            tier,
            custody,
            expires_at: Timestamp::from_seconds(4_000_000_000),
        }))
    }
}

/// A service that keeps the manifests of its goods: it takes acceptances as they come.
#[derive(Default)]
pub(crate) struct Shop(pub(crate) Mutex<Vec<ManifestRecord>>);

#[async_trait]
impl KeeperApi for Shop {
    async fn record_kept(&self, request: RecordKept) -> Result<Option<ManifestRecord>, Problem> {
        let goods = self.0.lock().unwrap();
        Ok(goods.iter().find(|record| record.manifest.id == request.id).cloned())
    }

    /// Each manifest of the shop is there since the second of its number.
    async fn manifests_kept(&self, wanted: ManifestsKept) -> Result<Vec<KeptCard>, Problem> {
        let goods = self.0.lock().unwrap();
        let cards = goods.iter().zip(0..).map(|(record, number)| KeptCard {
            place: ListPlace {
                published_at: now().plus(Span::seconds(number)),
                id: record.manifest.id.clone(),
            },
            title: record.manifest.title.clone(),
            kind: record.manifest.kind.clone(),
        });
        let mut cards: Vec<KeptCard> = cards
            .filter(|card| wanted.after.as_ref().is_none_or(|after| card.place < *after))
            .collect();
        cards.sort_by(|one, other| other.place.cmp(&one.place));
        cards.truncate(usize::try_from(wanted.limit).unwrap());
        Ok(cards)
    }

    async fn acceptance_keep(&self, keep: AcceptanceKeep) -> Result<Option<ManifestRecord>, Problem> {
        let mut goods = self.0.lock().unwrap();
        let record = goods.iter_mut().find(|record| record.manifest.id == keep.id);
        Ok(record.map(|record| {
            record
                .acceptances
                .push(serde_json::from_slice(&keep.request.body).unwrap());
            record.clone()
        }))
    }
}

pub(crate) struct World {
    _database: TestDatabase,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) db: Db,
    pub(crate) env: Env,
    pub(crate) clock: ManualClock,
    pub(crate) keyring: Keyring,
    pub(crate) register: Arc<Register>,
    pub(crate) shop: Arc<Shop>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) router: Router,
}

/// A key that is always the same for a name.
pub(crate) fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(imajin_proof::digest::sha256(name.as_bytes()))
}

pub(crate) fn did(name: &str) -> Did {
    key(name).did()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(1_900_000_000)
}

/// A manifest of `author` with further members, signed.
pub(crate) fn signed(author: &str, title: &str, more: &Value) -> Manifest {
    let mut draft = json!({
        "title": title, "type": "article", "author": did(author),
        "contributors": [{"did": did(author), "role": "author", "share": 1}],
    });
    for (name, value) in more.as_object().unwrap() {
        draft[name] = value.clone();
    }
    let manifest = Manifest::from_value(draft).unwrap();
    manifest.sign(&key(author), did(author), now()).unwrap()
}

pub(crate) fn acceptance(name: &str, id: &ManifestId) -> Acceptance {
    Acceptance::sign(&key(name), did(name), id.clone(), now()).unwrap()
}

impl World {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with(backend, |_config| {}).await
    }

    /// A node that may ask others on this machine.
    pub(crate) async fn with(backend: Backend, change: impl FnOnce(&mut PublisherConfig)) -> Self {
        let database = TestDatabase::new(backend);
        let location = match database.place_for("publisher") {
            Place::SqliteFile(path) => Location::sqlite(path),
            Place::Postgres { url, schema } => Location::postgres(url, schema),
        };
        let db = Db::open(location, "publisher", MIGRATIONS, Options::default()).unwrap();
        let clock = ManualClock::at(now());
        let env = Env::fixed(clock.clone(), 7);
        let keyring = Keyring::generate(&env);
        let public = PublicBase(PUBLIC.parse().unwrap());
        let (register, shop) = (Arc::new(Register::default()), Arc::new(Shop::default()));
        let dir = tempfile::tempdir().unwrap();
        let mut config = PublisherConfig {
            reach: Reach::Development,
            ..PublisherConfig::default()
        };
        config.works.dir = Some(dir.path().to_owned());
        // A machine for tests may have little room.
        config.works.free_bytes_min = 0;
        change(&mut config);
        let deps = PublisherDeps {
            site: Site {
                env: env.clone(),
                public: public.clone(),
                identities: register.clone(),
            },
            keyring: keyring.clone(),
            db: db.clone(),
            pay: None,
            keeper: Some(KeeperClient::local(shop.clone())),
            config,
        };
        let publisher = Publisher::start(deps).await.unwrap();
        let nested = Router::new().nest("/publisher", publisher.routes().into_router());
        let options = ShellOptions {
            env: env.clone(),
            public,
            limits: Limits::default(),
            error_page: None,
        };
        Self {
            _database: database,
            dir,
            db,
            env,
            clock,
            keyring,
            register,
            shop,
            publisher,
            router: shell(nested, options),
        }
    }

    /// Registers the holder of a name's key.
    pub(crate) fn person(&self, name: &str, tier: Tier) -> SecretKey {
        self.register.0.lock().unwrap().insert(did(name), tier);
        key(name)
    }

    pub(crate) fn sign<T: serde::Serialize>(&self, key: &SecretKey, path: &str, body: &T) -> SignedRequest {
        self.sign_bytes("POST", key, path, None, &serde_json::to_vec(body).unwrap())
    }

    pub(crate) fn sign_bytes(
        &self,
        method: &str,
        key: &SecretKey,
        path: &str,
        idempotency: Option<&str>,
        body: &[u8],
    ) -> SignedRequest {
        let to_sign = RequestToSign {
            method,
            target_uri: &format!("{PUBLIC}{path}"),
            idempotency_key: idempotency,
            body,
        };
        sign(key, &to_sign, &SignatureParams::now(key.did(), &self.env)).unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.router, request).await
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

    pub(crate) async fn post<T: serde::Serialize>(&self, key: &SecretKey, path: &str, body: &T) -> Answer {
        self.send_signed(&self.sign(key, path, body)).await
    }

    /// Publishes as somebody who is registered.
    pub(crate) async fn publish<T: serde::Serialize>(&self, manifest: &T) -> Answer {
        let holder = self.person("holder", Tier::Key);
        self.post(&holder, FAIR, manifest).await
    }

    /// Publishes what must be in order.
    pub(crate) async fn published(&self, manifest: Manifest) -> Manifest {
        self.publish(&manifest).await.expect(StatusCode::CREATED);
        manifest
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn chain(&self, id: &ManifestId) -> Value {
        let answer = self.get(&format!("{FAIR}/{id}/chain")).await;
        answer.expect(StatusCode::OK).json()
    }

    pub(crate) async fn audit(&self) -> Vec<Finding> {
        let (keyring, env) = (self.keyring.clone(), self.env.clone());
        self.db.read(move |conn| audit_all(conn, &keyring, &env)).await.unwrap()
    }
}

pub(crate) fn audit_all(conn: &mut Conn, keyring: &Keyring, env: &Env) -> Result<Vec<Finding>, StoreError> {
    conn.transaction(|conn| audit(conn, keyring, env, &|_did| Vec::new()))
}
