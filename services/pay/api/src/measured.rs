//! Goods for which money is set aside by a buyer's word: answers to questions, whose price is known only afterwards,
//! and works.

use std::fmt;

use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, ReceiptId};
use imajin_money::Money;
use serde::{Deserialize, Serialize};

use crate::GoodsRef;

/// The kind of goods that are measured: until they are handed over the seller quotes the most that they may cost, and
/// afterwards what they have cost and how that is split.
pub const ANSWER_GOODS: &str = "answer";

/// See [`crate::PayApi::goods_hold`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GoodsHold {
    /// What is bought.
    pub goods: GoodsRef,
    /// Who buys it. The caller vouches for their signature.
    pub buyer: Did,
    /// What pays.
    pub means: HoldMeans,
    /// The most that the buyer has agreed to: what costs more is not held.
    pub max: Money,
    /// What the buyer has signed, as text: it is kept in pay's log.
    pub evidence: String,
    /// Until when the seller hands the goods over by itself; pay asks for them afterwards.
    pub due_at: Timestamp,
}

/// What money is set aside from.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldMeans {
    /// The buyer's balance.
    Balance,
    /// The promise of a broker, made to the buyer for this node.
    Visa(String),
}

impl fmt::Debug for HoldMeans {
    /// Without the promise, which is as good as money until it is spent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Balance => "Balance",
            Self::Visa(_) => "Visa",
        })
    }
}

/// Money that is set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldGoods {
    /// The checkout that it is set aside for.
    pub checkout: CheckoutId,
    /// The receipt that will exist once the goods are handed over.
    pub receipt: ReceiptId,
}
