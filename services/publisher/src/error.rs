use imajin_fair::{AcceptanceError, EndorsementError, LineageError, ManifestError, SignatureError};
use imajin_kernel::{Code, Problem};
use imajin_store::StoreError;
use imajin_web::SignerError;

use crate::SERVICE;

/// Why publisher refused something. Knows no HTTP: [`PublisherError::code`] is mapped to it elsewhere, once.
#[derive(Debug, thiserror::Error)]
pub enum PublisherError {
    /// The database refused, or a row in it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A member of the request is missing, too long, or impossible.
    #[error("{member}: {problem}.")]
    Invalid {
        /// The path of the member in the body or the query.
        member: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The idempotency key was used with another request.
    #[error("This idempotency key was used with another request.")]
    IdempotencyMismatch,
    /// There is no such thing.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// The state of the library does not allow it.
    #[error("{detail}")]
    State {
        /// What the state is.
        detail: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The manifest is none.
    #[error("{0}.")]
    Manifest(#[from] ManifestError),
    /// The author's signature.
    #[error("{0}.")]
    Signature(#[from] SignatureError),
    /// The key of whoever signed.
    #[error("{0}.")]
    Signer(#[from] SignerError),
    /// A countersignature.
    #[error("{0}.")]
    Acceptance(#[from] AcceptanceError),
    /// An endorsement.
    #[error("{0}.")]
    Endorsement(#[from] EndorsementError),
    /// The works that it is made from.
    #[error("{0}.")]
    Lineage(#[from] LineageError),
    /// Another service refused.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// A fault of ours; the text goes to the log only.
    #[error("{0}")]
    Fault(String),
}

impl From<diesel::result::Error> for PublisherError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl PublisherError {
    /// A member of the request is wrong.
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
            Self::IdempotencyMismatch => Code::IdempotencyMismatch,
            Self::NotFound(_) => Code::NotFound,
            Self::State { .. } => Code::Conflict,
            Self::Manifest(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::Signer(error) => error.code(),
            Self::Acceptance(error) => error.code(),
            Self::Endorsement(error) => error.code(),
            Self::Lineage(error) => error.code(),
            Self::Problem(problem) => problem.code,
            Self::Fault(_) => Code::Internal,
        }
    }
}

impl From<PublisherError> for Problem {
    fn from(error: PublisherError) -> Self {
        let problem = Self::new(error.code(), error.to_string());
        match error {
            PublisherError::Store(error) => error.into(),
            PublisherError::Problem(problem) => problem,
            PublisherError::Fault(cause) => {
                tracing::error!(%cause, "publisher met a fault");
                Self::internal()
            }
            PublisherError::Invalid { member, .. } => problem.with("member", member),
            PublisherError::Manifest(ManifestError::Member(wrong)) => problem.with("member", wrong.name),
            PublisherError::State { hint, .. } => problem.hint(hint),
            PublisherError::Signature(SignatureError::Unsigned) => {
                problem.hint("Its author signs it: imajin fair sign FILE.")
            }
            PublisherError::Signer(SignerError::Outdated { .. }) => problem
                .hint("The work is signed again with a key that counts: imajin fair sign, or imajin fair accept."),
            _ => problem,
        }
    }
}
