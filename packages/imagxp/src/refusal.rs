use imajin_kernel::Code;
use serde::{Deserialize, Serialize};

/// How a request is refused, in the words that agents and their libraries know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Refusal {
    /// Something that was sent cannot be read.
    Malformed,
    /// There is no claim, and here one is needed.
    IdentityRequired,
    /// The agent is not who it says it is.
    IdentityFail,
    /// The signature does not fit.
    CryptoFail,
    /// The claim was used before, or could be.
    ReplayAttack,
    /// The claim is too old or from the future.
    TimestampInvalid,
    /// The policy does not allow it.
    PolicyDenied,
    /// It costs something.
    PaymentRequired,
    /// What was sent as payment is none.
    PaymentDenied,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::IdentityRequired,
        Self::IdentityFail,
        Self::CryptoFail,
        Self::ReplayAttack,
        Self::TimestampInvalid,
        Self::PolicyDenied,
        Self::PaymentRequired,
        Self::PaymentDenied,
    ];

    /// The word of the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "MALFORMED",
            Self::IdentityRequired => "IDENTITY_REQUIRED",
            Self::IdentityFail => "IDENTITY_FAIL",
            Self::CryptoFail => "CRYPTO_FAIL",
            Self::ReplayAttack => "REPLAY_ATTACK",
            Self::TimestampInvalid => "TIMESTAMP_INVALID",
            Self::PolicyDenied => "POLICY_DENIED",
            Self::PaymentRequired => "PAYMENT_REQUIRED",
            Self::PaymentDenied => "PAYMENT_DENIED",
        }
    }

    /// The HTTP status that the protocol answers with; it differs from ours in places, so it is its own.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::IdentityRequired => 401,
            Self::PaymentRequired => 402,
            _ => 403,
        }
    }

    /// What it is called inside the node.
    pub const fn code(self) -> Code {
        match self {
            Self::Malformed => Code::InvalidRequest,
            Self::IdentityRequired => Code::Unauthenticated,
            Self::PaymentRequired => Code::PaymentRequired,
            _ => Code::Forbidden,
        }
    }
}

/// What a visitor turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VisitorType {
    /// An agent whose signature counts.
    VerifiedAgent,
    /// Somebody whose headers look like a browser's. It proves nothing.
    LikelyHuman,
    /// Anybody else.
    UnidentifiedBot,
}

impl VisitorType {
    /// The word of the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifiedAgent => "VERIFIED_AGENT",
            Self::LikelyHuman => "LIKELY_HUMAN",
            Self::UnidentifiedBot => "UNIDENTIFIED_BOT",
        }
    }
}
