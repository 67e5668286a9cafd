//! Proofs that a DID made a statement: canonical JSON, signed messages, HTTP message signatures and typed tokens.
//!
//! | what is proven | how | module |
//! |---|---|---|
//! | a document that outlives its request | Ed25519 over RFC 8785 bytes | [`SignedMessage`] |
//! | a JSON document, to other software | `eddsa-jcs-2022` Data Integrity | [`data_integrity`] |
//! | what one DID says about another | the same, in a form of its own | [`attestation`] |
//! | one HTTP request | RFC 9421 over method, URL, digest and idempotency key | [`http_sig`] |
//! | that an entry is in a ledger | the path to a signed Merkle root (RFC 9162) | [`inclusion`] |
//! | what this node said to a bearer | a JWT of one type, for one audience | [`token`] |
//! | what an issuer said to other software | the same by RS256, ES256 or `EdDSA` and a key set | [`jose`] |
//!
//! Everything here is pure: the caller passes the time and finds the keys.

pub mod attestation;
mod base64_text;
pub mod data_integrity;
pub mod digest;
mod error;
pub mod http_sig;
pub mod inclusion;
pub mod jcs;
mod jcs_text;
pub mod jose;
mod message;
pub mod token;

pub use data_integrity::DataIntegrityProof;
pub use error::ProofError;
pub use message::{FRESH_FOR, FUTURE_TOLERANCE, SignedMessage, envelope_bytes};
