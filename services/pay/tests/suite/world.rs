//! One node's pay with everything around it, for one test.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use imajin_did::{Did, Keyring, SecretKey};
use imajin_fair::{Contributor, Manifest, Payee};
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_money::{Money, Share};
use imajin_pay::{MIGRATIONS, Pay, PayConfig, PayDeps, audit};
use imajin_pay_api::{
    BalanceList, CheckoutCreate, CheckoutFetch, CheckoutState, CheckoutView, GoodsQuote, GoodsRef, PayApi, Reader,
    ReceiptFetch, ReceiptView, SellerClient,
};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use imajin_rails::{RailEvent, RailOutcome};
use imajin_store::{Db, Finding, Location, Options};
use imajin_testkit::{Answer, Backend, Place, TestDatabase};
use imajin_web::{Limits, PublicBase, ShellOptions, Site, shell};
use serde_json::Value;

use crate::fakes::{FakeIdentities, FakeSeller};

pub(crate) const PUBLIC: &str = "http://node.test:7000";

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) db: Db,
    pub(crate) clock: ManualClock,
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) identities: Arc<FakeIdentities>,
    pub(crate) seller: Arc<FakeSeller>,
    pub(crate) pay: Arc<Pay>,
    pub(crate) router: Router,
    /// Under which address it is known.
    pub(crate) public: String,
}

pub(crate) fn location(database: &TestDatabase) -> Location {
    match database.place_for("pay") {
        Place::SqliteFile(path) => Location::sqlite(path),
        Place::Postgres { url, schema } => Location::postgres(url, schema),
    }
}

/// A key that is always the same for a name.
pub(crate) fn key(name: &str) -> SecretKey {
    SecretKey::from_seed(imajin_proof::digest::sha256(name.as_bytes()))
}

pub(crate) fn money(text: &str) -> Money {
    text.parse().unwrap()
}

fn router_of(pay: &Arc<Pay>, env: &Env, public: PublicBase) -> Router {
    let nested = Router::new().nest("/pay", pay.routes().into_router());
    let options = ShellOptions {
        env: env.clone(),
        public,
        limits: Limits::default(),
        error_page: None,
    };
    shell(nested, options)
}

impl World {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with(backend, PayConfig::default()).await
    }

    pub(crate) async fn with(backend: Backend, config: PayConfig) -> Self {
        let database = TestDatabase::new(backend);
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let env = Env::fixed(clock.clone(), 7);
        let keyring = Keyring::generate(&env);
        Self::assemble(database, clock, env, keyring, Arc::default(), config).await
    }

    /// The same node again, after its process has ended; the seller has gone on.
    pub(crate) async fn restart(self, config: PayConfig) -> Self {
        let Self {
            database,
            db,
            clock,
            env,
            keyring,
            seller,
            public,
            ..
        } = self;
        db.close().await;
        Self::assemble_at(&public, database, clock, env, keyring, seller, config).await
    }

    pub(crate) async fn assemble(
        database: TestDatabase,
        clock: ManualClock,
        env: Env,
        keyring: Keyring,
        seller: Arc<FakeSeller>,
        config: PayConfig,
    ) -> Self {
        Self::assemble_at(PUBLIC, database, clock, env, keyring, seller, config).await
    }

    /// Pay in another process of this node, on the same database.
    pub(crate) async fn second_process(&self, config: PayConfig) -> Arc<Pay> {
        let db = Db::open(location(&self.database), "pay", MIGRATIONS, Options::default()).unwrap();
        let site = Site {
            env: self.env.clone(),
            public: PublicBase(self.public.parse().unwrap()),
            identities: self.identities.clone(),
        };
        let deps = PayDeps {
            site,
            keyring: self.keyring.clone(),
            db,
            seller: SellerClient::local(self.seller.clone()),
            config,
        };
        Box::pin(Pay::start(deps)).await.unwrap()
    }

    /// A node that is known under another address.
    pub(crate) async fn assemble_at(
        address: &str,
        database: TestDatabase,
        clock: ManualClock,
        env: Env,
        keyring: Keyring,
        seller: Arc<FakeSeller>,
        config: PayConfig,
    ) -> Self {
        let db = Db::open(location(&database), "pay", MIGRATIONS, Options::default()).unwrap();
        let identities = Arc::new(FakeIdentities::default());
        let public = PublicBase(address.parse().unwrap());
        let site = Site {
            env: env.clone(),
            public: public.clone(),
            identities: identities.clone(),
        };
        let deps = PayDeps {
            site,
            keyring: keyring.clone(),
            db: db.clone(),
            seller: SellerClient::local(seller.clone()),
            config,
        };
        let pay = Box::pin(Pay::start(deps)).await.unwrap();
        let router = router_of(&pay, &env, public);
        Self {
            database,
            db,
            clock,
            env,
            keyring,
            identities,
            seller,
            pay,
            router,
            public: address.to_owned(),
        }
    }

    pub(crate) fn clock_seconds(&self) -> i64 {
        self.env.now().as_seconds()
    }

    /// A manifest signed by the organiser, with the given artists' shares in millionths.
    pub(crate) fn manifest(&self, shares: &[(&str, u32)]) -> Manifest {
        let contributor = |(name, share): &(&str, u32)| {
            let share = Share::from_millionths(*share).unwrap();
            Contributor::new(Payee::Did(key(name).did()), "artist", share)
        };
        let mut manifest = Manifest::new(shares.iter().map(contributor).collect()).unwrap();
        let organiser = key("organiser");
        manifest.author = Some(organiser.did());
        manifest.sign(&organiser, organiser.did(), self.env.now()).unwrap()
    }

    /// Goods at a price, split along shares; all have accepted.
    pub(crate) fn goods_split(&self, buyer: &str, price: &str, shares: &[(&str, u32)]) -> GoodsRef {
        self.seller.put(self.quote_split(buyer, price, shares))
    }

    /// A work that anybody may buy: 70 % go to Mira and 30 % to Jonas.
    pub(crate) fn work(&self, price: &str) -> GoodsRef {
        self.work_split(price, &[("mira", 700_000), ("jonas", 300_000)])
    }

    /// A work that anybody may buy, split along shares; all have accepted.
    pub(crate) fn work_split(&self, price: &str, shares: &[(&str, u32)]) -> GoodsRef {
        self.seller.put_work(self.quote_split("organiser", price, shares))
    }

    fn quote_split(&self, buyer: &str, price: &str, shares: &[(&str, u32)]) -> GoodsQuote {
        GoodsQuote {
            title: "1 × Standard — An evening".to_owned(),
            price: money(price),
            buyer: Some(key(buyer).did()),
            seller: key("organiser").did(),
            manifest: self.manifest(shares),
            accepted: shares.iter().map(|(name, _)| key(name).did()).collect(),
            sources: Vec::new(),
            expires_at: self.env.now().plus(Span::minutes(15)),
        }
    }

    /// The demonstration's goods: 10.00, of which 70 % go to Mira and 30 % to Jonas.
    pub(crate) fn goods(&self, buyer: &str) -> GoodsRef {
        self.goods_split(buyer, "10.00 TEST-USD", &[("mira", 700_000), ("jonas", 300_000)])
    }

    pub(crate) async fn checkout_of(&self, buyer: &str, goods: &GoodsRef) -> CheckoutView {
        let request = CheckoutCreate {
            goods: goods.clone(),
            buyer: key(buyer).did(),
            success_url: "/orders/1".to_owned(),
            cancel_url: "/events/1".to_owned(),
        };
        self.pay.checkout_create(request).await.unwrap()
    }

    pub(crate) async fn checkout(&self, buyer: &str) -> CheckoutView {
        self.checkout_of(buyer, &self.goods(buyer)).await
    }

    pub(crate) async fn view(&self, id: CheckoutId) -> CheckoutView {
        self.pay.checkout_fetch(CheckoutFetch { id }).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, id: CheckoutId) -> CheckoutState {
        self.view(id).await.state
    }

    pub(crate) fn event(&self, checkout: &CheckoutView, outcome: RailOutcome) -> RailEvent {
        self.pay.sandbox().event(checkout.id, outcome, checkout.price)
    }

    /// Hands a message of the sandbox in at the webhook.
    pub(crate) async fn webhook(&self, event: &RailEvent) -> Answer {
        let message = self.pay.sandbox_message(event).unwrap();
        self.webhook_raw("sandbox", message).await
    }

    pub(crate) async fn webhook_raw(&self, rail: &str, body: Vec<u8>) -> Answer {
        let request = Request::post(format!("/pay/api/webhook/{rail}")).header("content-type", "application/json");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// The buyer pays, and everything that follows happens.
    pub(crate) async fn pay_for(&self, checkout: &CheckoutView) {
        let answer = self.webhook(&self.event(checkout, RailOutcome::Paid)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        self.pay.drive().await.unwrap();
    }

    /// Signs a request as the holder of `key`.
    pub(crate) fn sign(&self, key: &SecretKey, path: &str, idempotency: Option<&str>, body: &[u8]) -> SignedRequest {
        self.sign_as("POST", key, path, idempotency, body)
    }

    fn sign_as(
        &self,
        method: &str,
        key: &SecretKey,
        path: &str,
        idempotency: Option<&str>,
        body: &[u8],
    ) -> SignedRequest {
        let target_uri = format!("{}{path}", self.public);
        let to_sign = RequestToSign {
            method,
            target_uri: &target_uri,
            idempotency_key: idempotency,
            body,
        };
        sign(key, &to_sign, &SignatureParams::now(key.did(), &self.env)).unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.router, request).await
    }

    /// What another process of this node answers.
    pub(crate) async fn second_router(&self, config: PayConfig) -> Router {
        let pay = self.second_process(config).await;
        router_of(&pay, &self.env, PublicBase(self.public.parse().unwrap()))
    }

    /// Sends a signed request as it is.
    pub(crate) async fn send_signed(&self, signed: &SignedRequest) -> Answer {
        self.send_signed_to(&self.router, signed).await
    }

    pub(crate) async fn send_signed_to(&self, router: &Router, signed: &SignedRequest) -> Answer {
        let path = signed.target_uri.strip_prefix(&self.public).unwrap();
        let mut request = Request::builder()
            .method(signed.method.as_str())
            .uri(path)
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        Answer::of(router, request.body(Body::from(signed.body.clone())).unwrap()).await
    }

    pub(crate) async fn post(&self, who: &str, path: &str, idempotency: Option<&str>, body: &Value) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        self.send_signed(&self.sign(&key(who), path, idempotency, &body)).await
    }

    pub(crate) async fn delete(&self, who: &str, path: &str) -> Answer {
        self.send_signed(&self.sign_as("DELETE", &key(who), path, None, b"null"))
            .await
    }

    pub(crate) async fn put(&self, who: &str, path: &str, body: &Value) -> Answer {
        let body = serde_json::to_vec(body).unwrap();
        self.send_signed(&self.sign_as("PUT", &key(who), path, None, &body))
            .await
    }

    pub(crate) async fn get(&self, reader: Option<&str>, path: &str) -> Answer {
        self.get_accepting(reader, path, "application/json").await
    }

    pub(crate) async fn get_accepting(&self, reader: Option<&str>, path: &str, accept: &str) -> Answer {
        let mut request = Request::get(path).header("accept", accept);
        if let Some(name) = reader {
            request = request.header("authorization", format!("Bearer {}", key(name).did()));
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Presses a button of the payment page.
    pub(crate) async fn press(&self, path: &str, origin: Option<&str>, form: &str) -> Answer {
        let mut request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    pub(crate) async fn form_token(&self, buyer: &str, id: CheckoutId) -> String {
        let answer = self.get(Some(buyer), &format!("/pay/api/checkout/{id}")).await;
        answer.json()["formToken"].as_str().unwrap().to_owned()
    }

    /// A balance as text; `0` for an account that does not exist.
    pub(crate) async fn balance(&self, who: &Did, purpose: &str) -> String {
        let balances = self.pay.balance_list(BalanceList { owner: who.clone() }).await.unwrap();
        let found = balances.into_iter().find(|view| view.purpose == purpose);
        found.map_or_else(|| "0".to_owned(), |view| view.balance.to_string())
    }

    pub(crate) async fn available(&self, name: &str) -> String {
        self.balance(&key(name).did(), "available").await
    }

    pub(crate) async fn receipt(&self, reader: &str, checkout: CheckoutId) -> ReceiptView {
        let id = self.view(checkout).await.receipt.unwrap();
        let reader = Reader {
            did: key(reader).did(),
            operator: false,
        };
        self.pay
            .receipt_fetch(ReceiptFetch { id, reader })
            .await
            .unwrap()
            .unwrap()
    }

    pub(crate) async fn audit(&self) -> Vec<Finding> {
        let keyring = self.keyring.clone();
        self.db.read(move |conn| audit(conn, &keyring)).await.unwrap()
    }

    pub(crate) async fn audit_clean(&self) {
        assert_eq!(self.audit().await, []);
    }
}
