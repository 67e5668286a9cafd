//! HTTP message signatures (RFC 9421) by Ed25519 over requests, with the body under a `Content-Digest` (RFC 9530).
//!
//! A signature covers `@method`, `@target-uri`, `content-digest` (also of an empty body) and, when the header is there,
//! `idempotency-key`. Its parameters are `created`, `keyid` (a DID), `nonce`, `alg` and, for a special purpose, `tag`.
//!
//! A verifier compares the URL with the one it built from its own configuration, never from a forwarded header. The
//! nonce is spent by the caller, in the transaction of the mutation that the request authorises.

mod base;
mod input;
mod request;
mod sign;
mod verify;

use imajin_kernel::Span;

pub use request::SignedRequest;
pub use sign::{RequestToSign, SignatureParams, sign};
pub use verify::{Audited, Expectation, VerifiedRequest, audit};

/// How long a nonce must be remembered: as long as its signature could be used.
pub const NONCE_KEPT_FOR: Span = Span::seconds(5 * 60 + 30);

/// The name of our signature in the two dictionaries.
const LABEL: &str = "sig1";
/// The algorithm's name in the registry of RFC 9421, section 6.2.
const ALGORITHM: &str = "ed25519";
/// Longer nonces only fill the table that remembers them.
const NONCE_LENGTH_MAX: usize = 128;
