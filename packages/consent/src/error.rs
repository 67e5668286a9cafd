use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use imajin_proof::ProofError;

use crate::DECLARATION_BYTES_MAX;

/// Why something is no declaration of consent, or one that does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// More bytes than a declaration has.
    #[error("a declaration of consent has at most {DECLARATION_BYTES_MAX} bytes")]
    TooLarge,
    /// The bytes are no JSON object, or JSON that two readers can understand differently.
    #[error("the declaration of consent cannot be read: {0}")]
    NotJson(String),
    /// Of a version that this program does not know: it may say more than is understood here.
    #[error("the declaration is of another version than 1.0, the one that this program understands")]
    Version,
    /// A member is missing or wrong.
    #[error("the declaration of consent is not valid: {name} {reason}")]
    Member {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A member that version 1.0 does not have. It is refused, because it could have been meant as a restriction.
    #[error("the declaration of consent has a member that version 1.0 does not know: {name}")]
    UnknownMember {
        /// Its name, at most 64 characters of it.
        name: String,
    },
    /// The consent has ended by what it says itself.
    #[error("the declaration of consent has expired; sign a new one")]
    Expired,
    /// Its nonce was used before.
    #[error("this declaration of consent was used before; sign a new one for each exchange")]
    Replayed,
    /// The signature is not good, or not of these five minutes.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl ConsentError {
    /// What this refusal is called on the wire.
    pub const fn code(&self) -> Code {
        match self {
            Self::TooLarge => Code::BodyTooLarge,
            Self::NotJson(_) | Self::Version | Self::Member { .. } | Self::UnknownMember { .. } => Code::InvalidRequest,
            Self::Expired => Code::StaleSignature,
            Self::Replayed => Code::Replayed,
            Self::Proof(error) => error.code(),
        }
    }
}

impl From<ConsentError> for Problem {
    fn from(error: ConsentError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// Why a declaration that counts is still not enough.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A term is not met: 403, with its name.
    #[error("{detail}")]
    Unmet {
        /// Which term, for example `terms.train` or `maxHops`.
        term: String,
        /// What about it, and what to do.
        detail: String,
    },
    /// The terms are met, but less is offered than it costs: 402.
    #[error("it costs {price}: {detail}")]
    Unpaid {
        /// What it costs.
        price: Money,
        /// What was offered, and what to do.
        detail: String,
    },
}

impl Refusal {
    pub(crate) fn unmet(term: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Unmet {
            term: term.into(),
            detail: detail.into(),
        }
    }

    /// What this refusal is called on the wire.
    pub const fn code(&self) -> Code {
        match self {
            Self::Unmet { .. } => Code::Forbidden,
            Self::Unpaid { .. } => Code::PaymentRequired,
        }
    }
}

impl From<Refusal> for Problem {
    /// The failing term stands in the member `term`, the price in `price` and `currency`.
    fn from(refusal: Refusal) -> Self {
        let problem = Self::new(refusal.code(), refusal.to_string());
        match refusal {
            Refusal::Unmet { term, .. } => problem.with("term", term),
            Refusal::Unpaid { price, .. } => problem
                .with("price", price.decimal())
                .with("currency", price.asset.as_str()),
        }
    }
}

/// Why something is no standing grant, or no revocation of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// A member has the wrong form.
    #[error("the grant is not valid: {name} {reason}")]
    Member {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Only the subject may grant or revoke.
    #[error("a grant about somebody is signed by that person alone")]
    NotTheSubject,
    /// The revocation is of another grant.
    #[error("the revocation names another grant")]
    OtherGrant,
    /// The signature is not good.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl GrantError {
    /// What this refusal is called on the wire.
    pub const fn code(&self) -> Code {
        match self {
            Self::Member { .. } | Self::OtherGrant => Code::InvalidRequest,
            Self::NotTheSubject => Code::Forbidden,
            Self::Proof(error) => error.code(),
        }
    }
}

impl From<GrantError> for Problem {
    fn from(error: GrantError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
