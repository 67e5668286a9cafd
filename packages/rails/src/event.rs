//! What rails say.

use imajin_kernel::Timestamp;
use imajin_kernel::id::CheckoutId;
use imajin_money::{Amount, Money};

/// What happened at a rail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RailEvent {
    /// The rail's own identifier of the message: the same event sent again has the same.
    pub id: String,
    /// The checkout that it is about, if it is about one.
    pub checkout: Option<CheckoutId>,
    /// What happened.
    pub outcome: RailOutcome,
    /// How much money it is about; nothing where it is not about money.
    pub amount: Money,
    /// The rail's own reference of what it is about: of the payment, for the receipt and for a refund.
    pub reference: String,
    /// When it happened, as the rail says.
    pub time: Timestamp,
}

/// The ways in which a payment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RailOutcome {
    /// The rail has the money.
    Paid,
    /// This attempt failed; the buyer may try again.
    Failed,
    /// The buyer left.
    Cancelled,
    /// What the rail takes of a payment for itself is known now. The amount is the payment's.
    FeeKnown,
    /// The buyer's bank disputes a payment, or the dispute goes on or is over. The amount is what is disputed.
    Disputed,
    /// Something about a payee's account has changed: the reference is the account's.
    PayeeChanged,
    /// Money that was sent to a payee came back: the reference is the transfer's, the amount all that came back of it.
    TransferReversed,
    /// A refund that the rail had made did not arrive at the buyer: the reference is the refund's, and the money is at
    /// the rail again.
    RefundFailed,
    /// A payee's bank did not take what the rail sent there: the reference is the payee's account at the rail, and the
    /// money is there again.
    PayoutFailed,
}

impl RailOutcome {
    /// All outcomes.
    pub const ALL: [Self; 9] = [
        Self::Paid,
        Self::Failed,
        Self::Cancelled,
        Self::FeeKnown,
        Self::Disputed,
        Self::PayeeChanged,
        Self::TransferReversed,
        Self::RefundFailed,
        Self::PayoutFailed,
    ];

    /// The text in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paid => "paid",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::FeeKnown => "fee_known",
            Self::Disputed => "disputed",
            Self::PayeeChanged => "payee_changed",
            Self::TransferReversed => "transfer_reversed",
            Self::RefundFailed => "refund_failed",
            Self::PayoutFailed => "payout_failed",
        }
    }
}

/// What a rail takes of a payment for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RailFee {
    /// Nothing, of no payment.
    Free,
    /// Something, and it does not say yet how much.
    Unknown,
    /// This much, in the currency of the payment.
    Known(Amount),
}

/// What a rail says when it is asked about an event of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    /// The event as it is true now; its identifier is that of the message.
    pub event: RailEvent,
    /// What the rail takes of the payment.
    pub fee: RailFee,
    /// The dispute, when it is about one.
    pub dispute: Option<RailDispute>,
    /// Whether a payee's account can be paid, when it is about one.
    pub payee_ready: Option<bool>,
}

impl Confirmed {
    /// An event that is about no dispute.
    pub const fn plain(event: RailEvent, fee: RailFee) -> Self {
        Self {
            event,
            fee,
            dispute: None,
            payee_ready: None,
        }
    }
}

/// A payment that the buyer's bank has taken back, or tries to; the event's reference is the dispute's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RailDispute {
    /// The payment.
    pub payment: String,
    /// What the rail has taken because of it so far, with its own fee, in the currency of the payment.
    pub taken: Amount,
    /// What of that it has given back.
    pub given_back: Amount,
    /// Where it stands.
    pub state: DisputeState,
}

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeState {
    /// Nobody has decided.
    Open,
    /// The payment stands.
    Won,
    /// The buyer keeps the money.
    Lost,
}

impl DisputeState {
    /// The text in the database and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}
