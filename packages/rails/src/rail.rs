use async_trait::async_trait;
use imajin_did::Did;
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Code, Timestamp};
use imajin_money::Money;

/// What a rail must know of a checkout to take the money.
#[derive(Debug, Clone)]
pub struct RailCheckout {
    /// The checkout; also the rail's key against opening it twice.
    pub id: CheckoutId,
    /// One line for the buyer.
    pub title: String,
    /// What is to be paid, exactly.
    pub price: Money,
    /// Who pays.
    pub payer: Did,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// Where the buyer goes after paying.
    pub success_url: String,
    /// Where the buyer goes instead.
    pub cancel_url: String,
}

/// A checkout that is open at its rail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Where the buyer pays.
    pub url: String,
    /// The rail's own name for it, if it has one before anything is paid.
    pub reference: Option<String>,
}

/// What happened at a rail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RailEvent {
    /// The rail's own identifier of the message: the same event sent again has the same.
    pub id: String,
    /// The checkout that it is about.
    pub checkout: CheckoutId,
    /// What happened.
    pub outcome: RailOutcome,
    /// How much money it is about.
    pub amount: Money,
    /// The rail's own reference of the payment, for the receipt and for a refund.
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
}

/// Money that is to go back.
#[derive(Debug, Clone)]
pub struct RailRefund {
    /// The rail's key against refunding twice: the same refund asked again is the same refund.
    pub key: String,
    /// The checkout that it was paid for.
    pub checkout: CheckoutId,
    /// The rail's reference of the payment.
    pub reference: String,
    /// How much goes back.
    pub amount: Money,
}

/// Money is on its way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refunded {
    /// The rail's own reference of the refund.
    pub reference: String,
}

/// The header fields of a message, by lower-case name.
pub type Headers = [(String, String)];

/// Why a rail did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RailError {
    /// The message is not from this rail, or was changed on the way.
    #[error("the message is not signed by this rail")]
    Forged,
    /// The message is from the rail, but says nothing that this node understands.
    #[error("the message cannot be read: {0}")]
    Malformed(String),
    /// The rail is away; again later may help.
    #[error("the rail does not answer: {0}")]
    Unavailable(String),
    /// The rail will not do it, now or later.
    #[error("the rail refuses: {0}")]
    Refused(String),
}

impl RailError {
    /// How a caller should see it.
    pub const fn code(&self) -> Code {
        match self {
            Self::Forged => Code::BadSignature,
            Self::Malformed(_) => Code::InvalidRequest,
            Self::Unavailable(_) => Code::Unavailable,
            Self::Refused(_) => Code::PaymentFailed,
        }
    }
}

/// A way of taking money. Every method may be called again with the same request.
#[async_trait]
pub trait Rail: Send + Sync + 'static {
    /// The name in URLs, in the ledger and on receipts.
    fn name(&self) -> &'static str;

    /// Whether its money is worth nothing. Such a rail takes test assets only, any other rail takes none.
    fn is_test(&self) -> bool;

    /// Opens a checkout at the rail.
    async fn open(&self, checkout: &RailCheckout) -> Result<Opened, RailError>;

    /// Checks that a message is from the rail, and reads it. `None`: it is genuine, and about nothing that matters
    /// here.
    ///
    /// The age of a message does not matter: rails repeat and delay them. Whoever books it keeps the event's id.
    fn verify(&self, message: &[u8], headers: &Headers) -> Result<Option<RailEvent>, RailError>;

    /// Sends money back.
    async fn refund(&self, refund: &RailRefund) -> Result<Refunded, RailError>;
}
