//! A node that takes cards, and the processor that it takes them through.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use imajin_did::Keyring;
use imajin_kernel::{Env, ManualClock, Timestamp};
use imajin_pay::{PayConfig, RailsConfig, SandboxUse};
use imajin_pay_api::CheckoutView;
use imajin_rails::StripeConfig;
use imajin_testkit::stripe_peer::{PeerOptions, StripePeer, WebhookMessage};
use imajin_testkit::{Answer, Backend, TestDatabase};
use serde_json::Value;

use crate::world::{PUBLIC, World};

pub(crate) struct Cards {
    pub(crate) world: World,
    pub(crate) peer: StripePeer,
}

/// What a node is told about its processor.
pub(crate) fn rails(peer: &StripePeer) -> RailsConfig {
    RailsConfig {
        sandbox: SandboxUse::Auto,
        payout_threshold: None,
        solana: None,
        stripe: Some(StripeConfig {
            secret_key: peer.secret_key().into(),
            webhook_secrets: peer.webhook_secrets().into_iter().map(Into::into).collect(),
            api_url: peer.url().parse().unwrap(),
            node_url: PUBLIC.to_owned(),
        }),
    }
}

pub(crate) fn config(peer: &StripePeer) -> PayConfig {
    PayConfig {
        rails: rails(peer),
        ..PayConfig::default()
    }
}

impl Cards {
    /// A node that takes real money.
    pub(crate) async fn live(backend: Backend) -> Self {
        Self::with(backend, PeerOptions::live, config).await
    }

    /// A node with a test key.
    pub(crate) async fn test(backend: Backend) -> Self {
        Self::with(backend, PeerOptions::test, config).await
    }

    pub(crate) async fn with(
        backend: Backend,
        options: impl FnOnce(Env) -> PeerOptions,
        config: impl FnOnce(&StripePeer) -> PayConfig,
    ) -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let env = Env::fixed(clock.clone(), 7);
        // Randomness of its own: how often the node asks must not change what the node draws.
        let peer = StripePeer::start(options(Env::fixed(clock.clone(), 8))).await;
        let keyring = Keyring::generate(&env);
        let config = config(&peer);
        let world = World::assemble(TestDatabase::new(backend), clock, env, keyring, Arc::default(), config).await;
        Self { world, peer }
    }

    pub(crate) async fn restart(self, config: PayConfig) -> Self {
        Self {
            world: self.world.restart(config).await,
            peer: self.peer,
        }
    }

    /// A checkout of 10.00 in real money, 70 % for Mira and 30 % for Jonas.
    pub(crate) async fn checkout(&self, buyer: &str) -> CheckoutView {
        let shares = [("mira", 700_000), ("jonas", 300_000)];
        let goods = self.world.goods_split(buyer, "10.00 USD", &shares);
        self.world.checkout_of(buyer, &goods).await
    }

    /// The session of a checkout.
    pub(crate) fn session(&self, checkout: &CheckoutView) -> String {
        let id = checkout.id.to_string();
        let sessions = self.peer.objects("checkout.session");
        let found = sessions
            .iter()
            .find(|session| session["metadata"]["imajin_checkout"] == id);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// A session as it stands at the processor.
    pub(crate) fn session_of(&self, checkout: &CheckoutView) -> Value {
        self.peer.object(&self.session(checkout))
    }

    pub(crate) async fn send(&self, message: &WebhookMessage) -> Answer {
        self.send_as(&message.signature, message.body.clone()).await
    }

    pub(crate) async fn send_as(&self, signature: &str, body: Vec<u8>) -> Answer {
        let request = Request::post("/pay/api/webhook/stripe").header("stripe-signature", signature);
        self.world.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Everything that waits arrives at the webhook.
    pub(crate) async fn deliver(&self) {
        for message in self.peer.messages_take() {
            let answer = self.send(&message).await;
            assert_eq!(answer.status, StatusCode::OK, "{}: {}", message.kind, answer.text());
        }
    }

    /// The customer pays, and everything that follows happens; answers with the payment.
    pub(crate) async fn pays(&self, checkout: &CheckoutView) -> String {
        let intent = self.peer.customer_pays(&self.session(checkout)).unwrap();
        self.follow().await;
        intent
    }

    /// What waits arrives, and everything that follows happens.
    pub(crate) async fn follow(&self) {
        self.deliver().await;
        self.world.pay.drive().await.unwrap();
        // What was paid back is told as well.
        self.deliver().await;
        self.world.pay.drive().await.unwrap();
    }
}
