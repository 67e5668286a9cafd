use imajin_did::{KeyKind, SecretKey, Signature};

use crate::ProofError;
use crate::jose::{Algorithm, SigningKey};

/// A key that signs messages by one of the two algorithms.
pub trait Signer {
    /// Which of them.
    fn kind(&self) -> KeyKind;

    /// Signs these bytes: 64 bytes, for P-256 r and s.
    ///
    /// # Errors
    /// [`ProofError::Algorithm`] when the key cannot sign so.
    fn sign_bytes(&self, message: &[u8]) -> Result<Signature, ProofError>;
}

impl Signer for SecretKey {
    fn kind(&self) -> KeyKind {
        KeyKind::Ed25519
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Signature, ProofError> {
        Ok(self.sign(message))
    }
}

/// An RSA key has no name here: its signatures are refused.
impl Signer for SigningKey {
    fn kind(&self) -> KeyKind {
        match self.algorithm() {
            Algorithm::ES256 => KeyKind::P256,
            Algorithm::EdDSA | Algorithm::RS256 => KeyKind::Ed25519,
        }
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Signature, ProofError> {
        let signature = self.sign(message).or(Err(ProofError::Algorithm))?;
        Signature::from_slice(&signature).ok_or(ProofError::Algorithm)
    }
}
