use imajin_did::BadSignature;
use imajin_kernel::Code;

use crate::jcs::JcsError;

/// Why a proof does not count. Each message says what was wrong and what to do; none holds a key or a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// An entry is not in the tree whose root was signed.
    #[error("the path does not lead from the entry to the signed root: the proof is of another entry")]
    NotIncluded,
    /// The arithmetic says no.
    #[error("the signature does not fit the key and the signed content; sign exactly what is sent, with a current key")]
    BadSignature,
    /// The signer has no key that could be used.
    #[error("no key is known for the signer; register the identity, or sign with its current key")]
    NoKey,
    /// The document is of another type than the one asked for.
    #[error("the message is of another type; expected `{expected}`")]
    WrongKind {
        /// The type that the verifier asked for.
        expected: String,
    },
    /// Signed too long ago.
    #[error("the signature is older than five minutes or has expired; sign the request again")]
    TooOld,
    /// Signed in the future.
    #[error("the signature is from the future; set the clock of the signing machine")]
    FromTheFuture,
    /// The content has no canonical form.
    #[error("the content cannot be signed: {0}")]
    Jcs(#[from] JcsError),
    /// `Signature-Input` or `Signature` cannot be read.
    #[error("the {field} header is not valid: {problem} (RFC 9421)")]
    Header {
        /// Which header field.
        field: &'static str,
        /// What about it.
        problem: &'static str,
    },
    /// Something that decides about the request is not covered.
    #[error("the signature must cover {0}; add it to the covered components")]
    NotCovered(&'static str),
    /// Something is covered that this verifier cannot compute.
    #[error(
        "the signature covers a component that cannot be computed here; cover @method, @target-uri and content-digest"
    )]
    UnknownComponent,
    /// A component is covered that the request does not have.
    #[error("the signature covers {0}, which the request does not have")]
    MissingComponent(&'static str),
    /// Signed for another method.
    #[error("the signature is for another method; sign the method that is sent")]
    WrongMethod,
    /// Signed for another URL.
    #[error("the signature is for another URL; sign the public URL, with scheme, host, path and query as sent")]
    WrongTarget,
    /// Signed for another purpose.
    #[error("the signature has another tag than this route expects")]
    WrongTag,
    /// The body is not the one that was signed, or nothing says which one was.
    #[error("the Content-Digest header must have the SHA-256 of the body: sha-256=:<base64>: (RFC 9530)")]
    ContentDigest,
    /// The signature names, or the message needs, an algorithm that we do not check.
    #[error("the algorithm of the signature must be ed25519 or ecdsa-p256-sha256, and fit the key")]
    Algorithm,
    /// Longer than anything that we read.
    #[error("{0} is longer than this verifier reads")]
    TooLong(&'static str),
    /// A value that would be signed holds characters that a header field cannot.
    #[error("{0} must be visible ASCII without line breaks")]
    BadCharacters(&'static str),
}

impl ProofError {
    /// The closed code for the wire.
    pub const fn code(&self) -> Code {
        match self {
            Self::TooOld | Self::FromTheFuture => Code::StaleSignature,
            Self::NoKey => Code::Unauthenticated,
            Self::Jcs(_) | Self::BadCharacters(_) | Self::TooLong(_) => Code::InvalidRequest,
            Self::BadSignature
            | Self::WrongKind { .. }
            | Self::Header { .. }
            | Self::NotCovered(_)
            | Self::UnknownComponent
            | Self::MissingComponent(_)
            | Self::WrongMethod
            | Self::WrongTarget
            | Self::WrongTag
            | Self::Algorithm
            | Self::ContentDigest
            | Self::NotIncluded => Code::BadSignature,
        }
    }
}

impl From<BadSignature> for ProofError {
    fn from(_: BadSignature) -> Self {
        Self::BadSignature
    }
}
