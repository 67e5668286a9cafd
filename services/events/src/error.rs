use imajin_fair::{AcceptanceError, ManifestError, SignatureError};
use imajin_kernel::{Code, Problem};
use imajin_proof::ProofError;
use imajin_store::StoreError;
use imajin_web::SignerError;

use crate::SERVICE;

/// Why events refused something. Knows no HTTP: [`EventsError::code`] is mapped to it elsewhere, once.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The database refused, or a row in it is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A member of the request is missing, too long, or impossible.
    #[error("{member}: {problem}.")]
    Invalid {
        /// The path of the member in the body, for example `tiers[0].name`.
        member: String,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no such thing, or the caller may not know that there is.
    #[error("There is no such {0}.")]
    NotFound(&'static str),
    /// The caller is not who made the event.
    #[error("Only the owner of this event may do this.")]
    NotOwner,
    /// The state of the thing does not allow it.
    #[error("{detail}")]
    State {
        /// What the state is.
        detail: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// Fewer places are left than were asked for.
    #[error("{left} places are left, {asked} were asked for.")]
    SoldOut {
        /// What is left.
        left: u32,
        /// What was asked for.
        asked: u32,
    },
    /// One order cannot take so many.
    #[error("quantity: one order of this tier takes 1 to {limit} places.")]
    Quantity {
        /// The tier's limit.
        limit: u32,
    },
    /// The buyer has too many reservations that wait for money.
    #[error("You already have {open} open reservations for this event.")]
    OpenHolds {
        /// How many.
        open: u32,
    },
    /// The buyer has reserved too many places for this event without paying for them.
    #[error("You have {places} reserved places for this event that are not paid for, and {most} are the most.")]
    HeldPlaces {
        /// How many there are, with those of the last hour.
        places: u32,
        /// How many one buyer may have.
        most: u32,
    },
    /// The time to pay has passed.
    #[error("The reservation of these places has expired.")]
    HoldExpired,
    /// The idempotency key was used with another request.
    #[error("This idempotency key was used with another request.")]
    IdempotencyMismatch,
    /// The manifest is not valid.
    #[error("manifest: {0}.")]
    Manifest(#[from] ManifestError),
    /// The manifest's signature is not valid.
    #[error("manifest: {0}.")]
    ManifestSignature(#[from] SignatureError),
    /// The countersignature is not valid.
    #[error("{0}.")]
    Acceptance(#[from] AcceptanceError),
    /// The key of whoever signed the manifest or the countersignature.
    #[error("{0}.")]
    Signer(#[from] SignerError),
    /// A document could not be signed or does not verify.
    #[error("{0}.")]
    Proof(#[from] ProofError),
    /// Another service refused.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// A fault of ours; the text goes to the log only.
    #[error("{0}")]
    Fault(String),
}

impl From<diesel::result::Error> for EventsError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl EventsError {
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
            Self::Invalid { .. } | Self::Quantity { .. } => Code::InvalidRequest,
            Self::NotFound(_) => Code::NotFound,
            Self::NotOwner => Code::Forbidden,
            Self::State { .. } | Self::OpenHolds { .. } | Self::HeldPlaces { .. } => Code::Conflict,
            Self::SoldOut { .. } => Code::SoldOut,
            Self::HoldExpired => Code::HoldExpired,
            Self::IdempotencyMismatch => Code::IdempotencyMismatch,
            Self::Manifest(error) => error.code(),
            Self::ManifestSignature(error) => error.code(),
            Self::Acceptance(error) => error.code(),
            Self::Signer(error) => error.code(),
            Self::Proof(error) => error.code(),
            Self::Problem(problem) => problem.code,
            Self::Fault(_) => Code::Internal,
        }
    }
}

impl From<EventsError> for Problem {
    fn from(error: EventsError) -> Self {
        let detail = error.to_string();
        let problem = Self::new(error.code(), detail);
        match error {
            EventsError::Store(error) => error.into(),
            EventsError::Problem(problem) => problem,
            EventsError::Fault(cause) => {
                tracing::error!(%cause, "events met a fault");
                Self::internal()
            }
            EventsError::Invalid { member, .. } => problem.with("member", member),
            EventsError::Manifest(ManifestError::Member(wrong)) => {
                problem.with("member", format!("manifest.{}", wrong.name))
            }
            EventsError::State { hint, .. } => problem.hint(hint),
            EventsError::SoldOut { left, .. } => problem.with("left", left).hint(if left == 0 {
                "Look again later: reserved places that nobody pays for become free."
            } else {
                "Ask for fewer places."
            }),
            EventsError::Quantity { limit } => problem.with("perOrderLimit", limit),
            EventsError::OpenHolds { .. } => problem
                .hint("Pay or cancel one of them, or wait until they expire.")
                .retry_after_seconds(60),
            EventsError::HeldPlaces { most, .. } => problem
                .with("placesMax", most)
                .hint("Pay for them. Places that expired or were given back count for another hour."),
            EventsError::HoldExpired => problem.hint("Start again with a new checkout and a new idempotency key."),
            EventsError::IdempotencyMismatch => problem.hint("Use a new key for a new request."),
            _ => problem,
        }
    }
}
