use http::HeaderName;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::jose::{self, Expect, Jwks, SigningKey};
use imajin_proof::token::{Standard, TokenError, TokenKind};
use serde::{Deserialize, Serialize};

use crate::policy::ContentOrigin;

/// Where the content comes from.
pub const CONTENT_ORIGIN: HeaderName = HeaderName::from_static("x-imagxp-content-origin");
/// The publisher's signature under that.
pub const PROVENANCE: HeaderName = HeaderName::from_static("x-imagxp-provenance-sig");
/// The receipt for what was paid.
pub const RECEIPT: HeaderName = HeaderName::from_static("x-imagxp-receipt");

/// Long enough for whoever keeps what it has read.
const LIFETIME: Span = Span::days(3_650);
const AUDIENCE: &str = "imagxp:provenance";

/// What a publisher signs about an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Where the content comes from.
    pub origin: ContentOrigin,
    /// The whole URL that was asked for.
    pub url: String,
    /// `Content-Digest` of the body (RFC 9530), where the publisher knows it before it answers.
    pub content_digest: Option<String>,
    /// When it was answered; the wire has whole seconds.
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct ProvenanceClaims {
    origin: ContentOrigin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_digest: Option<String>,
}

impl TokenKind for ProvenanceClaims {
    const TYP: &'static str = "provenance+jwt";
}

impl Provenance {
    /// Signs it, as the publisher `issuer`.
    ///
    /// # Errors
    /// [`TokenError::Claims`] when the library cannot sign.
    pub fn sign(&self, key: &SigningKey, issuer: &str) -> Result<String, TokenError> {
        let standard = Standard {
            iss: issuer.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: self.url.clone(),
            jti: self.url.clone(),
            iat: self.at,
            exp: self.at.plus(LIFETIME),
        };
        let claims = ProvenanceClaims {
            origin: self.origin,
            content_digest: self.content_digest.clone(),
        };
        jose::issue(key, &standard, &claims)
    }

    /// Checks what a publisher has signed, with the publisher's keys.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify(text: &str, keys: &Jwks, issuer: &str, now: Timestamp) -> Result<Self, TokenError> {
        let expect = Expect {
            iss: issuer,
            aud: AUDIENCE,
            now,
        };
        let token = jose::verify::<ProvenanceClaims>(text, keys, &expect)?;
        Ok(Self {
            origin: token.claims.origin,
            url: token.standard.sub,
            content_digest: token.claims.content_digest,
            at: token.standard.iat,
        })
    }
}
