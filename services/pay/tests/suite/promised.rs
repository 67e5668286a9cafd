//! What brokers have accepted and not paid: it can be spent here, and no payout sends it away.

use std::sync::Arc;

use imajin_did::Keyring;
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_money::Amount;
use imajin_pay::PayConfig;
use imajin_pay_api::GoodsRef;
use imajin_testkit::broker_peer::{BrokerPeer, VisaWish};
use imajin_testkit::stripe_peer::{PeerOptions, StripePeer};
use imajin_testkit::{Backend, TestDatabase, on_both};
use serde_json::json;

use crate::balance::quote;
use crate::brokers::{AUDIENCE, settle};
use crate::cards::{Cards, config};
use crate::payouts::{all, onboard, pay_out, sold};
use crate::world::{World, key};

on_both!(
    what_a_broker_may_still_take_back_leaves_with_no_payout,
    a_share_that_was_held_waits_for_the_broker_as_well,
);

/// A node that takes cards and the visas of a broker, whose agents have time to object.
struct Scene {
    cards: Cards,
    broker: BrokerPeer,
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let clock = ManualClock::at(Timestamp::from_seconds(1_900_000_000));
        let env = |seed| Env::fixed(clock.clone(), seed);
        let peer = StripePeer::start(PeerOptions::live(env(8))).await;
        let broker = BrokerPeer::start(env(9)).await;
        broker.dispute_window(true);
        let mut config = PayConfig {
            brokers: crate::brokers::config(&broker).brokers,
            ..config(&peer)
        };
        config.rails.payout_threshold = Some(Amount::parse_decimal("5.00").unwrap());
        let (env, keyring) = (env(7), Keyring::generate(&env(7)));
        let world = World::assemble(TestDatabase::new(backend), clock, env, keyring, Arc::default(), config).await;
        Self {
            cards: Cards { world, peer },
            broker,
        }
    }

    /// An agent pays with a visa, and the broker accepts it.
    async fn accepted(&self, goods: &GoodsRef) {
        let world = &self.cards.world;
        let quoted = quote(world, "agent", goods).await;
        let wish = VisaWish::once(AUDIENCE, key("agent").public(), "USD", 8_000_000);
        let answer = settle(world, "agent", &quoted, &self.broker.visa(&wish), "k").await;
        assert_eq!(answer.json()["state"], "settled", "{}", answer.text());
        self.follow().await;
    }

    async fn follow(&self) {
        for _ in 0..4 {
            self.cards.follow().await;
            self.cards.world.clock.advance(Span::minutes(15));
        }
    }
}

async fn what_a_broker_may_still_take_back_leaves_with_no_payout(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (cards, world) = (&scene.cards, &scene.cards.world);
    onboard(cards, "mira").await;
    sold(cards, "buyer").await;
    scene.accepted(&world.work("8.00 USD")).await;
    assert_eq!(world.available("mira").await, "12.187 USD", "it is hers to spend");
    let some = json!({"amount": {"amount": "7.00", "currency": "USD"}});
    let refused = pay_out(cards, "mira", "k1", &some).await;
    assert_eq!(refused.code(), "conflict", "{}", refused.text());
    let said = refused.detail();
    assert!(
        said.contains("At most 6.587 USD") && said.contains("5.60 USD waits") && said.contains(scene.broker.issuer()),
        "{said}"
    );
    // Of everything leaves what nobody can take back.
    let paid = pay_out(cards, "mira", "k2", &all()).await;
    assert_eq!(paid.json()["amount"]["amount"], "6.58", "{}", paid.text());
    let nothing = pay_out(cards, "mira", "k3", &all()).await;
    assert!(nothing.detail().contains("waits until"), "{}", nothing.text());
    assert_eq!(
        world.pay.payouts_batch().await.unwrap(),
        0,
        "nor does it leave by itself"
    );
    assert_eq!(world.available("mira").await, "5.607 USD");
    world.audit_clean().await;
    scene.broker.window_close();
    scene.follow().await;
    assert_eq!(world.pay.payouts_batch().await.unwrap(), 1);
    scene.follow().await;
    // So much is left of the payments by card.
    assert_eq!(world.available("mira").await, "2.777 USD");
    world.audit_clean().await;
}

async fn a_share_that_was_held_waits_for_the_broker_as_well(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (cards, world) = (&scene.cards, &scene.cards.world);
    onboard(cards, "jonas").await;
    sold(cards, "buyer").await;
    let goods = world.work("8.00 USD");
    world
        .seller
        .change(&goods, |quote| quote.accepted = vec![key("mira").did()]);
    scene.accepted(&goods).await;
    let manifest = world.manifest(&[("mira", 700_000), ("jonas", 300_000)]).id;
    crate::shares::accept(world, "jonas", &manifest).await;
    assert_eq!(world.available("jonas").await, "5.223 USD");
    let paid = pay_out(cards, "jonas", "k", &all()).await;
    assert_eq!(paid.json()["amount"]["amount"], "2.82", "{}", paid.text());
    scene.broker.disputes_win();
    scene.follow().await;
    assert_eq!(world.available("jonas").await, "0.003 USD", "nobody owes anything");
    world.audit_clean().await;
}
