use std::fmt;

use imajin_did::{Keyring, SealError, Sealed, SecretKey};
use imajin_kernel::Env;

use super::Address;
use crate::SOLANA_WALLET_LABEL;

/// The node's own wallet: it receives what is not split, and pays out. Its key is sealed under the node's master key.
#[derive(Clone)]
pub struct Wallet {
    key: SecretKey,
}

impl Wallet {
    /// A new wallet, and its key as it is to be stored.
    pub fn create(keyring: &Keyring, env: &Env) -> (Self, Sealed) {
        Self::import(SecretKey::generate(env), keyring, env)
    }

    /// A wallet whose key the operator brings, and that key as it is to be stored.
    pub fn import(key: SecretKey, keyring: &Keyring, env: &Env) -> (Self, Sealed) {
        let sealed = keyring.seal_key(SOLANA_WALLET_LABEL, &key, env);
        (Self { key }, sealed)
    }

    /// Opens the stored wallet.
    ///
    /// # Errors
    /// [`SealError`] when it was sealed under another master key, or changed.
    pub fn open(keyring: &Keyring, sealed: &Sealed) -> Result<Self, SealError> {
        let key = keyring.open_key(SOLANA_WALLET_LABEL, sealed)?;
        Ok(Self { key })
    }

    /// Where it is paid.
    pub fn address(&self) -> Address {
        self.key.public().into()
    }

    pub(crate) const fn key(&self) -> &SecretKey {
        &self.key
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wallet(of {})", self.address())
    }
}
