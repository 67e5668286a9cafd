//! What a rail says that it has done, listed: the other side of a reconciliation.

use imajin_kernel::Timestamp;
use imajin_money::{Amount, Asset, Money};

/// What sort of thing a rail has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactKind {
    /// It has taken money from a buyer.
    Payment,
    /// It has sent money back to a buyer.
    Refund,
    /// A buyer's bank has taken money back, or tries to.
    Dispute,
    /// It has sent money to a payee.
    Transfer,
    /// It has sent money to the operator's own bank, or kept it for its work: the ledger knows nothing of it.
    Withdrawal,
    /// Money came to it, by its own books. One whose payment is listed as well is that payment.
    Arrival,
    /// Money left it, by its own books. One whose transfer or refund is listed as well is that one.
    Departure,
}

impl FactKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Payment,
        Self::Refund,
        Self::Dispute,
        Self::Transfer,
        Self::Withdrawal,
        Self::Arrival,
        Self::Departure,
    ];

    /// The text in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
            Self::Transfer => "transfer",
            Self::Withdrawal => "withdrawal",
            Self::Arrival => "arrival",
            Self::Departure => "departure",
        }
    }
}

/// Something that a rail has done, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RailFact {
    /// What sort of thing.
    pub kind: FactKind,
    /// The rail's own reference of it.
    pub reference: String,
    /// What it is about: the checkout of a payment, the payment of a refund or of a dispute, the payout that a transfer
    /// is a part of, the rail's name for the movement of an arrival or a departure. Empty when the rail does not say.
    pub about: String,
    /// When it was made.
    pub time: Timestamp,
    /// How much it is about.
    pub amount: Money,
    /// Of a payment, what the rail keeps of it, once it has said so; of a dispute, what it has taken because of it,
    /// with its own fee, less what it gave back; of a transfer, what came back of it.
    pub extra: Option<Amount>,
    /// Where it stands: `done`, `under_way` or `failed`; of a dispute `open`, `won` or `lost`.
    pub state: &'static str,
}

impl RailFact {
    /// What it adds to what the rail holds for the node, in the smallest units.
    pub fn held_units(&self) -> i64 {
        let (amount, extra) = (self.amount.amount.micros(), self.extra.map_or(0, Amount::micros));
        if self.state == FACT_FAILED {
            return 0;
        }
        match self.kind {
            FactKind::Payment => amount.saturating_sub(extra),
            FactKind::Arrival => amount,
            FactKind::Refund | FactKind::Withdrawal | FactKind::Departure => amount.saturating_neg(),
            FactKind::Dispute => extra.saturating_neg(),
            FactKind::Transfer => extra.saturating_sub(amount),
        }
    }

    /// What it takes from what the rail holds for the node, in the smallest units, without the ledger knowing of it;
    /// below zero what it adds.
    pub fn withdrawn_units(&self) -> i64 {
        match self.kind {
            FactKind::Withdrawal | FactKind::Arrival | FactKind::Departure => self.held_units().saturating_neg(),
            FactKind::Payment | FactKind::Refund | FactKind::Dispute | FactKind::Transfer => 0,
        }
    }
}

/// It is done.
pub const FACT_DONE: &str = "done";
/// The rail is at it.
pub const FACT_UNDER_WAY: &str = "under_way";
/// It came to nothing; no money has moved.
pub const FACT_FAILED: &str = "failed";

/// A page of a rail's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactPage {
    /// In no order that matters.
    pub facts: Vec<RailFact>,
    /// With what to ask for the next page; none on the last one.
    pub cursor: Option<String>,
    /// Where a list ends because more of it cannot be read, and not because there is no more.
    pub cut: Option<FactCut>,
}

/// A list that was not read to its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactCut {
    /// What is listed there.
    pub asset: Asset,
    /// Since when everything of it was read.
    pub since: Timestamp,
}

/// What a rail says that it holds for the node, of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RailBalance {
    /// The asset.
    pub asset: Asset,
    /// The smallest units; below zero when the rail wants money back.
    pub units: i64,
}
