use imajin_fair::distribution::{ContractError, HistoryError};
use imajin_fair::plan::PlanError;
use imajin_kernel::{Code, Problem};
use imajin_ledger::{LedgerError, Refusal};
use imajin_proof::ProofError;
use imajin_rails::RailError;
use imajin_store::StoreError;

use crate::SERVICE;

/// Why pay refused something. Knows no HTTP: [`PayError::code`] is mapped to it elsewhere, once.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// The database refused, or a row in it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ledger could not work.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The ledger did not book it.
    #[error("{0}")]
    Refusal(#[from] Refusal),
    /// A rail did not do it, or a message is not from it.
    #[error("{0}")]
    Rail(#[from] RailError),
    /// The price cannot be split.
    #[error("{0}")]
    Plan(#[from] PlanError),
    /// A distribution contract is none, or not signed by whose money it divides.
    #[error("{0}")]
    Contract(#[from] ContractError),
    /// A distribution contract does not follow the one before it.
    #[error("{0}")]
    ContractHistory(#[from] HistoryError),
    /// A document could not be signed or does not verify.
    #[error("{0}")]
    Proof(#[from] ProofError),
    /// A member of the request is missing, too long, or impossible.
    #[error("{member}: {problem}.")]
    Invalid {
        /// The path of the member in the body.
        member: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The caller named a price.
    #[error("`{member}`: the price comes from the seller, never from the caller.")]
    PriceNamed {
        /// The member that names it.
        member: String,
    },
    /// A request that moves value came without an idempotency key.
    #[error("This request moves money, so it needs the header `Idempotency-Key`.")]
    IdempotencyKeyMissing,
    /// The idempotency key was used with another request.
    #[error("This idempotency key was used with another request.")]
    IdempotencyMismatch,
    /// The first request with this key has not ended yet.
    #[error("The first request with this idempotency key has not ended yet.")]
    IdempotencyInFlight,
    /// There is no such thing, or the caller may not know that there is.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The state of the thing does not allow it.
    #[error("{detail}")]
    State {
        /// What the state is.
        detail: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// No rail of this node takes this currency.
    #[error("Nothing at this node takes payments in {asset}.")]
    NoRail {
        /// The currency.
        asset: String,
    },
    /// A visa does not pay for it.
    #[error("This visa cannot be used: {0}")]
    Visa(String),
    /// Another service refused.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// A fault of ours; the text goes to the log only.
    #[error("{0}")]
    Fault(String),
}

impl From<diesel::result::Error> for PayError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl PayError {
    /// A member of the request is wrong.
    pub(crate) fn invalid(member: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid {
            member: member.into(),
            problem: problem.into(),
        }
    }

    /// A row holds something that this program never writes.
    pub(crate) fn damaged(table: &str, row: &str, problem: &str) -> Self {
        Self::Store(StoreError::damaged(SERVICE, table, &row, problem))
    }

    /// The closed code for the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::Refusal(refusal) => refusal.code(),
            Self::Rail(error) => error.code(),
            Self::Plan(error) => error.code(),
            Self::Contract(error) => error.code(),
            Self::ContractHistory(error) => error.code(),
            Self::Proof(error) => error.code(),
            Self::Invalid { .. } | Self::PriceNamed { .. } | Self::IdempotencyKeyMissing => Code::InvalidRequest,
            Self::IdempotencyMismatch => Code::IdempotencyMismatch,
            Self::IdempotencyInFlight => Code::IdempotencyInFlight,
            Self::Visa(_) => Code::PaymentFailed,
            Self::NotFound(_) => Code::NotFound,
            Self::Forbidden(_) => Code::Forbidden,
            Self::State { .. } | Self::NoRail { .. } => Code::Conflict,
            Self::Problem(problem) => problem.code,
            Self::Fault(_) => Code::Internal,
        }
    }
}

impl From<PayError> for Problem {
    fn from(error: PayError) -> Self {
        let problem = Self::new(error.code(), error.to_string());
        match error {
            PayError::Store(error) => error.into(),
            PayError::Ledger(error) => error.into(),
            PayError::Refusal(refusal) => refusal.into(),
            PayError::Problem(problem) => problem,
            PayError::Fault(cause) => {
                tracing::error!(%cause, "pay met a fault");
                Self::internal()
            }
            PayError::Invalid { member, .. } => problem.with("member", member),
            PayError::Contract(ContractError::Member(wrong)) => problem.with("member", wrong.name),
            PayError::PriceNamed { member } => problem
                .with("member", member)
                .hint("Leave it out; GET the goods at their seller to see the price."),
            PayError::State { hint, .. } => problem.hint(hint),
            PayError::IdempotencyKeyMissing => problem.hint("Send a random key, and the same one when you try again."),
            PayError::IdempotencyMismatch => problem.hint("Use a new key for a new request."),
            PayError::IdempotencyInFlight => problem.hint("Wait a moment and repeat it.").retry_after_seconds(1),
            PayError::Visa(_) => {
                problem.hint("Ask a broker that this node trusts for a visa for it: GET /pay/api/brokers.")
            }
            PayError::NoRail { .. } => problem.hint("Ask the node's operator which currencies it takes."),
            _ => problem,
        }
    }
}
