use imajin_kernel::{Code, Problem};

/// Why the database did not do what it was asked.
///
/// The text never holds a password or a row's content; [`StoreError::code`] says how a caller should see it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// More writes are waiting than the queue takes. Nothing was written; try again in a moment.
    #[error("too many writes are waiting for the database; try again in a moment")]
    Busy,
    /// The database was closed, because the node is stopping. Nothing was written.
    #[error("the database is closed, because the node is stopping")]
    Closed,
    /// The closure panicked. What it had written was rolled back.
    #[error("a database operation panicked and was rolled back")]
    Panicked,
    /// The database cannot be reached, or another process holds it for too long. Nothing was written.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The connection broke while a commit was on its way: it may or may not have happened.
    #[error("the connection to the database broke during a commit; ask whether it happened before you repeat it")]
    OutcomeUnknown,
    /// The nonce was used before.
    #[error("this signature was used before")]
    Replayed,
    /// The request that is being answered was answered by another process at the same moment. Nothing was written.
    #[error("the same request has just been answered elsewhere; ask for its answer with the same key")]
    Answered,
    /// A mutation was to be logged with a body that its proof does not cover.
    #[error("the body to be logged is not the one that was signed")]
    Misattributed,
    /// The configured location is not one that can be opened.
    #[error("{0}")]
    Location(String),
    /// The schema could not be brought up to date.
    #[error("the database of {service} could not be migrated: {cause}")]
    Migration {
        /// Whose database it is.
        service: &'static str,
        /// What the database said.
        cause: String,
    },
    /// A row that was about to be relied on does not carry its seal.
    #[error("{0}")]
    Damaged(crate::Finding),
    /// Any other refusal of the database.
    #[error("the database refused: {0}")]
    Database(#[source] diesel::result::Error),
}

impl From<diesel::result::Error> for StoreError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error)
    }
}

impl StoreError {
    /// A row holds something that the node never writes.
    pub fn damaged(service: &str, table: &str, row: &impl ToString, problem: &str) -> Self {
        Self::Damaged(crate::Finding::new(service, table, row.to_string(), problem))
    }

    /// How a caller should see it.
    pub const fn code(&self) -> Code {
        match self {
            Self::Busy | Self::Closed | Self::Unavailable(_) | Self::OutcomeUnknown => Code::Unavailable,
            Self::Replayed => Code::Replayed,
            Self::Answered => Code::IdempotencyInFlight,
            Self::Database(diesel::result::Error::NotFound) => Code::NotFound,
            Self::Panicked
            | Self::Misattributed
            | Self::Location(_)
            | Self::Migration { .. }
            | Self::Damaged(_)
            | Self::Database(_) => Code::Internal,
        }
    }

    /// Whether the row was refused because another one has the same key.
    pub const fn is_unique_violation(&self) -> bool {
        match self {
            Self::Database(error) => is_unique_violation(error),
            _ => false,
        }
    }
}

/// Whether a row was refused because another one has the same key.
pub const fn is_unique_violation(error: &diesel::result::Error) -> bool {
    matches!(
        error,
        diesel::result::Error::DatabaseError(diesel::result::DatabaseErrorKind::UniqueViolation, _)
    )
}

impl From<StoreError> for Problem {
    /// Logs the cause of what a caller may not see, and keeps it out of the answer.
    fn from(error: StoreError) -> Self {
        match error.code() {
            Code::Replayed => Self::new(Code::Replayed, "This signature was used before.")
                .hint("Sign the request again, with a new nonce."),
            Code::NotFound => Self::new(Code::NotFound, "There is no such thing."),
            Code::IdempotencyInFlight => Self::new(
                Code::IdempotencyInFlight,
                "The same request is being answered at this moment.",
            )
            .hint("Send it again with the same key: you get the answer that it got."),
            Code::Unavailable => {
                tracing::warn!(%error, "the database did not take a request");
                Self::unavailable("The database")
            }
            _ => {
                tracing::error!(%error, "a database operation failed");
                Self::internal()
            }
        }
    }
}
