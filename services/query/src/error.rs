use imajin_consent::{GrantError, Refusal};
use imajin_engine::{DocumentError, EngineError};
use imajin_fair::{ManifestError, SignatureError};
use imajin_kernel::{Code, Problem};
use imajin_proof::ProofError;
use imajin_query_api::TermsError;
use imajin_store::StoreError;
use imajin_web::SignerError;

use crate::SERVICE;

/// Why a question, a document or terms were refused. Knows no HTTP: [`QueryError::code`] is mapped to it elsewhere,
/// once.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The database refused, or a row in it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A member of the request is missing, too long, or impossible.
    #[error("{member}: {problem}.")]
    Invalid {
        /// Which.
        member: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A signed document proves nothing.
    #[error("The document was not accepted: {0}.")]
    Proof(#[from] ProofError),
    /// A key that signed does not count.
    #[error("The document was not accepted: {0}.")]
    Signer(#[from] SignerError),
    /// The terms cannot hold.
    #[error("{0}.")]
    Terms(#[from] TermsError),
    /// A document cannot be read.
    #[error("{0}.")]
    Document(#[from] DocumentError),
    /// A manifest is none.
    #[error("{0}.")]
    Manifest(#[from] ManifestError),
    /// A manifest's signature.
    #[error("{0}.")]
    Signature(#[from] SignatureError),
    /// A standing grant or its revocation is none.
    #[error("{0}.")]
    Grant(#[from] GrantError),
    /// Trust, consent or price are not enough.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// There is no answer.
    #[error("{0}.")]
    Engine(#[from] EngineError),
    /// Somebody else has signed it.
    #[error("It is signed by somebody else than the request: everybody brings their own.")]
    OtherSigner,
    /// There is no such thing.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// It was used, or the state does not allow it.
    #[error("{0}")]
    Conflict(&'static str),
    /// Its time is over.
    #[error("{0}")]
    Over(&'static str),
    /// Too much at once.
    #[error("{0}")]
    Limit(String),
    /// The key was used with another question.
    #[error("This idempotency key was used with another question.")]
    IdempotencyMismatch,
    /// The question is still being answered.
    #[error("This question is being answered.")]
    InFlight,
    /// Another service refused.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// A fault of ours; the text goes to the log only.
    #[error("{0}")]
    Fault(String),
}

impl From<diesel::result::Error> for QueryError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl QueryError {
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
            Self::Invalid { .. } | Self::Terms(_) => Code::InvalidRequest,
            Self::Proof(error) => error.code(),
            Self::Signer(error) => error.code(),
            Self::Document(error) => error.code(),
            Self::Manifest(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::Grant(error) => error.code(),
            Self::Refusal(error) => error.code(),
            Self::Engine(error) => error.code(),
            Self::OtherSigner => Code::Forbidden,
            Self::NotFound(_) => Code::NotFound,
            Self::Conflict(_) => Code::Conflict,
            Self::Over(_) => Code::Gone,
            Self::Limit(_) => Code::RateLimited,
            Self::IdempotencyMismatch => Code::IdempotencyMismatch,
            Self::InFlight => Code::IdempotencyInFlight,
            Self::Problem(problem) => problem.code,
            Self::Fault(_) => Code::Internal,
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let problem = Self::new(error.code(), error.to_string());
        match error {
            QueryError::Store(error) => error.into(),
            QueryError::Problem(problem) => problem,
            QueryError::Refusal(refusal) => refusal.into(),
            QueryError::Fault(cause) => {
                tracing::error!(%cause, "paid questions met a fault");
                Self::internal()
            }
            QueryError::Invalid { member, .. } => problem.with("member", member),
            QueryError::Terms(wrong) => problem.with("member", wrong.member),
            QueryError::InFlight => problem
                .hint("Ask again with the same Idempotency-Key in a moment: it costs nothing more.")
                .retry_after_seconds(2),
            _ => problem,
        }
    }
}
