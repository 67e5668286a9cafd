//! One node's events with everything around it, for one test.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use diesel::connection::Connection;
use imajin_did::{Did, Keyring, SecretKey};
use imajin_events::{Events, EventsConfig, EventsDeps, MIGRATIONS, audit};
use imajin_events_api::{EventView, OrderView};
use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::id::TierId;
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_money::Share;
use imajin_pay_api::{PayClient, SellerClient};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_store::{Conn, Db, Finding, Location, Options, StoreError};
use imajin_testkit::{Answer, Backend, Place, TestDatabase};
use imajin_web::{Limits, PublicBase, ShellOptions, Site, shell};
use serde_json::{Value, json};

use crate::fakes::{FakeIdentities, FakePay};

pub(crate) const PUBLIC: &str = "http://node.test:7000";

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) db: Db,
    pub(crate) clock: ManualClock,
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) identities: Arc<FakeIdentities>,
    pub(crate) events: Arc<Events>,
    pub(crate) pay: Arc<FakePay>,
    pub(crate) router: Router,
    pub(crate) owner: SecretKey,
}

/// An answer to a checkout.
pub(crate) trait CheckoutAnswer {
    /// The new order.
    fn order(&self) -> OrderView;
}

impl CheckoutAnswer for Answer {
    #[track_caller]
    fn order(&self) -> OrderView {
        self.expect(StatusCode::CREATED).parse()
    }
}

pub(crate) fn location(database: &TestDatabase) -> Location {
    match database.place_for("events") {
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
        Self::with(backend, EventsConfig::default()).await
    }

    pub(crate) async fn with(backend: Backend, config: EventsConfig) -> Self {
        let database = TestDatabase::new(backend);
        let db = Db::open(location(&database), "events", MIGRATIONS, Options::default()).unwrap();
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let env = Env::fixed(clock.clone(), 7);
        let keyring = Keyring::generate(&env);
        Self::assemble(database, db, clock, env, keyring, config).await
    }

    /// The same node again, after its process has ended.
    pub(crate) async fn restart(self) -> Self {
        let Self {
            database,
            db,
            clock,
            env,
            keyring,
            ..
        } = self;
        db.close().await;
        let db = Db::open(location(&database), "events", MIGRATIONS, Options::default()).unwrap();
        Self::assemble(database, db, clock, env, keyring, EventsConfig::default()).await
    }

    async fn assemble(
        database: TestDatabase,
        db: Db,
        clock: ManualClock,
        env: Env,
        keyring: Keyring,
        config: EventsConfig,
    ) -> Self {
        let identities = Arc::new(FakeIdentities::default());
        let public = PublicBase(PUBLIC.parse().unwrap());
        let site = Site {
            env: env.clone(),
            public: public.clone(),
            identities: identities.clone(),
        };
        let deps = EventsDeps {
            site,
            keyring: keyring.clone(),
            db: db.clone(),
            pay: None,
            config,
        };
        let events = Events::start(deps).await.unwrap();
        let pay = FakePay::new(env.clone(), SellerClient::local(events.clone()));
        events.pay_connect(PayClient::local(pay.clone()));
        let nested = Router::new().nest("/events", events.routes().into_router());
        let options = ShellOptions {
            env: env.clone(),
            public,
            limits: Limits::default(),
            error_page: None,
        };
        let router = shell(nested, options);
        Self {
            database,
            db,
            clock,
            env,
            keyring,
            identities,
            events,
            pay,
            router,
            owner: key("owner"),
        }
    }

    /// Signs a request as the holder of `key`.
    pub(crate) fn sign(&self, key: &SecretKey, path: &str, idempotency: Option<&str>, body: &[u8]) -> SignedRequest {
        let target_uri = format!("{PUBLIC}{path}");
        let to_sign = RequestToSign {
            method: "POST",
            target_uri: &target_uri,
            idempotency_key: idempotency,
            body,
        };
        sign(key, &to_sign, &SignatureParams::now(key.did(), &self.env)).unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.router, request).await
    }

    /// Sends a signed request as it is.
    pub(crate) async fn send_signed(&self, signed: &SignedRequest) -> Answer {
        let path = signed.target_uri.strip_prefix(PUBLIC).unwrap();
        let mut request = Request::post(path).header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        self.send(request.body(Body::from(signed.body.clone())).unwrap()).await
    }

    pub(crate) async fn post(&self, key: &SecretKey, path: &str, body: &Value) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        self.send_signed(&self.sign(key, path, None, &body)).await
    }

    pub(crate) async fn get(&self, reader: Option<&Did>, path: &str) -> Answer {
        let mut request = Request::get(path);
        if let Some(did) = reader {
            request = request.header("authorization", format!("Bearer {did}"));
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A manifest signed by `owner` with the given contributors' shares in millionths.
    pub(crate) fn manifest(&self, owner: &SecretKey, shares: &[(&str, u32)]) -> Manifest {
        let contributor = |(name, share): &(&str, u32)| {
            Contributor::new(
                Payee::Did(key(name).did()),
                "artist",
                Share::from_millionths(*share).unwrap(),
            )
        };
        let mut manifest = Manifest::new(shares.iter().map(contributor).collect()).unwrap();
        manifest.kind = Some("event".to_owned());
        manifest.title = Some("An evening".to_owned());
        manifest.author = Some(owner.did());
        manifest.sign(owner, owner.did(), self.env.now()).unwrap()
    }

    /// The body of a new event with one tier of so many places.
    pub(crate) fn event_body(&self, places: Option<u32>) -> Value {
        let starts_at = self.env.now().plus(Span::days(30));
        json!({
            "title": "An evening",
            "description": "Music; and more, with \\ and ü.\nTwo lines.",
            "startsAt": starts_at,
            "endsAt": starts_at.plus(Span::hours(3)),
            "timezone": "Europe/Berlin",
            "venue": "Hall, north",
            "tags": ["music"],
            "tiers": [{
                "name": "Standard", "price": {"amount": "10.00", "currency": "TEST-USD"},
                "quantity": places, "perks": ["A seat"],
            }],
            "manifest": self.manifest(&self.owner, &[("mira", 700_000), ("jonas", 300_000)]),
            "refundPolicy": "Until the day before.",
        })
    }

    /// A published event with one tier of so many places.
    pub(crate) async fn event(&self, places: Option<u32>) -> EventView {
        let answer = self
            .post(&self.owner, "/events/api/events", &self.event_body(places))
            .await;
        answer.expect(StatusCode::CREATED);
        let id = answer.json()["id"].as_str().unwrap().to_owned();
        let answer = self
            .post(&self.owner, &format!("/events/api/events/{id}/publish"), &json!({}))
            .await;
        answer.expect(StatusCode::OK);
        answer.parse()
    }

    pub(crate) fn wish(event: &EventView, quantity: u32) -> Value {
        json!({"eventId": event.id, "tierId": event.tiers[0].id, "quantity": quantity})
    }

    pub(crate) async fn checkout(&self, buyer: &SecretKey, event: &EventView, quantity: u32) -> Answer {
        self.post(buyer, "/events/api/checkout", &Self::wish(event, quantity))
            .await
    }

    pub(crate) async fn checkout_with_key(
        &self,
        buyer: &SecretKey,
        event: &EventView,
        quantity: u32,
        idempotency: &str,
    ) -> Answer {
        let body = serde_json::to_vec(&Self::wish(event, quantity)).unwrap();
        self.send_signed(&self.sign(buyer, "/events/api/checkout", Some(idempotency), &body))
            .await
    }

    pub(crate) async fn event_again(&self, event: &EventView) -> EventView {
        self.get(None, &format!("/events/api/events/{}", event.id))
            .await
            .parse()
    }

    pub(crate) async fn order_again(&self, order: &OrderView) -> OrderView {
        let answer = self
            .get(Some(&order.buyer), &format!("/events/api/orders/{}", order.id))
            .await;
        answer.parse()
    }

    /// Sold and held places of the event's first tier, as its owner sees them.
    pub(crate) async fn counters(&self, event: &EventView) -> (u32, u32) {
        use imajin_events_api::{EventsApi, SalesList};
        let sales = self
            .events
            .sales_list(SalesList {
                owner: Some(event.owner.clone()),
            })
            .await
            .unwrap();
        let sales = sales.into_iter().find(|sales| sales.event_id == event.id).unwrap();
        (sales.sold, sales.held)
    }

    pub(crate) fn tier(event: &EventView) -> TierId {
        event.tiers[0].id
    }

    pub(crate) async fn audit(&self) -> Vec<Finding> {
        let (keyring, env) = (self.keyring.clone(), self.env.clone());
        self.db.read(move |conn| audit_all(conn, &keyring, &env)).await.unwrap()
    }
}

pub(crate) fn audit_all(conn: &mut Conn, keyring: &Keyring, env: &Env) -> Result<Vec<Finding>, StoreError> {
    conn.transaction(|conn| audit(conn, keyring, env, &|_did| Vec::new()))
}
