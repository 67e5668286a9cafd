use std::fmt;

use aws_lc_rs::hkdf;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use imajin_kernel::Env;
use zeroize::Zeroizing;

use crate::hex_text;
use crate::{HexError, SecretKey};

/// Separates keys derived here from keys that something else may derive from the same bytes.
const HKDF_SALT: &[u8] = b"imajin master key 1";
const SEAL_LABEL: &str = "seal/xchacha20-poly1305";
/// The first byte of what is sealed, so that another cipher can follow one day.
const VERSION: u8 = 1;
const NONCE_LENGTH: usize = 24;
const TAG_LENGTH: usize = 16;

/// The one secret from which a node derives all others; wiped when it is dropped.
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// Wraps 32 unpredictable bytes: from a file, a passphrase or a credential.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// From 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// [`HexError`] for any other text.
    pub fn from_hex(text: &str) -> Result<Self, HexError> {
        hex_text::decode(text).map(Self::from_bytes)
    }

    /// A fresh master key.
    pub fn generate(env: &Env) -> Self {
        Self::from_bytes(env.random_bytes())
    }

    /// The same key once more; not `Clone`, so that no copy is made by accident.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// 64 lower-case hexadecimal digits, for the file that holds it.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// An independent key for one purpose (HKDF-SHA256, RFC 5869). The same label gives the same key.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "HKDF-SHA256 fails only beyond 8160 bytes, and 32 are asked for"
    )]
    pub fn derive(&self, label: &str) -> [u8; 32] {
        let mut derived = [0; 32];
        hkdf::Salt::new(hkdf::HKDF_SHA256, HKDF_SALT)
            .extract(self.0.as_slice())
            .expand(&[label.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut derived))
            .expect("32 bytes are within the limit of HKDF-SHA256");
        derived
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(self.derive(SEAL_LABEL));
        XChaCha20Poly1305::new(key.as_slice().into())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// Why sealed bytes could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short, or of a version that this program does not know.
    #[error("the sealed bytes have an unknown form; were they written by a newer version?")]
    Malformed,
    /// Another master key, another label, or changed bytes: which of them cannot be told apart.
    #[error("the seal does not open: the master key is another one, or the bytes were changed or moved")]
    Broken,
    /// It opened, but what is inside is no Ed25519 seed.
    #[error("the sealed bytes are not a private key")]
    NotAKey,
}

/// A secret at rest: XChaCha20-Poly1305 under the master key, bound to a label.
///
/// The label says what the secret is for, for example `event/evt_…`: a row's secret cannot be moved to another row.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Encrypts `secret` with a random 192-bit nonce.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the cipher fails only beyond 256 GiB"
    )]
    pub fn seal(master: &MasterKey, label: &str, secret: &[u8], env: &Env) -> Self {
        let nonce: [u8; NONCE_LENGTH] = env.random_bytes();
        let payload = Payload {
            msg: secret,
            aad: label.as_bytes(),
        };
        let encrypted = master
            .cipher()
            .encrypt(XNonce::from_slice(&nonce), payload)
            .expect("the secret fits into memory");
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&encrypted);
        Self(bytes)
    }

    /// Seals the seed of a key.
    pub fn seal_key(master: &MasterKey, label: &str, key: &SecretKey, env: &Env) -> Self {
        Self::seal(master, label, key.to_seed().as_slice(), env)
    }

    /// Decrypts.
    ///
    /// # Errors
    /// [`SealError`] when the master key or the label is another one, or a bit has changed.
    pub fn open(&self, master: &MasterKey, label: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let Some((&VERSION, rest)) = self.0.split_first() else {
            return Err(SealError::Malformed);
        };
        let (nonce, encrypted) = rest.split_at_checked(NONCE_LENGTH).ok_or(SealError::Malformed)?;
        if encrypted.len() < TAG_LENGTH {
            return Err(SealError::Malformed);
        }
        let payload = Payload {
            msg: encrypted,
            aad: label.as_bytes(),
        };
        let opened = master.cipher().decrypt(XNonce::from_slice(nonce), payload);
        opened.map(Zeroizing::new).or(Err(SealError::Broken))
    }

    /// Decrypts a key that [`Sealed::seal_key`] sealed.
    ///
    /// # Errors
    /// [`SealError`] as for [`Sealed::open`], or when the content is no seed.
    pub fn open_key(&self, master: &MasterKey, label: &str) -> Result<SecretKey, SealError> {
        let opened = self.open(master, label)?;
        let seed: [u8; 32] = opened.as_slice().try_into().or(Err(SealError::NotAKey))?;
        Ok(SecretKey::from_seed(seed))
    }

    /// What to store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What to store.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// What was stored; checked when it is opened.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}
