use std::fmt;
use std::sync::Arc;

use imajin_kernel::Env;

use crate::{Did, MasterKey, PublicKey, SealError, Sealed, SecretKey, Signature};

/// The keys of a node's vault: what is derived for ever, and what seals now.
///
/// They are apart so that every seal can be made anew under another key, while what is derived (the keys of the row
/// seals) stays: nobody can tell a row that was tampered with from a good one after its seal has been made again.
pub struct VaultKeys {
    /// What [`Keyring::derive`] derives from.
    pub root: MasterKey,
    /// Seals, and opens.
    pub current: MasterKey,
    /// Opens what has not been sealed anew yet, while the key is being changed.
    pub previous: Option<MasterKey>,
}

/// The secrets of a running node: its own key, and the keys that seal every other key it must keep.
///
/// A clone shares the same secrets, which are wiped when the last clone is dropped.
#[derive(Clone)]
pub struct Keyring(Arc<Secrets>);

struct Secrets {
    root: MasterKey,
    /// The root itself, where there is none.
    current: Option<MasterKey>,
    previous: Option<MasterKey>,
    node: SecretKey,
    node_did: Did,
}

impl Keyring {
    /// One key for everything that is derived and sealed.
    pub fn new(master: MasterKey, node: SecretKey) -> Self {
        Self::from_parts(master, None, None, node)
    }

    /// The keys of a vault.
    pub fn of_vault(keys: VaultKeys, node: SecretKey) -> Self {
        Self::from_parts(keys.root, Some(keys.current), keys.previous, node)
    }

    fn from_parts(root: MasterKey, current: Option<MasterKey>, previous: Option<MasterKey>, node: SecretKey) -> Self {
        let node_did = node.did();
        Self(Arc::new(Secrets {
            root,
            current,
            previous,
            node,
            node_did,
        }))
    }

    fn current(&self) -> &MasterKey {
        self.0.current.as_ref().unwrap_or(&self.0.root)
    }

    /// Fresh secrets, for a new node.
    pub fn generate(env: &Env) -> Self {
        Self::new(MasterKey::generate(env), SecretKey::generate(env))
    }

    /// The node's native DID.
    pub fn node_did(&self) -> &Did {
        &self.0.node_did
    }

    /// The node's own private key.
    pub fn node_key(&self) -> &SecretKey {
        &self.0.node
    }

    /// The node's public key.
    pub fn node_public(&self) -> PublicKey {
        self.0.node.public()
    }

    /// Signs with the node's own key.
    pub fn sign(&self, message: &[u8]) -> Signature {
        self.0.node.sign(message)
    }

    /// Seals a key that the node holds for somebody; the label binds it to its place.
    pub fn seal_key(&self, label: &str, key: &SecretKey, env: &Env) -> Sealed {
        Sealed::seal_key(self.current(), label, key, env)
    }

    /// Opens what [`Keyring::seal_key`] sealed under the same label.
    ///
    /// # Errors
    /// [`SealError`] when the master key or the label is another one, or a bit has changed.
    pub fn open_key(&self, label: &str, sealed: &Sealed) -> Result<SecretKey, SealError> {
        let opened = self.open(label, sealed)?;
        let seed: [u8; 32] = opened.as_slice().try_into().or(Err(SealError::NotAKey))?;
        Ok(SecretKey::from_seed(seed))
    }

    /// Seals any other secret, for example a password of a mail server.
    pub fn seal(&self, label: &str, secret: &[u8], env: &Env) -> Sealed {
        Sealed::seal(self.current(), label, secret, env)
    }

    /// Opens what [`Keyring::seal`] sealed under the same label.
    ///
    /// # Errors
    /// [`SealError`] when the master key or the label is another one, or a bit has changed.
    pub fn open(&self, label: &str, sealed: &Sealed) -> Result<crate::Zeroizing<Vec<u8>>, SealError> {
        // A seal is authenticated: another key never opens it to something else.
        match (sealed.open(self.current(), label), &self.0.previous) {
            (Err(SealError::Broken), Some(previous)) => sealed.open(previous, label),
            (opened, _) => opened,
        }
    }

    /// The same secret under the key that seals now; nothing when that is the case already.
    ///
    /// # Errors
    /// [`SealError`] as for [`Keyring::open`].
    pub fn reseal(&self, label: &str, sealed: &Sealed, env: &Env) -> Result<Option<Sealed>, SealError> {
        if sealed.open(self.current(), label).is_ok() {
            return Ok(None);
        }
        let secret = self.open(label, sealed)?;
        Ok(Some(self.seal(label, &secret, env)))
    }

    /// An independent key for one purpose (HKDF-SHA256 of the root). It stays when the key that seals is changed.
    pub fn derive(&self, label: &str) -> [u8; 32] {
        self.0.root.derive(label)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring(of {})", self.0.node_did)
    }
}
