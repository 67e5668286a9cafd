use crate::Refusal;

/// Why a claim does not count. [`ClaimError::refusal`] is the word that agents know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The request has no claim at all.
    #[error("the request has no claim: send x-imagxp-payload and x-imagxp-signature")]
    Missing,
    /// Something cannot be read.
    #[error("the claim cannot be read: {0}")]
    Malformed(&'static str),
    /// Something is longer than it may be.
    #[error("{0} is longer than is read here")]
    TooLong(&'static str),
    /// A claim of the version 1.0, which has no nonce, where that is not allowed.
    #[error("a claim of the version 1.0 has no nonce and could be used again: send 1.1")]
    NoNonce,
    /// The agent's name is none that somebody could own.
    #[error("the agent_id must be a public domain name")]
    AgentName,
    /// The key is not one of the agent's.
    #[error("the key is none of those that the agent's manifest names")]
    ForeignKey,
    /// The signature does not fit.
    #[error("the signature does not fit the key and the claim; sign the RFC 8785 bytes of the claim")]
    BadSignature,
    /// Made too long ago, or in the future.
    #[error("the claim must be made within 300 seconds; set the clock and sign again")]
    OutsideWindow,
    /// Made for something else.
    #[error("the claim is for another resource than the one that is asked for")]
    OtherResource,
}

impl ClaimError {
    /// Which of the protocol's refusals it is.
    pub const fn refusal(&self) -> Refusal {
        match self {
            Self::Missing => Refusal::IdentityRequired,
            Self::Malformed(_) | Self::TooLong(_) => Refusal::Malformed,
            Self::NoNonce => Refusal::ReplayAttack,
            Self::AgentName | Self::ForeignKey => Refusal::IdentityFail,
            Self::BadSignature | Self::OtherResource => Refusal::CryptoFail,
            Self::OutsideWindow => Refusal::TimestampInvalid,
        }
    }
}
