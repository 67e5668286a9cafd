//! SHA-256, bare and as the `Content-Digest` header field of RFC 9530.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ProofError;

/// SHA-256 (FIPS 180-4).
#[expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a SHA-256 digest always has 32 bytes"
)]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest::digest(&digest::SHA256, bytes)
        .as_ref()
        .try_into()
        .expect("SHA-256 gives 32 bytes")
}

/// SHA-256 as 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(sha256(bytes))
}

/// SHA-256 of bytes that come piece by piece.
#[derive(Clone)]
pub struct Sha256Sum(digest::Context);

impl Sha256Sum {
    /// Of nothing yet.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The value of a `Content-Digest` header field about all of them, as [`content_digest`] gives it.
    pub fn content_digest(self) -> String {
        content_digest_of(self.0.finish().as_ref())
    }
}

impl Default for Sha256Sum {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Sha256Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256Sum")
    }
}

fn content_digest_of(sha256: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256))
}

/// The value of a `Content-Digest` header field (RFC 9530, section 2): `sha-256=:…:`.
pub fn content_digest(bytes: &[u8]) -> String {
    content_digest_of(&sha256(bytes))
}

/// What a `Content-Digest` header field says of SHA-256, and nothing else, as [`content_digest`] writes it.
pub fn content_digest_read(header: &str) -> Option<String> {
    let dictionary: sfv::Dictionary = sfv::Parser::new(header).parse().ok()?;
    match dictionary.get("sha-256")? {
        sfv::ListEntry::Item(item) => {
            let sha256 = item.bare_item.as_byte_sequence().filter(|bytes| bytes.len() == 32)?;
            Some(content_digest_of(sha256))
        }
        sfv::ListEntry::InnerList(_) => None,
    }
}

/// Whether a `Content-Digest` header field has the SHA-256 of `body`; other algorithms in it are left alone.
///
/// # Errors
/// [`ProofError::ContentDigest`] when it has no SHA-256 or that of something else.
pub fn content_digest_verify(header: &str, body: &[u8]) -> Result<[u8; 32], ProofError> {
    let digest = sha256(body);
    let dictionary: sfv::Dictionary = sfv::Parser::new(header).parse().or(Err(ProofError::ContentDigest))?;
    match dictionary.get("sha-256") {
        Some(sfv::ListEntry::Item(item)) if item.bare_item.as_byte_sequence() == Some(&digest) => Ok(digest),
        _ => Err(ProofError::ContentDigest),
    }
}
