//! Anything may fail at any moment: the server, its answers, the power. Money arrives and leaves once all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use imajin_kernel::{Env, ManualClock, SeededRandom, Span};
use imajin_money::Money;
use imajin_rails::solana::{Address, PayoutState, SolanaRail, USDC_MINT};
use imajin_rails::{Rail, RailCheckout, RailError};
use serde_json::json;

use crate::rail::{config, rail};
use crate::store::Memory;
use crate::support::{World, address, now, token_transfer_of};

/// More with `IMAJIN_SOLANA_SEEDS`.
const SEEDS: u64 = 6;
const STEPS: u32 = 60;
const METHODS: [&str; 7] = [
    "getSignaturesForAddress",
    "getTransaction",
    "sendTransaction",
    "getSignatureStatuses",
    "getEpochInfo",
    "getLatestBlockhash",
    "getMultipleAccounts",
];

struct Chaos {
    world: World,
    clock: ManualClock,
    dice: Env,
    store: Arc<Memory>,
    rail: SolanaRail,
    /// What was sent to the node for each checkout: signature and units.
    sent: Vec<(RailCheckout, String, u64)>,
    checkouts: Vec<RailCheckout>,
    payouts: BTreeMap<String, (Address, Money)>,
}

impl Chaos {
    async fn new(seed: u64) -> Self {
        let world = World::new();
        let clock = ManualClock::at(now());
        let store = Arc::new(Memory::default());
        let rail = rail(&world, config(&world), &store, &clock).unwrap();
        world.test("test_tokens", json!([rail.address(), USDC_MINT, 1_000_000_000]));
        let dice = Env::new(Arc::new(clock.clone()), Arc::new(SeededRandom::new(seed)));
        let mut chaos = Self {
            world,
            clock,
            dice,
            store,
            rail,
            sent: Vec::new(),
            checkouts: Vec::new(),
            payouts: BTreeMap::new(),
        };
        for number in 0..2_u64 {
            let checkout = RailCheckout {
                id: chaos.dice.new_id(),
                title: "A ticket".to_owned(),
                price: "10.00 USDC".parse().unwrap(),
                payer: chaos.world.keyring.node_did().clone(),
                expires_at: now().plus(Span::minutes(15)),
                success_url: "/".to_owned(),
                cancel_url: "/".to_owned(),
            };
            chaos.rail.open(&checkout).await.unwrap();
            chaos.checkouts.push(checkout);
            let money: Money = format!("{}.00 USDC", number + 3).parse().unwrap();
            chaos
                .payouts
                .insert(format!("pyo_{number}"), (address(seed * 10 + number), money));
        }
        chaos
    }

    fn roll(&self, sides: usize) -> usize {
        usize::try_from(u64::from_le_bytes(self.dice.random_bytes())).unwrap() % sides
    }

    async fn happens(&mut self) {
        match self.roll(12) {
            0 => {
                let kind = ["away", "lost", "behind"][self.roll(3)];
                let times = self.roll(3) + 1;
                self.world
                    .test("test_fault", json!([METHODS[self.roll(METHODS.len())], kind, times]));
            }
            1 => self.store.cut_after(self.roll(3)),
            2 => {
                let blocks = [1, 40, 200][self.roll(3)];
                self.world.test("test_advance", json!([blocks]));
            }
            3 => self.world.finalise(),
            4 if self.sent.len() < 6 => self.buyer_pays().await,
            5 => {
                // Ordered again and again, as an outbox does.
                let number = self.roll(self.payouts.len());
                let (key, (to, money)) = self.payouts.iter().nth(number).unwrap();
                let _cut = self.rail.payout(key, *to, *money).await;
            }
            6 => self.rail = rail(&self.world, config(&self.world), &self.store, &self.clock).unwrap(),
            _ => {
                self.clock.advance(Span::seconds(20));
                let ticked = self.rail.tick().await;
                // The power comes back, and the process begins anew.
                if matches!(ticked, Err(RailError::Unavailable(_))) {
                    self.rail = rail(&self.world, config(&self.world), &self.store, &self.clock).unwrap();
                }
            }
        }
    }

    async fn buyer_pays(&mut self) {
        let checkout = self.checkouts[self.roll(self.checkouts.len())].clone();
        let view = self.rail.payment_view(checkout.id, "").await.unwrap();
        let units = [10_000_000, 9_000_000, 10_000_001][self.roll(3)];
        self.world.test("test_advance", json!([1]));
        let (node, reference) = (self.rail.address(), view.watch.payment.reference);
        let transfer = token_transfer_of(&self.world, &USDC_MINT, &node, units, &reference);
        let signature = self.world.buyer_sends(&[transfer]);
        self.sent.push((checkout, signature, units));
    }

    /// Nothing is in the way any more.
    async fn calms_down(&mut self) {
        self.store.cut_never();
        for (key, (to, money)) in &self.payouts {
            self.rail.payout(key, *to, *money).await.unwrap();
        }
        for _round in 0..30 {
            self.world.test("test_calm", json!([]));
            self.world.finalise();
            self.clock.advance(Span::minutes(6));
            self.rail.tick().await.unwrap();
        }
    }

    async fn checked(&self, seed: u64) {
        // Each payment is told, whatever was lost; told twice, it has one name.
        let mut told = BTreeMap::new();
        for message in self.store.messages_take() {
            let event = message.event;
            told.insert(
                event.id,
                (event.checkout, event.reference, event.amount.amount.micros()),
            );
        }
        let told: Vec<_> = told.into_values().collect();
        assert_eq!(told.len(), self.sent.len(), "seed {seed}");
        for (checkout, signature, units) in &self.sent {
            let units = i64::try_from(*units).unwrap();
            assert!(
                told.contains(&(Some(checkout.id), signature.clone(), units)),
                "seed {seed}: {signature}"
            );
        }
        // Each payout is paid, once.
        let payouts = self.store.payouts.lock().unwrap().clone();
        for (key, (to, money)) in &self.payouts {
            let arrived = self.world.units(&self.world.usdc, to).await;
            let wanted = u64::try_from(money.amount.micros()).unwrap();
            match &payouts[key].state {
                PayoutState::Paid { .. } => assert_eq!(arrived, wanted, "seed {seed}: {key}"),
                PayoutState::Failed { .. } => assert_eq!(arrived, 0, "seed {seed}: {key}"),
                other => panic!("seed {seed}: {key} has not ended: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn money_arrives_and_leaves_once_whatever_fails() {
    let seeds = std::env::var("IMAJIN_SOLANA_SEEDS").map_or(SEEDS, |text| text.parse().unwrap());
    for seed in 0..seeds {
        let mut chaos = Chaos::new(seed).await;
        for _step in 0..STEPS {
            chaos.happens().await;
        }
        chaos.calms_down().await;
        chaos.checked(seed).await;
    }
}
