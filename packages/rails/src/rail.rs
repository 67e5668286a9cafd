use async_trait::async_trait;
use imajin_did::Did;
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Code, Timestamp};
use imajin_money::{Asset, Money};

use crate::{Confirmed, FactPage, RailBalance, RailEvent, RailFee, RailShare};

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

/// Somebody who wants to be paid through a rail.
#[derive(Debug, Clone)]
pub struct RailPayee {
    /// Who.
    pub did: Did,
    /// Where they live: an ISO 3166 country in two letters.
    pub country: String,
}

/// Money on its way to a payee.
#[derive(Debug, Clone)]
pub struct RailTransfer {
    /// The rail's key against sending twice.
    pub key: String,
    /// The payout that it is a part of.
    pub payout: String,
    /// The payee's account at the rail.
    pub account: String,
    /// The payment that the money came with.
    pub source: String,
    /// How much.
    pub amount: Money,
}

/// How a rail does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RailHealth {
    /// Whether it answered the last time that it was asked; `None` before the first.
    pub works: Option<bool>,
    /// When it was asked last.
    pub asked_at: Option<Timestamp>,
    /// What was wrong then. Holds no secret.
    pub problem: Option<String>,
    /// What its operator has still to do, one sentence each. Holds no secret.
    pub missing: Vec<String>,
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

const DISPUTE_PREFIX: &str = "dispute of ";

impl Refunded {
    /// Nothing was sent: the buyer's bank has taken back the payment of this reference already.
    pub fn by_dispute(payment: &str) -> Self {
        Self {
            reference: format!("{DISPUTE_PREFIX}{payment}"),
        }
    }

    /// Whether the buyer's bank has taken the money itself, so that the rail sent nothing.
    pub fn is_by_dispute(&self) -> bool {
        self.reference.starts_with(DISPUTE_PREFIX)
    }
}

/// The header fields of a message, by lower-case name.
pub type Headers = [(String, String)];

/// Why a rail did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RailError {
    /// The message is not from this rail, or was changed on the way.
    #[error("the message is not signed by this rail")]
    Forged,
    /// The message is from the rail, and was signed too long ago, or in the future.
    #[error("the message was signed too long ago, or the clock of this node is wrong")]
    Stale,
    /// The message is from the rail, and about money of the other sort: test money where real money is due, or the
    /// other way round.
    #[error("the message is about {0}, and this rail takes the other sort")]
    WrongMoney(&'static str),
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
            Self::Stale => Code::StaleSignature,
            Self::Malformed(_) | Self::WrongMoney(_) => Code::InvalidRequest,
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

    /// Whether it takes payments in an asset.
    fn takes(&self, asset: Asset) -> bool {
        self.is_test() == asset.is_test()
    }

    /// Whether it can pay the payees of a checkout itself.
    fn splits(&self) -> bool {
        false
    }

    /// Opens a checkout whose payees the rail pays itself, as far as it can. The shares sum to the price.
    async fn open_split(&self, checkout: &RailCheckout, _shares: &[RailShare]) -> Result<Opened, RailError> {
        self.open(checkout).await
    }

    /// Opens a checkout at the rail.
    async fn open(&self, checkout: &RailCheckout) -> Result<Opened, RailError>;

    /// Checks that a message is from the rail, and reads it. `None`: it is genuine, and about nothing that matters
    /// here.
    ///
    /// An event may come twice and late: rails repeat and delay them. Whoever books it keeps the event's id.
    fn verify(&self, message: &[u8], headers: &Headers) -> Result<Option<RailEvent>, RailError>;

    /// Whether a message is only a hint, and the rail must be asked what is true: [`Rail::confirm`] then calls
    /// somebody else's computer.
    fn is_remote(&self) -> bool {
        false
    }

    /// What is true about an event, before anything is booked for it. `None`: it is not so, or does not matter.
    async fn confirm(&self, event: RailEvent) -> Result<Option<Confirmed>, RailError> {
        Ok(Some(Confirmed::plain(event, RailFee::Free)))
    }

    /// What the rail takes of a payment, by the payment's reference.
    async fn fee(&self, _reference: &str) -> Result<RailFee, RailError> {
        Ok(RailFee::Free)
    }

    /// Ends a checkout at the rail, by the reference with which it was opened: nobody can pay it any more. Ending it
    /// twice, or after it was paid, is no error.
    async fn close(&self, _reference: &str) -> Result<(), RailError> {
        Ok(())
    }

    /// Sends money back, once for each key. A key that was refused stays refused: two processes may ask at once, and
    /// one of them books the refusal.
    async fn refund(&self, refund: &RailRefund) -> Result<Refunded, RailError>;

    /// Whether it can send money to payees.
    fn pays_out(&self) -> bool {
        false
    }

    /// Whether what it sends to payees comes out of one pool, and not out of the payments that the money came with.
    fn pools(&self) -> bool {
        false
    }

    /// Whether it makes accounts for payees; otherwise they name an address of their own.
    fn onboards(&self) -> bool {
        self.pays_out() && !self.pools()
    }

    /// The part of an amount that it can send at once: whole coins, and no more than may leave.
    fn payable(&self, money: Money) -> Money {
        money
    }

    /// Makes an account for a payee, once for each; answers with the rail's name for it.
    async fn payee_make(&self, _payee: &RailPayee) -> Result<String, RailError> {
        Err(RailError::Refused("it pays nobody".to_owned()))
    }

    /// Where a payee completes their account. They come back to `return_path` of the node.
    async fn payee_link(&self, _account: &str, _return_path: &str) -> Result<String, RailError> {
        Err(RailError::Refused("it pays nobody".to_owned()))
    }

    /// Whether a payee's account can be paid.
    async fn payee_ready(&self, _account: &str) -> Result<bool, RailError> {
        Err(RailError::Refused("it pays nobody".to_owned()))
    }

    /// Sends money to a payee, once for each key; answers with the rail's reference of it. A key that was refused stays
    /// refused, as with [`refund`](Self::refund).
    async fn transfer(&self, _transfer: &RailTransfer) -> Result<String, RailError> {
        Err(RailError::Refused("it pays nobody".to_owned()))
    }

    /// Whether it can list what it has done.
    fn lists(&self) -> bool {
        false
    }

    /// A page of what it has done since a moment, as far as it concerns this node. The first page is asked for without
    /// a cursor. What is done while the pages are read may be missing.
    async fn facts(&self, _since: Timestamp, _cursor: Option<&str>) -> Result<FactPage, RailError> {
        Err(RailError::Refused("it lists nothing".to_owned()))
    }

    /// What it holds for the node now, by its own word; `None` when it says nothing about that.
    async fn balances(&self) -> Result<Option<Vec<RailBalance>>, RailError> {
        Ok(None)
    }

    /// How it did when it was asked last; asks nobody.
    fn health(&self) -> RailHealth {
        RailHealth {
            works: Some(true),
            ..RailHealth::default()
        }
    }

    /// Asks the rail whether it works.
    async fn probe(&self) -> RailHealth {
        self.health()
    }
}
