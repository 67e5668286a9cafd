#![doc = include_str!("../README.md")]

mod answer;
mod client;
mod error;
mod evidence;
mod headers;
#[cfg(feature = "layer")]
mod layer;
#[cfg(feature = "store")]
mod nonces;
mod request;
mod settlement;
mod stream;
#[cfg(feature = "layer")]
mod streamed;

pub use answer::{AnswerDraft, AnswerExpectation, AnswerSigner, VerifiedAnswer, answer_sign, answer_verify};
pub use client::{Client, Pending, Prepared};
pub use error::MjnError;
pub use evidence::Evidence;
pub use headers::{CONSENT, DID, FAIR, RECEIPT, RequestBinding, SETTLEMENT, SIGNATURE, TIMESTAMP};
#[cfg(feature = "layer")]
pub use layer::{Attribution, Exchanges, MemoryNonces, MjnOptions, NonceUse, Nonces, exchanged};
#[cfg(feature = "store")]
pub use nonces::DbNonces;
pub use request::{MjnRequest, RequestDraft, VerifiedMjnRequest, request_sign};
pub use settlement::{Means, SettlementInstruction};
pub use stream::{
    StreamClose, StreamEnd, StreamHead, StreamOutcome, StreamReader, StreamSigner, VerifiedStream, stream_sign,
};
#[cfg(feature = "layer")]
pub use streamed::{StreamCloser, StreamedAnswer};

/// The name of the signature in its message, and what it says that it is for.
pub const LABEL: &str = "mjn";
