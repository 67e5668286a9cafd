//! Typed tokens for readers that are not ours: JWTs (RFC 7519) signed by RS256, ES256 or `EdDSA`, with the keys that a
//! client library finds in a published key set (RFC 7517).
//!
//! What [`crate::token`] does with one Ed25519 key of this node, this module does with a set of keys of several kinds:
//! an `OpenID` provider signs ID tokens with it, and a node checks those of another node. The rules are the same: a
//! verifier demands `typ`, `kid`, `iss`, `aud` and `exp`, and **the key decides about the algorithm**, never the token.
//!
//! ```
//! use imajin_kernel::{Env, ManualClock, Span, Timestamp};
//! use imajin_proof::jose::{Algorithm, Expect, Jwks, SigningKey, issue, verify};
//! use imajin_proof::token::{Standard, TokenKind};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct IdToken {
//!     nonce: String,
//! }
//! impl TokenKind for IdToken {
//!     const TYP: &'static str = "id+jwt";
//! }
//!
//! let env = Env::fixed(ManualClock::at(Timestamp::from_seconds(1_790_000_000)), 1);
//! let key = SigningKey::generate(Algorithm::ES256, &env)?;
//! let standard = Standard {
//!     iss: "https://node.example/auth".into(),
//!     aud: "client-1".into(),
//!     sub: "did:mjn:z6Mk…".into(),
//!     jti: "t1".into(),
//!     iat: env.now(),
//!     exp: env.now().plus(Span::minutes(5)),
//! };
//! let text = issue(&key, &standard, &IdToken { nonce: "n".into() })?;
//! let keys = Jwks::new(vec![key.jwk().clone()])?;
//! let expect = Expect { iss: "https://node.example/auth", aud: "client-1", now: env.now() };
//! assert_eq!(verify::<IdToken>(&text, &keys, &expect)?.claims.nonce, "n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod jwk;
mod signing;

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use jwk::{Jwk, Jwks, KEYS_MAX};
pub use signing::SigningKey;

use crate::token::{Standard, Token, TokenError, TokenKind, members_of, read, read_ageless, read_unaddressed};

/// The signature algorithms that we make and check (RFC 7518, section 3.1; RFC 8037, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256: what an `OpenID` client expects when it was told nothing else.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

impl Algorithm {
    /// All of them, the one that every client knows first.
    pub const ALL: [Self; 3] = [Self::RS256, Self::ES256, Self::EdDSA];

    /// The value of `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = JoseError;

    fn from_str(text: &str) -> Result<Self, JoseError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text)
            .ok_or(JoseError::Algorithm)
    }
}

/// Why a key or a key set cannot be used. Never holds any part of a private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoseError {
    /// None of the three algorithms.
    #[error("the algorithm must be RS256, ES256 or EdDSA")]
    Algorithm,
    /// The bytes are no private key of the algorithm in PKCS#8.
    #[error("not an unencrypted private key of this algorithm in PKCS#8")]
    PrivateKey,
    /// The cryptographic library could not do it; it does not say why.
    #[error("the cryptographic library could not make or use the key")]
    Library,
    /// The JWK is not complete, not a point of its curve, or too short or long.
    #[error("the JWK is not a usable RSA (2048 to 4096 bits), P-256 or Ed25519 public key for signatures with a kid")]
    Jwk,
    /// A key that should be secret is in a published set.
    #[error("the JWK contains a private key; remove it and replace the key everywhere")]
    Published,
    /// Two keys have one `kid`.
    #[error("two keys of the set have the same kid")]
    SameKid,
    /// More keys than any issuer needs.
    #[error("the set has more than {KEYS_MAX} keys")]
    TooMany,
}

/// What a verifier demands of a token besides its kind.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// The issuer, exactly.
    pub iss: &'a str,
    /// The verifier's own name, exactly.
    pub aud: &'a str,
    /// The current time.
    pub now: Timestamp,
}

/// Issues a token of the kind `K`; the header names the kind, the key's algorithm and its `kid`.
///
/// # Errors
/// [`TokenError::Claims`] when the claims are no object, use a standard name, or the library cannot sign.
pub fn issue<K: TokenKind>(key: &SigningKey, standard: &Standard, claims: &K) -> Result<String, TokenError> {
    let members = members_of(standard, claims)?;
    let header = json!({"typ": K::TYP, "alg": key.algorithm().name(), "kid": key.kid()});
    let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    let payload = serde_json::to_vec(&members).or(Err(TokenError::Claims))?;
    let signed = format!("{}.{}", part(header.to_string().into_bytes()), part(payload));
    let signature = key.sign(signed.as_bytes()).or(Err(TokenError::Claims))?;
    Ok(format!("{signed}.{}", part(signature)))
}

/// Checks a token of the kind `K` with the issuer's key set: type, key, algorithm of that key, signature, issuer,
/// audience and time, all of them demanded.
///
/// # Errors
/// [`TokenError`] with what was wrong.
pub fn verify<K: TokenKind>(text: &str, keys: &Jwks, expect: &Expect<'_>) -> Result<Token<K>, TokenError> {
    read(text, &signature_check(keys), expect.iss, expect.aud, expect.now)
}

/// As [`verify`], of a kind whose tokens may name nobody as their audience, and have an empty one then. Whoever is
/// named must be the verifier.
///
/// # Errors
/// [`TokenError`] with what was wrong.
pub fn verify_unaddressed<K: TokenKind>(text: &str, keys: &Jwks, expect: &Expect<'_>) -> Result<Token<K>, TokenError> {
    read_unaddressed(text, &signature_check(keys), expect.iss, expect.aud, expect.now)
}

/// Reads a token that this issuer made once, for anybody and however long ago, such as the `id_token_hint` of `OpenID`
/// Connect. It names somebody, and must never authorise anything.
///
/// # Errors
/// [`TokenError`] with what was wrong.
pub fn recognise<K: TokenKind>(text: &str, keys: &Jwks, iss: &str) -> Result<Token<K>, TokenError> {
    read_ageless(text, &signature_check(keys), iss)
}

fn signature_check(keys: &Jwks) -> impl Fn(&str, &str, &[u8], &[u8]) -> Result<(), TokenError> {
    |kid, algorithm, signed, signature| {
        let key = keys.find(kid).ok_or(TokenError::UnknownKey)?;
        if key.algorithm().name() != algorithm {
            return Err(TokenError::WrongKind);
        }
        if key.verify(signed, signature) {
            Ok(())
        } else {
            Err(TokenError::BadSignature)
        }
    }
}
