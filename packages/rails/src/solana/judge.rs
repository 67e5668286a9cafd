//! Whether a transaction pays a checkout.

use std::collections::BTreeMap;

use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use super::landed::{Landed, Move};
use super::{Address, Coin, Payment, Transfer};

/// What a finalised transaction is to a checkout whose reference it carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// It pays exactly what was to be paid, to exactly those who were to be paid.
    Exact {
        /// Whether the payees were paid on the chain; otherwise the node received everything.
        split: bool,
    },
    /// It pays the right token to the right accounts, and not the right amounts.
    WrongAmount,
    /// It pays another token.
    WrongToken,
    /// Its transfers carry something else beside the reference, perhaps that of another checkout: whose money it is
    /// has to be decided by a person.
    Ambiguous,
    /// It failed on the chain, and moved nothing.
    Failed {
        /// What went wrong.
        error: String,
    },
    /// It carries the reference and pays nobody whom the checkout knows.
    Stray,
}

/// A finalised transaction about a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sighting {
    /// Its name, the same whenever it is seen.
    pub signature: String,
    /// The slot of its block.
    pub slot: u64,
    /// When its block was made.
    pub time: Timestamp,
    /// What it is.
    #[serde(flatten)]
    pub finding: Finding,
    /// Whether it came after the checkout had ended.
    pub late: bool,
    /// Whether the checkout had been paid by another transaction before.
    pub duplicate: bool,
    /// What arrived because of this checkout at accounts of the node and of the payees.
    pub received: Vec<Move>,
}

impl Sighting {
    /// Whether the checkout is paid by it: the one case in which goods are issued.
    pub const fn pays(&self) -> bool {
        matches!(self.finding, Finding::Exact { .. }) && !self.late && !self.duplicate
    }

    /// What is wrong with it and what becomes of it, for the pages; `None` when it pays.
    pub fn explained(&self) -> Option<String> {
        let text = match &self.finding {
            Finding::Exact { .. } if self.duplicate => "This was paid before; what the node received is sent back.",
            Finding::Exact { .. } if self.late => {
                "It came after the time to pay; what the node received is sent back if the goods are gone."
            }
            Finding::Exact { .. } => return None,
            Finding::WrongAmount => "The amount is not what was asked for; what the node received is sent back.",
            Finding::WrongToken => {
                "Another token arrived than was asked for; USDC and SOL are sent back, and no other token is taken."
            }
            Finding::Ambiguous => {
                "It names more than this checkout, so whose money it is has to be decided by the operator of this node."
            }
            Finding::Failed { .. } => "This attempt failed on the chain, and nothing was paid.",
            Finding::Stray => "It names this checkout, and pays nobody whom the checkout knows.",
        };
        Some(text.to_owned())
    }

    /// What arrived at the node and does not pay: it can be sent back to who sent it. What payees received directly
    /// only they can send back.
    pub fn returnable<'a>(&'a self, node: &'a Address) -> impl Iterator<Item = &'a Move> {
        // What two checkouts see must not be sent back by both.
        let keeps = self.pays() || self.finding == Finding::Ambiguous;
        self.received
            .iter()
            .filter(move |received| !keeps && received.owner == *node)
    }
}

/// Judges a transaction. `seen_at` stands for the time of a block that has none.
///
/// Only transfers count whose own instruction carries the reference and no other: otherwise one transfer with two
/// references would pay two checkouts.
pub fn judge(payment: &Payment, expires_at: Timestamp, landed: &Landed, seen_at: Timestamp) -> Sighting {
    let tagged = landed
        .moves
        .iter()
        .filter(|moved| moved.references.contains(&payment.reference));
    let received: Vec<Move> = tagged.filter(|moved| concerns(payment, moved)).cloned().collect();
    let time = landed.time.unwrap_or(seen_at);
    Sighting {
        signature: landed.signature.clone(),
        slot: landed.slot,
        time,
        finding: finding(payment, landed, &received),
        late: time > expires_at,
        duplicate: false,
        received,
    }
}

fn finding(payment: &Payment, landed: &Landed, received: &[Move]) -> Finding {
    if let Some(error) = &landed.error {
        return Finding::Failed { error: error.clone() };
    }
    if received.iter().any(|moved| moved.references != [payment.reference]) {
        return Finding::Ambiguous;
    }
    let mut arrived: BTreeMap<Address, u64> = BTreeMap::new();
    for moved in received.iter().filter(|moved| counts(payment, moved)) {
        let total = arrived.entry(moved.account).or_default();
        *total = total.saturating_add(moved.units);
    }
    arrived.retain(|_account, units| *units > 0);
    let is = |transfers: &[Transfer]| {
        let wanted = transfers
            .iter()
            .map(|transfer| (transfer.account, Coin::units(transfer.amount)));
        wanted.collect::<BTreeMap<_, _>>() == arrived
    };
    if is(&payment.transfers) {
        let split = payment.transfers != [payment.single.clone()];
        return Finding::Exact { split };
    }
    if is(std::slice::from_ref(&payment.single)) {
        return Finding::Exact { split: false };
    }
    match (arrived.is_empty(), received.iter().any(|moved| moved.units > 0)) {
        (false, _) => Finding::WrongAmount,
        (true, true) => Finding::WrongToken,
        (true, false) => Finding::Stray,
    }
}

fn known(payment: &Payment) -> impl Iterator<Item = &Transfer> {
    payment.transfers.iter().chain([&payment.single])
}

/// Whether the money arrived at somebody whom the payment knows, in whatever token.
fn concerns(payment: &Payment, moved: &Move) -> bool {
    known(payment).any(|transfer| transfer.owner == moved.owner || transfer.account == moved.account)
}

/// Whether it is the right token in the right account.
fn counts(payment: &Payment, moved: &Move) -> bool {
    moved.mint == payment.coin.mint && known(payment).any(|transfer| transfer.account == moved.account)
}
