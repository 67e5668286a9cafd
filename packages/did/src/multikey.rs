//! Multikey: multibase base58btc (`z`) over the multicodec of the key's kind and its bytes (W3C Controlled Identifiers,
//! section 2.2.2).

use crate::{KeyError, PublicKey};

/// The multicodec `ed25519-pub`, 0xed, as an unsigned varint.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];
const LENGTH: usize = 34;

/// Why a text is no Multikey of an Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MultikeyError {
    /// The first character names the base; base58btc is `z`.
    #[error("a Multikey starts with z (base58btc)")]
    NotBase58btc,
    /// The rest is no base58btc of 34 bytes.
    #[error("the text after z is not base58btc of an Ed25519 key")]
    Malformed,
    /// A key of another kind.
    #[error("the key is not an Ed25519 key (a Multikey that starts with z6Mk)")]
    NotEd25519,
    /// The bytes are no usable key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

pub(crate) fn encode(key: &PublicKey) -> String {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend_from_slice(&ED25519_PUB);
    bytes.extend_from_slice(key.as_bytes());
    format!("z{}", bs58::encode(bytes).into_string())
}

pub(crate) fn decode(text: &str) -> Result<PublicKey, MultikeyError> {
    let base58 = text.strip_prefix('z').ok_or(MultikeyError::NotBase58btc)?;
    // Larger than any Multikey in use, so that a P-256 key is called by its name and not malformed.
    let mut buffer = [0; 64];
    let length = bs58::decode(base58)
        .onto(&mut buffer)
        .or(Err(MultikeyError::Malformed))?;
    let bytes = buffer.get(..length).ok_or(MultikeyError::Malformed)?;
    let key = bytes.strip_prefix(&ED25519_PUB).ok_or(MultikeyError::NotEd25519)?;
    let key: &[u8; 32] = key.try_into().or(Err(MultikeyError::Malformed))?;
    Ok(PublicKey::from_bytes(key)?)
}
