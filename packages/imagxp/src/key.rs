use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imajin_did::{KeyKind, P256Key, Signature, Zeroizing};
use imajin_proof::ProofError;
use imajin_proof::http_sig::Signer;
use imajin_proof::jose::Jwk;

use crate::ClaimError;

/// What stands in front of the point of a P-256 key in its SPKI (RFC 5480, section 2).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A public key from the base64 of its SPKI, the form of the headers and of manifests.
///
/// # Errors
/// [`ClaimError::Malformed`] when it is no P-256 key.
pub fn key_from_spki(text: &str) -> Result<P256Key, ClaimError> {
    let wrong = ClaimError::Malformed("the public key is no base64 of the SPKI of a P-256 key");
    let bytes = STANDARD.decode(text).or(Err(wrong.clone()))?;
    let point = bytes.strip_prefix(&SPKI_PREFIX).ok_or(wrong.clone())?;
    P256Key::from_uncompressed(point).or(Err(wrong))
}

/// The base64 of a key's SPKI.
pub fn key_to_spki(key: &P256Key) -> String {
    let point = key.to_uncompressed();
    STANDARD.encode([SPKI_PREFIX.as_slice(), point.as_slice()].concat())
}

/// An agent's secret key.
pub struct AgentKey {
    pair: EcdsaKeyPair,
    public: P256Key,
}

/// The key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key is no PKCS #8 document of a P-256 key")]
pub struct NoAgentKey;

impl AgentKey {
    /// Reads a key in PKCS #8 (RFC 5958).
    ///
    /// # Errors
    /// [`NoAgentKey`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, NoAgentKey> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).or(Err(NoAgentKey))?;
        let public = P256Key::from_uncompressed(pair.public_key().as_ref()).or(Err(NoAgentKey))?;
        Ok(Self { pair, public })
    }

    /// A fresh key. ECDSA keys take the randomness of the cryptographic library.
    ///
    /// # Errors
    /// [`NoAgentKey`] when the library has none.
    pub fn generate() -> Result<Self, NoAgentKey> {
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        Self::from_pkcs8(der.or(Err(NoAgentKey))?.as_ref())
    }

    /// The key in PKCS #8, to be kept secret.
    ///
    /// # Errors
    /// [`NoAgentKey`] when the library cannot write it.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, NoAgentKey> {
        let der = self.pair.to_pkcs8v1().or(Err(NoAgentKey))?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    /// The name of the key in key sets and visas (RFC 7638).
    pub fn thumbprint(&self) -> String {
        Jwk::from_key(self.public.clone()).thumbprint()
    }

    /// The public key.
    pub const fn public(&self) -> &P256Key {
        &self.public
    }

    /// Signs bytes: r and s, 64 bytes. ECDSA takes its own randomness, which no test has to repeat.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, ClaimError> {
        let signature = self.pair.sign(&SystemRandom::new(), bytes);
        let signature =
            signature.map_err(|_error| ClaimError::Malformed("the machine has no randomness to sign with"))?;
        Ok(signature.as_ref().to_vec())
    }
}

impl Signer for AgentKey {
    fn kind(&self) -> KeyKind {
        KeyKind::P256
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Signature, ProofError> {
        let signature = self.sign(message).or(Err(ProofError::Algorithm))?;
        Signature::from_slice(&signature).ok_or(ProofError::Algorithm)
    }
}
