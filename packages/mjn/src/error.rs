use imajin_consent::ConsentError;
use imajin_kernel::{Code, Problem};
use imajin_proof::ProofError;

/// Why an exchange does not count. Each message says what was wrong and what to do; none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MjnError {
    /// A header field that every exchange has is not there.
    #[error("the header {0} is missing: an exchange of value carries it")]
    Missing(&'static str),
    /// A header field is there more than once.
    #[error("the header {0} is there more than once")]
    Twice(&'static str),
    /// A header field cannot be read.
    #[error("the header {name} is not valid: {reason}")]
    Header {
        /// Which one.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Something that decides about the exchange is not covered by the signature.
    #[error("the signature `mjn` must cover {0}")]
    NotCovered(&'static str),
    /// The signature is by somebody else than the one that the headers name.
    #[error("the signature is not by the DID of X-MJN-DID")]
    OtherSigner,
    /// The time of the headers is not the time of the signature.
    #[error("X-MJN-Timestamp must be the time of the signature, to the second")]
    OtherTime,
    /// `X-MJN-Signature` is not the signature.
    #[error("X-MJN-Signature must repeat the signature `mjn`")]
    NotRepeated,
    /// The consent is by somebody else than who asks.
    #[error("the consent is by another than who asks")]
    ConsentOfAnother,
    /// The answer is by somebody else than who was asked.
    #[error("the answer is not by the one that was asked")]
    OtherAnswerer,
    /// The stream has ended without its last event.
    #[error("the stream was cut: its last event is missing, so nothing of it is confirmed")]
    Cut,
    /// The stream is not the one that was signed.
    #[error("the stream is not the one that was signed: {0} differs")]
    Altered(&'static str),
    /// Something is larger than it may be.
    #[error("{0} is larger than is read here")]
    TooLarge(&'static str),
    /// The consent does not count.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// The signature does not count.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl MjnError {
    /// What this refusal is called on the wire.
    pub const fn code(&self) -> Code {
        match self {
            Self::Missing(_) => Code::Unauthenticated,
            Self::Twice(_) | Self::Header { .. } => Code::InvalidRequest,
            Self::TooLarge(_) => Code::BodyTooLarge,
            Self::NotCovered(_)
            | Self::OtherSigner
            | Self::OtherTime
            | Self::NotRepeated
            | Self::ConsentOfAnother
            | Self::OtherAnswerer
            | Self::Cut
            | Self::Altered(_) => Code::BadSignature,
            Self::Consent(error) => error.code(),
            Self::Proof(error) => error.code(),
        }
    }
}

impl From<MjnError> for Problem {
    fn from(error: MjnError) -> Self {
        Self::new(error.code(), error.to_string()).hint("docs/mjn-headers.md has the headers with worked bytes.")
    }
}
