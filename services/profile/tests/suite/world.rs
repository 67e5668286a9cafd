//! One node's profiles with everything around it, for one test.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diesel::connection::Connection;
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use imajin_auth_api::{AuthClient, IdentityView};
use imajin_did::{Did, Keyring, SecretKey};
use imajin_events_api::EventsClient;
use imajin_kernel::{Env, ManualClock, Timestamp};
use imajin_pay_api::PayClient;
use imajin_profile::{MIGRATIONS, Profile, ProfileConfig, ProfileDeps, audit};
use imajin_profile_api::{ConnectionsClient, ProfileView};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_publisher_api::PublisherClient;
use imajin_store::{Conn, Db, Finding, Location, Options, StoreError};
use imajin_testkit::{Answer, Backend, Place, TestDatabase};
use imajin_web::{Custody, Limits, PublicBase, ShellOptions, Site, Tier, shell};
use serde_json::{Value, json};

use crate::fakes::{FakeAuth, FakeConnections, FakeEvents, FakePay};
use crate::publisher::FakePublisher;

pub(crate) const PUBLIC: &str = "http://node.test:7000";
pub(crate) const PROFILE: &str = "/profile/api/profile";
pub(crate) const AVATAR: &str = "/profile/api/avatar";

pub(crate) struct World {
    _database: TestDatabase,
    pub(crate) db: Db,
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) auth: Arc<FakeAuth>,
    pub(crate) connections: Arc<FakeConnections>,
    pub(crate) profile: Arc<Profile>,
    pub(crate) router: Router,
}

fn location(database: &TestDatabase) -> Location {
    match database.place_for("profile") {
        Place::SqliteFile(path) => Location::sqlite(path),
        Place::Postgres { url, schema } => Location::postgres(url, schema),
    }
}

/// A key that is always the same for a name.
pub(crate) fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(imajin_proof::digest::sha256(name.as_bytes()))
}

/// A picture of stripes in this format.
pub(crate) fn picture(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let pixel = |x: u32, y: u32| Rgba([u8::try_from(x % 256).unwrap(), u8::try_from(y % 256).unwrap(), 120, 255]);
    let image = DynamicImage::ImageRgba8(RgbaImage::from_fn(width, height, pixel));
    let image = DynamicImage::ImageRgb8(image.to_rgb8());
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The body that sets this picture.
pub(crate) fn avatar_body(file: &[u8]) -> Value {
    json!({"image": STANDARD.encode(file)})
}

impl World {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with(backend, |_deps| {}).await
    }

    pub(crate) async fn with(backend: Backend, change: impl FnOnce(&mut ProfileDeps)) -> Self {
        let database = TestDatabase::new(backend);
        let db = Db::open(location(&database), "profile", MIGRATIONS, Options::default()).unwrap();
        let env = Env::fixed(ManualClock::at(Timestamp::from_seconds(1_900_000_000)), 7);
        let keyring = Keyring::generate(&env);
        let (auth, connections) = (Arc::new(FakeAuth::default()), Arc::new(FakeConnections::default()));
        let public = PublicBase(PUBLIC.parse().unwrap());
        let client = AuthClient::local(auth.clone());
        let mut deps = ProfileDeps {
            site: Site {
                env: env.clone(),
                public: public.clone(),
                identities: Arc::new(client.clone()),
            },
            keyring: keyring.clone(),
            db: db.clone(),
            auth: client,
            pay: Some(PayClient::local(Arc::new(FakePay))),
            events: Some(EventsClient::local(Arc::new(FakeEvents { orders: 250 }))),
            publisher: Some(PublisherClient::local(Arc::new(FakePublisher))),
            connections: Some(ConnectionsClient::local(connections.clone())),
            trust: None,
            config: ProfileConfig::default(),
        };
        change(&mut deps);
        let profile = Profile::start(deps).await.unwrap();
        let nested = Router::new().nest("/profile", profile.routes().into_router());
        let options = ShellOptions {
            env: env.clone(),
            public,
            limits: Limits::default(),
            error_page: None,
        };
        Self {
            _database: database,
            db,
            env,
            keyring,
            auth,
            connections,
            profile,
            router: shell(nested, options),
        }
    }

    /// Registers the holder of a key.
    pub(crate) fn register(&self, name: &str, handle: Option<&str>, custody: Custody) -> SecretKey {
        let key = key(name);
        let view = IdentityView {
            did: key.did(),
            handle: handle.map(str::to_owned),
            name: handle.map(|_| format!("{name} of the register")),
            kind: "human".to_owned(),
            public_key: key.public(),
            tier: if custody == Custody::Node {
                Tier::Soft
            } else {
                Tier::Key
            },
            custody,
            created_at: self.env.now(),
        };
        self.auth.people.lock().unwrap().insert(key.did(), view);
        key
    }

    /// Somebody with a key and a handle.
    pub(crate) fn person(&self, name: &str) -> SecretKey {
        self.register(name, Some(name), Custody::Own)
    }

    pub(crate) fn sign(
        &self,
        key: &SecretKey,
        method: &str,
        path: &str,
        idempotency: Option<&str>,
        body: &Value,
    ) -> SignedRequest {
        let to_sign = RequestToSign {
            method,
            target_uri: &format!("{PUBLIC}{path}"),
            idempotency_key: idempotency,
            body: &serde_json::to_vec(body).unwrap(),
        };
        sign(key, &to_sign, &SignatureParams::now(key.did(), &self.env)).unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.router, request).await
    }

    /// Sends a signed request as it is, with further headers.
    pub(crate) async fn send_signed(&self, signed: &SignedRequest, headers: &[(&str, &str)]) -> Answer {
        let path = signed.target_uri.strip_prefix(PUBLIC).unwrap();
        let mut request = Request::builder()
            .method(signed.method.as_str())
            .uri(path)
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(signed.body.clone())).unwrap()).await
    }

    pub(crate) async fn change(&self, key: &SecretKey, method: &str, path: &str, body: &Value) -> Answer {
        self.send_signed(&self.sign(key, method, path, None, body), &[]).await
    }

    /// A profile of a name only.
    pub(crate) async fn named(&self, key: &SecretKey, display_name: &str) -> ProfileView {
        let body = json!({"version": 0, "displayName": display_name});
        self.change(key, "PUT", PROFILE, &body)
            .await
            .expect(StatusCode::OK)
            .parse()
    }

    pub(crate) async fn avatar(&self, key: &SecretKey, file: &[u8]) -> Answer {
        self.change(key, "PUT", AVATAR, &avatar_body(file)).await
    }

    pub(crate) async fn get(&self, reader: Option<&Did>, path: &str) -> Answer {
        let mut request = Request::get(path);
        if let Some(did) = reader {
            request = request.header("authorization", format!("Bearer {did}"));
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn read(&self, reader: Option<&Did>, id: &str) -> Answer {
        self.get(reader, &format!("{PROFILE}/{id}")).await
    }

    pub(crate) async fn audit(&self) -> Vec<Finding> {
        let (keyring, env) = (self.keyring.clone(), self.env.clone());
        self.db.read(move |conn| audit_all(conn, &keyring, &env)).await.unwrap()
    }
}

pub(crate) fn audit_all(conn: &mut Conn, keyring: &Keyring, env: &Env) -> Result<Vec<Finding>, StoreError> {
    conn.transaction(|conn| audit(conn, keyring, env, &|_did| Vec::new()))
}

/// The path of a URL of the node.
pub(crate) fn path_of(url: &Value) -> String {
    url.as_str().unwrap().strip_prefix(PUBLIC).unwrap().to_owned()
}
