//! Multikey: multibase base58btc (`z`) over the multicodec of the key's kind and its bytes (W3C Controlled Identifiers,
//! section 2.2.2).

use crate::{KeyError, NotAP256Point, P256Key, PublicKey, VerifyingKey};

/// The multicodec `ed25519-pub`, 0xed, as an unsigned varint.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];
/// The multicodec `p256-pub`, 0x1200, as an unsigned varint.
const P256_PUB: [u8; 2] = [0x80, 0x24];
/// The longest text that is decoded: a P-256 key has 49 characters.
const TEXT_LENGTH_MAX: usize = 100;
/// Larger than any key that we read, so that another kind is called by its name and not malformed.
const BUFFER_LENGTH: usize = 80;

/// Why a text is no Multikey of a key that we use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MultikeyError {
    /// The first character names the base; base58btc is `z`.
    #[error("a Multikey starts with z (base58btc)")]
    NotBase58btc,
    /// The rest is no base58btc of a key's length.
    #[error("the text after z is not base58btc of a public key")]
    Malformed,
    /// A key of another kind.
    #[error("the key is not an Ed25519 key (a Multikey that starts with z6Mk)")]
    NotEd25519,
    /// A key of another kind.
    #[error("the key is not a P-256 key (a Multikey that starts with zDn)")]
    NotP256,
    /// A key of another kind than the two that we check.
    #[error("the key is neither an Ed25519 key (z6Mk…) nor a P-256 key (zDn…)")]
    UnknownKind,
    /// The bytes are no usable Ed25519 key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The bytes are no P-256 key in the compressed form.
    #[error(transparent)]
    P256(#[from] NotAP256Point),
}

pub(crate) fn encode(key: &PublicKey) -> String {
    encode_bytes(ED25519_PUB, key.as_bytes())
}

pub(crate) fn encode_p256(key: &P256Key) -> String {
    encode_bytes(P256_PUB, &key.to_compressed())
}

fn encode_bytes(codec: [u8; 2], key: &[u8]) -> String {
    let bytes = [codec.as_slice(), key].concat();
    format!("z{}", bs58::encode(bytes).into_string())
}

pub(crate) fn decode(text: &str) -> Result<PublicKey, MultikeyError> {
    let mut buffer = [0; BUFFER_LENGTH];
    let bytes = decode_bytes(text, &mut buffer)?;
    ed25519(bytes.strip_prefix(&ED25519_PUB).ok_or(MultikeyError::NotEd25519)?)
}

pub(crate) fn decode_p256(text: &str) -> Result<P256Key, MultikeyError> {
    let mut buffer = [0; BUFFER_LENGTH];
    let bytes = decode_bytes(text, &mut buffer)?;
    let key = bytes.strip_prefix(&P256_PUB).ok_or(MultikeyError::NotP256)?;
    Ok(P256Key::from_compressed(key)?)
}

pub(crate) fn decode_any(text: &str) -> Result<VerifyingKey, MultikeyError> {
    let mut buffer = [0; BUFFER_LENGTH];
    let bytes = decode_bytes(text, &mut buffer)?;
    if let Some(key) = bytes.strip_prefix(&ED25519_PUB) {
        return Ok(ed25519(key)?.into());
    }
    let key = bytes.strip_prefix(&P256_PUB).ok_or(MultikeyError::UnknownKind)?;
    Ok(P256Key::from_compressed(key)?.into())
}

fn ed25519(bytes: &[u8]) -> Result<PublicKey, MultikeyError> {
    let bytes: &[u8; 32] = bytes.try_into().or(Err(MultikeyError::Malformed))?;
    Ok(PublicKey::from_bytes(bytes)?)
}

/// The multicodec and the key, without a look at either.
fn decode_bytes<'a>(text: &str, buffer: &'a mut [u8; BUFFER_LENGTH]) -> Result<&'a [u8], MultikeyError> {
    let base58 = text.strip_prefix('z').ok_or(MultikeyError::NotBase58btc)?;
    if text.len() > TEXT_LENGTH_MAX {
        return Err(MultikeyError::Malformed);
    }
    let length = bs58::decode(base58)
        .onto(&mut *buffer)
        .or(Err(MultikeyError::Malformed))?;
    buffer.get(..length).ok_or(MultikeyError::Malformed)
}
