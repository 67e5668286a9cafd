//! Keys as files: PKCS#8 for private keys (RFC 8410), SPKI for public ones, both in PEM.

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes};
use zeroize::Zeroizing;

use crate::{KeyError, PublicKey, SecretKey};

/// Why a PEM text is no key. Holds nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// No `PRIVATE KEY` block with an Ed25519 key.
    #[error("not an Ed25519 private key in PEM (BEGIN PRIVATE KEY, PKCS#8, not encrypted)")]
    Private,
    /// No `PUBLIC KEY` block with an Ed25519 key.
    #[error("not an Ed25519 public key in PEM (BEGIN PUBLIC KEY)")]
    Public,
    /// The key in the block is unusable.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl SecretKey {
    /// `-----BEGIN PRIVATE KEY-----`: PKCS#8 version 1, which every tool reads.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the encoding of 32 bytes into DER has no way to fail"
    )]
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        self.pkcs8()
            .to_pkcs8_pem(LineEnding::LF)
            .expect("32 bytes fit into PKCS#8")
    }

    /// The same structure as bytes.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the encoding of 32 bytes into DER has no way to fail"
    )]
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        self.pkcs8()
            .to_pkcs8_der()
            .expect("32 bytes fit into PKCS#8")
            .to_bytes()
    }

    fn pkcs8(&self) -> KeypairBytes {
        // Without the public half: version 2 with it is refused by OpenSSL before 3.0.
        KeypairBytes {
            secret_key: self.dalek().to_bytes(),
            public_key: None,
        }
    }

    /// Reads PKCS#8 of either version; a public half that does not fit is refused.
    ///
    /// # Errors
    /// [`PemError`] when the text holds no unencrypted Ed25519 private key.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, PemError> {
        SigningKey::from_pkcs8_pem(pem.trim())
            .map(Self::trusted)
            .or(Err(PemError::Private))
    }

    /// The same from the bytes of [`SecretKey::to_pkcs8_der`].
    ///
    /// # Errors
    /// [`PemError`] when the bytes are no unencrypted Ed25519 private key.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, PemError> {
        SigningKey::from_pkcs8_der(der)
            .map(Self::trusted)
            .or(Err(PemError::Private))
    }
}

impl PublicKey {
    /// `-----BEGIN PUBLIC KEY-----`.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the encoding of 32 bytes into DER has no way to fail"
    )]
    pub fn to_spki_pem(&self) -> String {
        self.dalek()
            .to_public_key_pem(LineEnding::LF)
            .expect("32 bytes fit into SPKI")
    }

    /// Reads a `PUBLIC KEY` block.
    ///
    /// # Errors
    /// [`PemError`] when the text holds no usable Ed25519 public key.
    pub fn from_spki_pem(pem: &str) -> Result<Self, PemError> {
        let key = ed25519_dalek::VerifyingKey::from_public_key_pem(pem.trim()).or(Err(PemError::Public))?;
        Ok(Self::from_bytes(key.as_bytes())?)
    }
}
