use imajin_connections_api::StatementError;
use imajin_kernel::{Code, Problem};
use imajin_store::StoreError;
use imajin_web::SignerError;

use crate::SERVICE;

/// Why connections refused something. Knows no HTTP: [`ConnectionsError::code`] is mapped to it elsewhere, once.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionsError {
    /// The database refused, or a row in it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document proves nothing.
    #[error("The document was not accepted: {0}.")]
    Statement(#[from] StatementError),
    /// A key that signed does not count.
    #[error("The document was not accepted: {0}.")]
    Signer(#[from] SignerError),
    /// A member of the request is missing, too long, or impossible.
    #[error("{member}: {problem}.")]
    Invalid {
        /// Which.
        member: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The document was signed by somebody else than the request.
    #[error("The document is signed by somebody else than the request: everybody brings their own.")]
    OtherSigner,
    /// There is no such thing, or the caller may not know that there is.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// An invitation that nobody can take up, for whatever reason.
    #[error("There is no such invitation, or it has ended, or all of its places are taken.")]
    NoInvite,
    /// The caller is known, and may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// An idempotency key was used for something else, or its first request still runs.
    #[error("This idempotency key belongs to another request.")]
    IdempotencyMismatch,
    /// Things stand otherwise: the two are joined already, one of them has asked, a pod is not as this needs it.
    #[error("{0}")]
    Standing(&'static str),
    /// Too much at once.
    #[error("{0}")]
    Limit(String),
    /// The question names a change that this node has not seen.
    #[error("This node has not seen the change that the token names.")]
    TokenUnknown,
    /// Another service refused.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// A fault of ours; the text goes to the log only.
    #[error("{0}")]
    Fault(String),
}

impl From<diesel::result::Error> for ConnectionsError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<imajin_proof::ProofError> for ConnectionsError {
    fn from(error: imajin_proof::ProofError) -> Self {
        Self::Statement(error.into())
    }
}

impl ConnectionsError {
    /// A member is wrong.
    pub(crate) fn invalid(member: &'static str, problem: impl Into<String>) -> Self {
        Self::Invalid {
            member,
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
            Self::Statement(error) => error.code(),
            Self::Signer(error) => error.code(),
            Self::Invalid { .. } => Code::InvalidRequest,
            Self::OtherSigner | Self::Forbidden(_) => Code::Forbidden,
            Self::NotFound(_) | Self::NoInvite => Code::NotFound,
            Self::Standing(_) => Code::Conflict,
            Self::IdempotencyMismatch => Code::IdempotencyMismatch,
            Self::Limit(_) => Code::RateLimited,
            Self::TokenUnknown => Code::PreconditionFailed,
            Self::Problem(problem) => problem.code,
            Self::Fault(_) => Code::Internal,
        }
    }
}

impl From<ConnectionsError> for Problem {
    fn from(error: ConnectionsError) -> Self {
        let problem = Self::new(error.code(), error.to_string());
        match error {
            ConnectionsError::Store(error) => error.into(),
            ConnectionsError::Problem(problem) => problem,
            ConnectionsError::Fault(cause) => {
                tracing::error!(%cause, "connections met a fault");
                Self::internal()
            }
            ConnectionsError::Invalid { member, .. } => problem.with("member", member),
            ConnectionsError::TokenUnknown => problem.hint("Ask without a token, or the node that gave it to you."),
            ConnectionsError::IdempotencyMismatch => problem.hint("Use a new key for a new request."),
            ConnectionsError::NoInvite => problem.hint("Ask whoever invited you for a new one."),
            _ => problem,
        }
    }
}
