use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use imajin_store::{Finding, StoreError};

use crate::{HoldState, Limit};

/// The ledger could not work at all. Nothing of the whole batch was booked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database refused or is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A row is not as the ledger left it; booking on top of it would spread the damage.
    #[error("{0}")]
    Damaged(Finding),
}

impl From<diesel::result::Error> for LedgerError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl LedgerError {
    /// How a caller should see it.
    pub const fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Damaged(_) => Code::Internal,
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => error.into(),
            LedgerError::Damaged(finding) => StoreError::Damaged(finding).into(),
        }
    }
}

/// Why one command was not booked. The others of its batch are not affected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The account has less than what should leave it.
    #[error("{wanted} is needed, and only {available} is there")]
    Insufficient {
        /// What is there.
        available: Money,
        /// What should leave.
        wanted: Money,
    },
    /// A limit that the operator has set for the account does not allow it.
    #[error("{} {allowed}, and it would be {would_be}", limit.says())]
    Limited {
        /// Which one.
        limit: Limit,
        /// What it allows.
        allowed: Money,
        /// What it would have come to.
        would_be: Money,
    },
    /// Only an account that its owner spends from, and a rail's own, can have limits; and they must leave something.
    #[error(
        "limits are for available accounts and for rails, are not below zero, and a floor lies below its ceiling; a \
         rail has no floor"
    )]
    NoLimits,
    /// The movements of one asset do not sum to zero.
    #[error("the movements do not sum to zero")]
    Unbalanced,
    /// There is nothing to move, or a movement of nothing.
    #[error("an entry moves at least one unit between at least two accounts")]
    Empty,
    /// More movements than one entry may have.
    #[error("an entry has at most {max} movements")]
    TooManyMovements {
        /// The limit.
        max: usize,
    },
    /// A key or a reference is empty or longer than 255 bytes.
    #[error("a key and a reference have 1 to 255 bytes")]
    BadText,
    /// A balance would leave the range of numbers.
    #[error("the amount is too large for this account")]
    TooLarge,
    /// Held money moves by holds only, and only an owner who can be in debt to nobody can hold.
    #[error("held money is moved by its hold only")]
    HeldAccount,
    /// The key stands for another command.
    #[error("this key was used for something else")]
    KeyReused,
    /// There is no such hold.
    #[error("there is no such hold")]
    HoldUnknown,
    /// The hold has ended.
    #[error("the hold has ended: it is {state}")]
    HoldEnded {
        /// How.
        state: HoldState,
    },
    /// The hold's time has passed.
    #[error("the time of the hold has passed")]
    HoldExpired,
    /// The hold's time has not passed yet.
    #[error("the time of the hold has not passed yet")]
    HoldNotExpired,
    /// More is wanted than is held.
    #[error("{wanted} is wanted, and only {remaining} is held")]
    HoldTooSmall {
        /// What is still held.
        remaining: Money,
        /// What was wanted.
        wanted: Money,
    },
    /// The hold counts another asset.
    #[error("the hold counts another currency")]
    HoldOtherAsset,
}

impl Refusal {
    /// How a caller should see it.
    pub const fn code(&self) -> Code {
        match self {
            Self::Insufficient { .. } => Code::PaymentRequired,
            Self::Unbalanced
            | Self::NoLimits
            | Self::Empty
            | Self::TooManyMovements { .. }
            | Self::BadText
            | Self::TooLarge
            | Self::HeldAccount => Code::InvalidRequest,
            Self::KeyReused => Code::IdempotencyMismatch,
            Self::HoldUnknown => Code::NotFound,
            Self::HoldExpired => Code::HoldExpired,
            Self::Limited { .. }
            | Self::HoldEnded { .. }
            | Self::HoldNotExpired
            | Self::HoldTooSmall { .. }
            | Self::HoldOtherAsset => Code::Conflict,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        let mut letters = text.chars();
        let sentence = letters.next().map_or_else(String::new, |first| {
            format!("{}{}.", first.to_uppercase(), letters.as_str())
        });
        let problem = Self::new(refusal.code(), sentence);
        match refusal {
            Refusal::Limited { limit, allowed, .. } => problem
                .with("limit", limit.as_str())
                .with("allowed", serde_json::to_value(allowed).unwrap_or_default())
                .hint("Move less, wait for the next day (UTC), or ask the operator of the node."),
            _ => problem,
        }
    }
}
