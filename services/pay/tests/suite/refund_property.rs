//! Random sales, contracts and fees, and random refunds, payouts, disputes and acceptances: nothing is lost.

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_kernel::Span;
use imajin_money::Money;
use imajin_pay_api::{CheckoutView, CreditNoteBody};
use imajin_testkit::stripe_peer::{PeerOptions, StripePeer};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::cards::{Cards, config};
use crate::contracts::contract_sign;
use crate::refunds::{note, part, refund, refund_by_operator, sheet};
use crate::shares::accept_answer;
use crate::world::key;

on_both!(
    whatever_happens_no_money_is_lost_or_invented,
    whatever_happens_otherwise_no_money_is_lost_or_invented,
);

const ARTISTS: [&str; 5] = ["mira", "jonas", "zoe", "ada", "noor"];

/// Small numbers that are always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        // Xorshift: good enough to mix up a few choices.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn place(&mut self, count: usize) -> usize {
        usize::try_from(self.below(u64::try_from(count).unwrap())).unwrap()
    }
}

struct Shop {
    cards: Cards,
    dice: Dice,
    sales: Vec<(CheckoutView, String)>,
    disputes: Vec<(usize, String, bool)>,
    asked: u64,
}

fn with_fees(peer: &StripePeer) -> imajin_pay::PayConfig {
    imajin_pay::PayConfig {
        fees: imajin_fair::plan::FeeSchedule::mjn(),
        ..config(peer)
    }
}

impl Shop {
    async fn open(backend: Backend, seed: u64) -> Self {
        let cards = Cards::with(backend, PeerOptions::live, with_fees).await;
        let minimum = |contract: &mut Value| {
            contract["minimum_transaction"] = json!("2.00");
            contract["currency"] = json!("USD");
        };
        let parts = [("own", "mira", 55), ("charity", "ada", 45)];
        contract_sign(&cards.world, "mira", 1, &parts, &minimum).await;
        contract_sign(
            &cards.world,
            "zoe",
            1,
            &[("own", "zoe", 50), ("band", "noor", 50)],
            &|_| {},
        )
        .await;
        cards.world.clock.advance(Span::minutes(1));
        crate::payouts::onboard(&cards, "jonas").await;
        Self {
            cards,
            dice: Dice(seed),
            sales: Vec::new(),
            disputes: Vec::new(),
            asked: 0,
        }
    }

    async fn sell(&mut self) {
        let count = 1 + self.dice.place(3);
        let first = self.dice.place(4);
        let mut left = 1_000_000;
        let mut shares = Vec::new();
        for place in 0..count {
            let last = place + 1 == count;
            let share = if last {
                left
            } else {
                1 + u32::try_from(self.dice.below(u64::from(left / 2))).unwrap()
            };
            left -= share;
            shares.push((ARTISTS[(first + place) % ARTISTS.len()], share));
        }
        let price = format!("{}.{:02} USD", 1 + self.dice.below(20), self.dice.below(100));
        let goods = self.cards.world.goods_split("buyer", &price, &shares);
        if self.dice.below(2) == 0 {
            let accepted: Vec<Did> = shares.iter().skip(1).map(|(name, _)| key(name).did()).collect();
            self.cards
                .world
                .seller
                .change(&goods, |quote| quote.accepted = accepted);
        }
        let checkout = self.cards.world.checkout_of("buyer", &goods).await;
        let intent = self.cards.pays(&checkout).await;
        self.sales.push((checkout, intent));
    }

    fn any(&mut self) -> usize {
        self.dice.place(self.sales.len())
    }

    async fn act(&mut self) {
        self.asked += 1;
        let idempotency = format!("k{}", self.asked);
        match self.dice.below(8) {
            0 | 1 => self.sell().await,
            2..=4 => {
                let sale = self.any();
                let (checkout, _) = &self.sales[sale];
                let cents = 1 + self.dice.below(700);
                let amount = format!("{}.{:02}", cents / 100, cents % 100);
                let body = match self.dice.below(4) {
                    0 => json!({"checkout": checkout.id}),
                    _ => part(checkout, &amount),
                };
                if self.asked.is_multiple_of(2) {
                    refund(&self.cards.world, "organiser", &idempotency, &body).await;
                } else {
                    refund_by_operator(&self.cards.world, &idempotency, &body).await;
                }
            }
            5 => {
                let out = json!({"currency": "USD"});
                self.cards
                    .world
                    .post("jonas", "/pay/api/payout", Some(&idempotency), &out)
                    .await;
            }
            6 => {
                let sale = self.any();
                if let Some(open) = self.disputes.iter_mut().find(|(_, _, open)| *open) {
                    self.cards.peer.dispute_close(&open.1, self.dice.below(2) == 0).unwrap();
                    open.2 = false;
                } else if self.disputes.iter().all(|(disputed, ..)| *disputed != sale) {
                    let (checkout, intent) = &self.sales[sale];
                    let left = sheet(&self.cards.world, "organiser", checkout).await["left"].clone();
                    let left: Money = serde_json::from_value(left).unwrap();
                    let cents = left.amount.micros() / 10_000;
                    if cents > 0 {
                        let dispute = self.cards.peer.dispute_open(intent, cents).unwrap();
                        self.disputes.push((sale, dispute, true));
                    }
                }
            }
            _ => {
                let sale = self.any();
                let receipt = self.cards.world.receipt("buyer", self.sales[sale].0.id).await;
                let who = ARTISTS[self.dice.place(ARTISTS.len())];
                accept_answer(&self.cards.world, who, &receipt.message.payload.manifest.id).await;
            }
        }
        self.cards.world.clock.advance(Span::seconds(1));
        self.cards.follow().await;
    }

    /// The credit notes of a sale never take more of a line than it had, and all of it when everything went back.
    async fn notes_check(&self, checkout: &CheckoutView) {
        let world = &self.cards.world;
        let sheet = sheet(world, "organiser", checkout).await;
        let mut legs: BTreeMap<u32, i64> = BTreeMap::new();
        let mut gone = 0;
        for row in sheet["refunds"].as_array().unwrap() {
            if row["state"] != "sent" {
                continue;
            }
            let note: CreditNoteBody = note(world, "organiser", row["id"].as_str().unwrap()).await;
            let fees: i64 = note.fees.iter().map(|fee| fee.amount.micros()).sum();
            let of_legs: i64 = note.legs.iter().map(|leg| leg.amount.micros()).sum();
            let borne = note.rail_fee_borne.unwrap_or_default().micros();
            assert_eq!(fees + of_legs + borne, note.refunded.amount.micros());
            gone += note.refunded.amount.micros();
            for leg in note.legs {
                *legs.entry(leg.leg).or_default() += leg.amount.micros();
            }
        }
        assert!(gone <= checkout.price.amount.micros());
        let body = world.receipt("buyer", checkout.id).await.message.payload;
        for (place, leg) in body.legs.iter().enumerate() {
            let taken = legs.get(&u32::try_from(place).unwrap()).copied().unwrap_or(0);
            assert!(taken <= leg.amount.micros());
            if gone == checkout.price.amount.micros() {
                assert_eq!(taken, leg.amount.micros());
            }
        }
    }
}

async fn run(backend: Backend, seed: u64) {
    let mut shop = Shop::open(backend, seed).await;
    shop.sell().await;
    for _ in 0..24 {
        shop.act().await;
    }
    // The audit adds up every account, recomputes every sum and looks at every line of every sale.
    shop.cards.world.audit_clean().await;
    for (checkout, _) in &shop.sales {
        shop.notes_check(checkout).await;
    }
}

async fn whatever_happens_no_money_is_lost_or_invented(backend: Backend) {
    run(backend, 0x5eed_0001).await;
}

async fn whatever_happens_otherwise_no_money_is_lost_or_invented(backend: Backend) {
    run(backend, 0x5eed_0bad).await;
}
