//! A node that trusts a broker, and the broker.

use axum::http::StatusCode;
use imajin_did::Keyring;
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_money::Amount;
use imajin_pay::{BrokersConfig, PayConfig};
use imajin_pay_api::{CheckoutState, GoodsRef, RemittanceBody, RemittanceLeg};
use imajin_proof::SignedMessage;
use imajin_testkit::broker_peer::{BrokerPeer, VisaWish};
use imajin_testkit::{Answer, Backend, TestDatabase};
use imajin_web::Reach;
use serde_json::{Value, json};

use crate::balance::{SETTLE, quote};
use crate::world::{World, key};

/// What a visa for the node of the tests names.
pub(crate) const AUDIENCE: &str = "node.test:7000";

pub(crate) struct Brokered {
    pub(crate) world: World,
    pub(crate) broker: BrokerPeer,
}

pub(crate) fn config(broker: &BrokerPeer) -> PayConfig {
    PayConfig {
        brokers: BrokersConfig {
            trusted: vec![broker.issuer().parse().unwrap()],
            reach: Reach::Development,
            test_money: true,
        },
        ..PayConfig::default()
    }
}

impl Brokered {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with(backend, config).await
    }

    pub(crate) async fn with(backend: Backend, config: impl FnOnce(&BrokerPeer) -> PayConfig) -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let env = Env::fixed(clock.clone(), 7);
        let broker = BrokerPeer::start(env.clone()).await;
        let (database, keyring) = (TestDatabase::new(backend), Keyring::generate(&env));
        let config = config(&broker);
        let world = World::assemble(database, clock, env, keyring, std::sync::Arc::default(), config).await;
        Self { world, broker }
    }

    /// A visa for `agent`, for the node of the tests.
    pub(crate) fn visa(&self, agent: &str, max_micros: i64) -> String {
        self.broker.visa(&wish(agent, max_micros))
    }

    /// An agent pays a work of this price with a visa over exactly as much, and everything that follows happens.
    pub(crate) async fn pays(&self, agent: &str, goods: &GoodsRef, max_micros: i64) -> CheckoutId {
        let quoted = quote(&self.world, agent, goods).await;
        let answer = settle(&self.world, agent, &quoted, &self.visa(agent, max_micros), "k").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let id: CheckoutId = quoted["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(self.world.state(id).await, CheckoutState::Settled);
        id
    }

    /// Everything that is due, now and within the next hour.
    pub(crate) async fn follow(&self) {
        for _ in 0..4 {
            self.world.pay.drive().await.unwrap();
            self.world.clock.advance(Span::minutes(15));
        }
    }
}

/// Promises in every state: paid, refused, and not yet asked for.
pub(crate) async fn fill(world: &World, broker: &BrokerPeer) {
    for (number, agent) in ["paid", "refused", "owed"].into_iter().enumerate() {
        let quoted = quote(world, agent, &world.work("8.00 TEST-USD")).await;
        let visa = broker.visa(&wish(agent, 8_000_000));
        if number == 1 {
            broker.visa_take_back(&visa);
        }
        let answer = settle(world, agent, &quoted, &visa, "k").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        if number < 2 {
            world.pay.drive().await.unwrap();
        }
    }
}

/// Money for somebody at home elsewhere, and from another node: one that its broker confirms, and one that it does not.
pub(crate) async fn fill_remittances(world: &World, broker: &BrokerPeer) {
    let (home, _guard) = crate::nodes::silent_node(&world.env).await;
    let bound = world
        .put("jonas", "/pay/api/connect/home", &json!({"node": home}))
        .await;
    assert_eq!(bound.status, StatusCode::OK, "{}", bound.text());
    assert_eq!(world.pay.remittances_batch().await.unwrap(), 1);
    for is_confirmed in [true, false] {
        let id = world.env.new_id();
        let body = RemittanceBody {
            id,
            broker: broker.issuer().to_owned(),
            amount: "1.00 TEST-USD".parse().unwrap(),
            legs: vec![RemittanceLeg {
                did: key("ada").did(),
                amount: Amount::from_micros(1_000_000).unwrap(),
                receipts: Vec::new(),
            }],
        };
        let (peer, own) = (key("peer node"), world.keyring.node_did());
        if is_confirmed {
            broker.transfer_make(&peer.did(), own, id.as_str(), json!(body.amount));
        }
        let now = world.env.now();
        let message = SignedMessage::sign(&peer, peer.did(), "remittance", Some(own.clone()), now, body).unwrap();
        let answer = world.post("peer node", "/pay/api/remit", None, &json!(message)).await;
        assert_eq!(answer.status == StatusCode::OK, is_confirmed, "{}", answer.text());
    }
}

pub(crate) fn wish(agent: &str, max_micros: i64) -> VisaWish {
    VisaWish::once(AUDIENCE, key(agent).public(), "TEST-USD", max_micros)
}

pub(crate) async fn settle(world: &World, who: &str, quoted: &Value, visa: &str, idempotency: &str) -> Answer {
    let body = json!({"quoteId": quoted["id"], "means": {"visa": visa}});
    world.post(who, SETTLE, Some(idempotency), &body).await
}
