use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::hex_text;
use crate::{BadSignature, Did, HexError, MultikeyError, Signature, multikey};

/// Why 32 bytes are no public key that we use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not 64 lower-case hexadecimal digits.
    #[error(transparent)]
    Hex(#[from] HexError),
    /// The bytes are no point of the curve.
    #[error("the bytes are not an Ed25519 public key")]
    NotAPoint,
    /// The same point has a shorter encoding (RFC 8032, section 5.1.3): one key must have one text.
    #[error("the Ed25519 public key is not in its canonical encoding")]
    NotCanonical,
    /// A point of small order, for which anyone can make signatures.
    #[error("the Ed25519 public key is weak: its order is small")]
    SmallOrder,
}

/// An Ed25519 public key: a canonical point of the curve that is not of small order.
///
/// Keeps the decompressed point, so that a key that is parsed once verifies many signatures without doing it again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Checks and wraps the 32 bytes of RFC 8032.
    ///
    /// # Errors
    /// [`KeyError`] when the bytes are no point, not canonical, or of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).or(Err(KeyError::NotAPoint))?;
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        if !is_reduced(bytes) {
            return Err(KeyError::NotCanonical);
        }
        Ok(Self(key))
    }

    /// From 64 lower-case hexadecimal digits, the Imajin form.
    ///
    /// # Errors
    /// [`KeyError`] as for [`PublicKey::from_bytes`], or when the digits are wrong.
    pub fn from_hex(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&hex_text::decode(text)?)
    }

    /// From `z6Mk…`.
    ///
    /// # Errors
    /// [`MultikeyError`] when the text is no Multikey of a usable Ed25519 key.
    pub fn from_multikey(text: &str) -> Result<Self, MultikeyError> {
        multikey::decode(text)
    }

    pub(crate) const fn trusted(key: VerifyingKey) -> Self {
        Self(key)
    }

    pub(crate) const fn dalek(&self) -> &VerifyingKey {
        &self.0
    }

    /// The 32 bytes of RFC 8032.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The 32 bytes of RFC 8032.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.as_bytes())
    }

    /// `z6Mk…`.
    pub fn multikey(&self) -> String {
        multikey::encode(self)
    }

    /// The native DID of this key.
    pub fn did(&self) -> Did {
        Did::from_key(self)
    }

    /// Whether the owner of this key signed exactly these bytes: strict RFC 8032, without small-order components and
    /// with a canonical S, so that all verifiers agree.
    ///
    /// # Errors
    /// [`BadSignature`] when not.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.0
            .verify_strict(message, &signature.to_dalek())
            .or(Err(BadSignature))
    }
}

/// Whether y is below the field's prime 2^255 - 19, so that the encoding is the one that compressing the point gives.
///
/// The other ambiguous encodings, of x = 0 with the sign of a negative number, are of points of small order. Comparing
/// bytes is a tenth of the work of compressing.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let [lowest, middle @ .., highest] = bytes;
    !(*lowest >= 0xed && middle.iter().all(|byte| *byte == 0xff) && highest & 0x7f == 0x7f)
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.multikey())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.multikey())
    }
}

impl Hash for PublicKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.multikey())
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_multikey(&text).map_err(de::Error::custom)
    }
}
