use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{BadSignature, MultikeyError, P256Key, PublicKey, Signature, multikey};

/// The kinds of key whose signatures we check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Ed25519 (RFC 8032), the kind of every identity of ours.
    Ed25519,
    /// ECDSA on P-256 with SHA-256 (FIPS 186-5).
    P256,
}

/// A public key of a kind that we check.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VerifyingKey {
    /// `z6Mk…`
    Ed25519(PublicKey),
    /// `zDn…`
    P256(P256Key),
}

/// What checks a signature of 64 bytes: one kind of key, or whichever it is.
pub trait Verify {
    /// Which kind of key this is. A signature that names another algorithm is none of this key's.
    fn kind(&self) -> KeyKind;

    /// Whether the owner of this key signed exactly these bytes.
    ///
    /// # Errors
    /// [`BadSignature`] when not.
    fn verify_signature(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature>;
}

impl VerifyingKey {
    /// From `z6Mk…` or `zDn…`.
    ///
    /// # Errors
    /// [`MultikeyError`] when the text is no Multikey of a usable key of these kinds.
    pub fn from_multikey(text: &str) -> Result<Self, MultikeyError> {
        multikey::decode_any(text)
    }

    /// `z6Mk…` or `zDn…`.
    pub fn multikey(&self) -> String {
        match self {
            Self::Ed25519(key) => key.multikey(),
            Self::P256(key) => key.multikey(),
        }
    }

    /// The key as one of the kind that identities of ours have.
    pub const fn as_ed25519(&self) -> Option<&PublicKey> {
        match self {
            Self::Ed25519(key) => Some(key),
            Self::P256(_) => None,
        }
    }

    /// Whether the owner of this key signed exactly these bytes.
    ///
    /// # Errors
    /// [`BadSignature`] when not.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.verify_signature(message, signature)
    }
}

impl Verify for VerifyingKey {
    fn kind(&self) -> KeyKind {
        match self {
            Self::Ed25519(_) => KeyKind::Ed25519,
            Self::P256(_) => KeyKind::P256,
        }
    }

    fn verify_signature(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        match self {
            Self::Ed25519(key) => key.verify(message, signature),
            Self::P256(key) => key.verify(message, signature),
        }
    }
}

impl Verify for PublicKey {
    fn kind(&self) -> KeyKind {
        KeyKind::Ed25519
    }

    fn verify_signature(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.verify(message, signature)
    }
}

impl Verify for P256Key {
    fn kind(&self) -> KeyKind {
        KeyKind::P256
    }

    fn verify_signature(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.verify(message, signature)
    }
}

impl From<PublicKey> for VerifyingKey {
    fn from(key: PublicKey) -> Self {
        Self::Ed25519(key)
    }
}

impl From<P256Key> for VerifyingKey {
    fn from(key: P256Key) -> Self {
        Self::P256(key)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.multikey())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.multikey())
    }
}

impl Serialize for VerifyingKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.multikey())
    }
}

impl<'de> Deserialize<'de> for VerifyingKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_multikey(&text).map_err(de::Error::custom)
    }
}
