//! HTTP message signatures (RFC 9421) over requests and answers, with the body under a `Content-Digest` (RFC 9530).
//!
//! Three layers, each stricter than the one below:
//!
//! - [`SignedRequest`] is what authorises: it covers `@method`, `@target-uri`, `content-digest` (also of an empty body)
//!   and, when the header is there, `idempotency-key`. Its parameters are `created`, `keyid` (a DID), `nonce`, `alg`
//!   and, for a special purpose, `tag`.
//! - [`SignedResponse`] is an answer that can be shown to others: it covers `@status`, `content-digest`, and of the
//!   request that it answers the method, the URL, the digest and the signature (section 2.4).
//! - [`MessageView`] signs and [`MessageSignature`] checks any signature over any message, for protocols with rules of
//!   their own.
//!
//! The algorithms are ed25519 and ecdsa-p256-sha256; the key decides, and a parameter `alg` that says otherwise is
//! refused. A verifier compares the URL with the one it built from its own configuration, never from a forwarded
//! header. The nonce is spent by the caller, in the transaction of the mutation that the request authorises.
//!
//! Every field that is read has a limit; what is longer is refused before it is parsed.

mod base;
mod component;
mod input;
mod message;
mod request;
mod response;
mod sign;
mod signer;
mod verify;

use imajin_did::KeyKind;
use imajin_kernel::Span;

pub use message::{MessageParams, MessageSignature, MessageView, SignatureFields};
pub use request::SignedRequest;
pub use response::{
    AnsweredRequest, ResponseExpectation, ResponseParams, SignedResponse, VerifiedResponse, sign_response,
};
pub use sign::{RequestToSign, SignatureParams, sign};
pub use signer::Signer;
pub use verify::{Audited, Expectation, VerifiedRequest, audit};

/// How long a nonce must be remembered: as long as its signature could be used.
pub const NONCE_KEPT_FOR: Span = Span::seconds(5 * 60 + 30);

/// The longest header field and the longest URL that are read, in bytes.
pub const FIELD_LENGTH_MAX: usize = 8 * 1024;
/// The most components that a signature may cover.
pub const COMPONENTS_MAX: usize = 32;
/// The most signatures that a message may have.
pub const LABELS_MAX: usize = 8;

/// The name of our signature in the two dictionaries.
const LABEL: &str = "sig1";
/// Longer nonces only fill the table that remembers them.
const NONCE_LENGTH_MAX: usize = 128;

/// The algorithm's name in the registry of RFC 9421, section 6.2.
const fn algorithm_name(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Ed25519 => "ed25519",
        KeyKind::P256 => "ecdsa-p256-sha256",
    }
}
