//! Decentralised identifiers, keys, DID documents and the resolver trait.
//!
//! A [`Did`] is parsed once and valid from then on. Everything that signs does it with a [`SecretKey`] and is checked
//! with a [`PublicKey`]: Ed25519 as in RFC 8032, verified strictly, one signature at a time. What others sign by P-256
//! is checked with a [`P256Key`]; a [`VerifyingKey`] is either of the two. A node holds its own key and its master key
//! in a [`Keyring`]; every other key that it must keep is [`Sealed`] under the master key.
//!
//! This crate does no I/O: time and randomness come in as an [`imajin_kernel::Env`], and a [`Resolver`] that needs the
//! network lives elsewhere.

mod did;
mod document;
mod hex_text;
mod key;
mod keyring;
mod method_key;
mod multikey;
mod p256;
mod pem;
mod resolver;
mod seal;
mod secret;
mod signature;
#[cfg(feature = "diesel")]
mod sql;
mod syntax;
mod verifying_key;

pub use did::{Did, Method};
pub use document::{DidDocument, MethodReference, Service, VerificationMethod};
pub use hex_text::HexError;
pub use key::{KeyError, PublicKey};
pub use keyring::{Keyring, VaultKeys};
pub use multikey::MultikeyError;
pub use p256::{NotAP256Point, P256Key};
pub use pem::PemError;
pub use resolver::{Resolution, ResolveError, Resolver, SelfCertifying};
pub use seal::{MasterKey, SealError, Sealed};
pub use secret::SecretKey;
pub use signature::{BadSignature, Signature};
pub use syntax::DidError;
pub use verifying_key::{KeyKind, Verify, VerifyingKey};
/// Bytes that are wiped when they are dropped; [`Sealed::open`] returns them.
pub use zeroize::Zeroizing;
