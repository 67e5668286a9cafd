use imajin_kernel::{Code, Problem};
use imajin_store::StoreError;

use crate::picture::PictureError;
use crate::{SERVICE, picture};

/// Why profile refused something. Knows no HTTP: [`ProfileError::code`] is mapped to it elsewhere, once.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The database refused, or a row in it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A member of the request is missing, too long, or impossible.
    #[error("{member}: {problem}.")]
    Invalid {
        /// The path of the member in the body, for example `links[0].url`.
        member: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such thing, or the caller may not know that there is.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// Its owner has deleted it.
    #[error("This profile was deleted by its owner.")]
    Gone,
    /// Another device has changed the profile since the caller read it.
    #[error(
        "Your profile has changed since you opened it: you changed version {given}, and it is at version {current}."
    )]
    Stale {
        /// The version that the caller knew.
        given: String,
        /// The version that there is.
        current: u32,
    },
    /// The idempotency key was used with another request.
    #[error("This idempotency key was used with another request.")]
    IdempotencyMismatch,
    /// The picture cannot be used.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// Another service refused.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// A fault of ours; the text goes to the log only.
    #[error("{0}")]
    Fault(String),
}

impl From<diesel::result::Error> for ProfileError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl ProfileError {
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
            Self::Gone => Code::Gone,
            Self::Stale { .. } => Code::PreconditionFailed,
            Self::IdempotencyMismatch => Code::IdempotencyMismatch,
            Self::Picture(error) => error.code(),
            Self::Problem(problem) => problem.code,
            Self::Fault(_) => Code::Internal,
        }
    }
}

impl From<ProfileError> for Problem {
    fn from(error: ProfileError) -> Self {
        let problem = Self::new(error.code(), error.to_string());
        match error {
            ProfileError::Store(error) => error.into(),
            ProfileError::Problem(problem) => problem,
            ProfileError::Fault(cause) => {
                tracing::error!(%cause, "profile met a fault");
                Self::internal()
            }
            ProfileError::Invalid { member, .. } => problem.with("member", member),
            ProfileError::Stale { current, .. } => problem
                .with("version", current)
                .hint("Another device or window has saved it. Open it again and make your change to what it says now."),
            ProfileError::IdempotencyMismatch => problem.hint("Use a new key for a new request."),
            ProfileError::Picture(PictureError::Unsupported) => problem.hint(picture::FORMATS_HINT),
            _ => problem,
        }
    }
}
