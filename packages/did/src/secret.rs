use std::fmt;

use ed25519_dalek::{Signer, SigningKey};
use imajin_kernel::Env;
use zeroize::Zeroizing;

use crate::hex_text;
use crate::{Did, HexError, PublicKey, Signature};

/// An Ed25519 private key; every copy is wiped when it is dropped.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// From the 32-byte seed of RFC 8032.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        Self(SigningKey::from_bytes(&seed))
    }

    /// From the seed as 64 lower-case hexadecimal digits, the Imajin form.
    ///
    /// # Errors
    /// [`HexError`] for any other text.
    pub fn from_seed_hex(text: &str) -> Result<Self, HexError> {
        hex_text::decode(text).map(Self::from_seed)
    }

    /// A fresh key.
    pub fn generate(env: &Env) -> Self {
        Self::from_seed(env.random_bytes())
    }

    pub(crate) const fn dalek(&self) -> &SigningKey {
        &self.0
    }

    pub(crate) const fn trusted(key: SigningKey) -> Self {
        Self(key)
    }

    /// The seed, for a key file or for sealing.
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey::trusted(self.0.verifying_key())
    }

    /// The native DID of the public half.
    pub fn did(&self) -> Did {
        self.public().did()
    }

    /// Signs exactly these bytes (RFC 8032, pure Ed25519: deterministic).
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature::from_bytes(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.did())
    }
}
