use imajin_imagxp::ClaimError;
use imajin_kernel::{Code, Problem};
use imajin_store::StoreError;

use crate::SERVICE;

/// Why the broker refused something. Knows no HTTP: [`BrokerError::code`] is mapped to it elsewhere, once.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The database refused, or a row in it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A member of the request is missing, too long, or impossible.
    #[error("{member}: {problem}.")]
    Invalid {
        /// The path of the member in the body.
        member: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such thing, or the caller may not know that there is.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// The caller is known and may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The state of things does not allow it.
    #[error("{detail}")]
    State {
        /// What is in the way.
        detail: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The account has too little.
    #[error("The account has less than that: {0} is wanted.")]
    Short(imajin_money::Money),
    /// The idempotency key was used with another request.
    #[error("This idempotency key was used with another request.")]
    IdempotencyMismatch,
    /// The agent's name or manifest is not to be used.
    #[error("The agent: {0}.")]
    Agent(#[from] ClaimError),
    /// Another service refused.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// A fault of ours; the text goes to the log only.
    #[error("{0}")]
    Fault(String),
}

impl From<diesel::result::Error> for BrokerError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl BrokerError {
    /// A member of the body is wrong.
    pub(crate) fn invalid(member: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Invalid {
            member: member.into(),
            problem: problem.into(),
        }
    }

    /// A row holds something that this program never writes.
    pub(crate) fn damaged(table: &str, row: &impl ToString, problem: &str) -> Self {
        Self::Store(StoreError::damaged(SERVICE, table, row, problem))
    }

    /// The closed code for the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Invalid { .. } => Code::InvalidRequest,
            Self::NotFound(_) => Code::NotFound,
            Self::Forbidden(_) => Code::Forbidden,
            Self::State { .. } => Code::Conflict,
            Self::Short(_) => Code::PaymentRequired,
            Self::IdempotencyMismatch => Code::IdempotencyMismatch,
            Self::Agent(_) => Code::Unauthenticated,
            Self::Problem(problem) => problem.code,
            Self::Fault(_) => Code::Internal,
        }
    }
}

impl From<BrokerError> for Problem {
    fn from(error: BrokerError) -> Self {
        let problem = Self::new(error.code(), error.to_string());
        match error {
            BrokerError::Store(error) => error.into(),
            BrokerError::Problem(problem) => problem,
            BrokerError::Fault(cause) => {
                tracing::error!(%cause, "the broker met a fault");
                Self::internal()
            }
            BrokerError::Invalid { member, .. } => problem.with("member", member),
            BrokerError::State { hint, .. } => problem.hint(hint),
            BrokerError::Short(wanted) => problem
                .with("wanted", wanted.to_string())
                .hint("Put money in first: POST /broker/api/deposits."),
            BrokerError::IdempotencyMismatch => problem.hint("Use a new key for a new request."),
            BrokerError::Agent(_) => problem.hint(
                "Sign by RFC 9421 with the agent's P-256 key and keyid=\"did:web:<agent's domain>\", and publish the \
                 key at https://<agent's domain>/.well-known/imagxp-agent.json.",
            ),
            _ => problem,
        }
    }
}
