//! What must be so whichever rail the money comes through.

use std::sync::atomic::Ordering;

use imajin_kernel::Span;
use imajin_pay_api::{CheckoutFetch, CheckoutState, CheckoutView, PayApi, SalesSummaryRequest};
use imajin_rails::RailOutcome;
use imajin_rails::solana::USDC_MINT;
use imajin_testkit::Backend;

use crate::cards::Cards;
use crate::solana::{Coins, address, usdc};
use crate::world::{World, key};

/// A node and somebody who buys there.
enum Till {
    Sandbox(Box<World>),
    Stripe(Box<Cards>),
    Solana(Box<Coins>),
}

/// The price of all that is bought here, in the smallest unit of USDC and in millionths.
const PRICE: u64 = 10_000_000;

impl Till {
    async fn sandbox(backend: Backend) -> Self {
        Self::Sandbox(Box::new(World::new(backend).await))
    }

    async fn stripe(backend: Backend) -> Self {
        Self::Stripe(Box::new(Cards::test(backend).await))
    }

    async fn solana(backend: Backend) -> Self {
        Self::Solana(Box::new(Coins::new(backend).await))
    }

    fn world(&self) -> &World {
        match self {
            Self::Sandbox(world) => world,
            Self::Stripe(cards) => &cards.world,
            Self::Solana(coins) => &coins.world,
        }
    }

    /// 10.00 of what the rail takes, 70 % for Mira and 30 % for Jonas.
    async fn checkout(&self, buyer: &str) -> CheckoutView {
        match self {
            Self::Sandbox(_) | Self::Stripe(_) => self.world().checkout(buyer).await,
            Self::Solana(coins) => coins.checkout(buyer).await,
        }
    }

    /// What the rail keeps of 10.00, in millionths.
    fn fee(&self) -> i64 {
        match self {
            Self::Sandbox(_) | Self::Solana(_) => 0,
            Self::Stripe(_) => 590_000,
        }
    }

    /// Whether it is test money: the chain of the tests is a mainnet.
    const fn is_test(&self) -> bool {
        !matches!(self, Self::Solana(_))
    }

    /// The buyer does something, and the rail tells; `twice` tells it twice.
    async fn acts(&self, checkout: &CheckoutView, outcome: RailOutcome, twice: bool) {
        match self {
            Self::Sandbox(world) => {
                let event = world.event(checkout, outcome);
                for _ in 0..=u8::from(twice) {
                    assert!(world.webhook(&event).await.status.is_success());
                }
            }
            Self::Stripe(cards) => {
                let session = cards.session(checkout);
                match outcome {
                    RailOutcome::Paid => drop(cards.peer.customer_pays(&session).unwrap()),
                    RailOutcome::Failed => drop(cards.peer.card_declined(&session).unwrap()),
                    _ => cards.peer.customer_abandons(&session).unwrap(),
                }
                for message in cards.peer.messages_take() {
                    for _ in 0..=u8::from(twice) {
                        assert!(cards.send(&message).await.status.is_success());
                    }
                }
            }
            Self::Solana(coins) => {
                // More than the buyer has: it is in a block, and has failed there. Nobody can say on a chain that they
                // leave.
                let units = if outcome == RailOutcome::Paid { PRICE } else { u64::MAX };
                coins.pays_tokens(checkout, &USDC_MINT, units);
                for _ in 0..=u8::from(twice) {
                    coins.follow().await;
                }
            }
        }
        self.world().pay.drive().await.unwrap();
    }

    async fn expect(&self, checkout: &CheckoutView, state: CheckoutState) {
        assert_eq!(self.world().state(checkout.id).await, state);
        self.world().audit_clean().await;
    }
}

/// Stamps tests over a rail and the databases.
macro_rules! on_rail {
    ($module:ident, $till:ident, $($name:ident),+ $(,)?) => {
        mod $module {
            $(async fn $name(backend: imajin_testkit::Backend) {
                super::$name(super::Till::$till(backend).await).await;
            })+
            imajin_testkit::on_both!($($name),+);
        }
    };
}

/// Stamps tests over the rails and the databases.
macro_rules! on_each_rail {
    ($($name:ident),+ $(,)?) => {
        on_rail!(on_sandbox, sandbox, a_buyer_who_leaves_frees_the_goods, $($name),+);
        on_rail!(on_stripe, stripe, a_buyer_who_leaves_frees_the_goods, $($name),+);
        on_rail!(on_solana, solana, $($name),+);
    };
}

on_each_rail!(
    a_payment_is_split_along_the_manifest,
    what_is_told_twice_happens_once,
    a_failed_attempt_can_be_repeated,
    a_payment_after_the_end_is_delivered,
    what_cannot_be_had_is_paid_back,
    goods_withdrawn_and_paid_all_the_same,
);

async fn a_payment_is_split_along_the_manifest(till: Till) {
    let checkout = till.checkout("buyer").await;
    till.acts(&checkout, RailOutcome::Paid, false).await;
    till.expect(&checkout, CheckoutState::Settled).await;
    let receipt = till.world().receipt("buyer", checkout.id).await.message.payload;
    let legs: i64 = receipt.legs.iter().map(|leg| leg.amount.micros()).sum();
    let kept = receipt.rail_fee.map_or(0, imajin_money::Amount::micros);
    assert_eq!((legs + kept, kept), (10_000_000, till.fee()));
    assert_eq!(receipt.test_money, till.is_test());
    assert_eq!(till.world().balance(&key("buyer").did(), "held").await, "0");
}

async fn what_is_told_twice_happens_once(till: Till) {
    let checkout = till.checkout("buyer").await;
    till.acts(&checkout, RailOutcome::Paid, true).await;
    till.expect(&checkout, CheckoutState::Settled).await;
    assert_eq!(till.world().seller.asked.load(Ordering::SeqCst), 1);
    let sales = till.world().pay.sales_summary(SalesSummaryRequest {}).await.unwrap();
    assert_eq!((sales.receipts, sales.refunded), (1, 0));
}

async fn a_failed_attempt_can_be_repeated(till: Till) {
    let checkout = till.checkout("buyer").await;
    till.acts(&checkout, RailOutcome::Failed, false).await;
    till.expect(&checkout, CheckoutState::Open).await;
    till.acts(&checkout, RailOutcome::Paid, false).await;
    till.expect(&checkout, CheckoutState::Settled).await;
}

async fn a_buyer_who_leaves_frees_the_goods(till: Till) {
    let checkout = till.checkout("buyer").await;
    till.acts(&checkout, RailOutcome::Cancelled, true).await;
    till.expect(&checkout, CheckoutState::Cancelled).await;
    assert_eq!(*till.world().seller.released.lock().unwrap(), [checkout.goods.id]);
}

async fn a_payment_after_the_end_is_delivered(till: Till) {
    let checkout = till.checkout("buyer").await;
    // At the rail it can be paid for a minute longer than here.
    till.world().clock.advance(Span::seconds(30 * 60 + 30));
    till.world().pay.sweep().await.unwrap();
    till.expect(&checkout, CheckoutState::Expired).await;
    till.acts(&checkout, RailOutcome::Paid, false).await;
    till.expect(&checkout, CheckoutState::Settled).await;
}

async fn what_cannot_be_had_is_paid_back(till: Till) {
    let before = match &till {
        Till::Solana(coins) => Some(coins.units(&usdc(), &address("buyer")).await),
        Till::Sandbox(_) | Till::Stripe(_) => None,
    };
    let checkout = till.checkout("buyer").await;
    till.world().seller.refuses.store(true, Ordering::SeqCst);
    till.acts(&checkout, RailOutcome::Paid, true).await;
    till.expect(&checkout, CheckoutState::Refunded).await;
    assert_eq!(till.world().balance(&key("buyer").did(), "held").await, "0");
    if let Till::Stripe(cards) = &till {
        let refunds = cards.peer.objects("refund");
        assert_eq!((refunds.len(), refunds[0]["amount"].as_i64()), (1, Some(1_000)));
    }
    if let Till::Solana(coins) = &till {
        assert_eq!(coins.units(&usdc(), &address("buyer")).await, before.unwrap());
    }
}

async fn goods_withdrawn_and_paid_all_the_same(till: Till) {
    let checkout = till.checkout("buyer").await;
    let cancel = CheckoutFetch { id: checkout.id };
    till.world().pay.checkout_cancel(cancel).await.unwrap();
    till.expect(&checkout, CheckoutState::Cancelled).await;
    till.world().seller.refuses.store(true, Ordering::SeqCst);
    till.acts(&checkout, RailOutcome::Paid, false).await;
    till.expect(&checkout, CheckoutState::Refunded).await;
}
