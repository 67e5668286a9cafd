use std::fmt;
use std::sync::Arc;

use imajin_kernel::Env;

use crate::{Did, MasterKey, PublicKey, SealError, Sealed, SecretKey, Signature};

/// The secrets of a running node: its own key, and the master key that seals every other key it must keep.
///
/// A clone shares the same secrets, which are wiped when the last clone is dropped.
#[derive(Clone)]
pub struct Keyring(Arc<Secrets>);

struct Secrets {
    master: MasterKey,
    node: SecretKey,
    node_did: Did,
}

impl Keyring {
    /// Takes both secrets over.
    pub fn new(master: MasterKey, node: SecretKey) -> Self {
        let node_did = node.did();
        Self(Arc::new(Secrets { master, node, node_did }))
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
        Sealed::seal_key(&self.0.master, label, key, env)
    }

    /// Opens what [`Keyring::seal_key`] sealed under the same label.
    ///
    /// # Errors
    /// [`SealError`] when the master key or the label is another one, or a bit has changed.
    pub fn open_key(&self, label: &str, sealed: &Sealed) -> Result<SecretKey, SealError> {
        sealed.open_key(&self.0.master, label)
    }

    /// Seals any other secret, for example a password of a mail server.
    pub fn seal(&self, label: &str, secret: &[u8], env: &Env) -> Sealed {
        Sealed::seal(&self.0.master, label, secret, env)
    }

    /// Opens what [`Keyring::seal`] sealed under the same label.
    ///
    /// # Errors
    /// [`SealError`] when the master key or the label is another one, or a bit has changed.
    pub fn open(&self, label: &str, sealed: &Sealed) -> Result<crate::Zeroizing<Vec<u8>>, SealError> {
        sealed.open(&self.0.master, label)
    }

    /// An independent key for one purpose (HKDF-SHA256 of the master key).
    pub fn derive(&self, label: &str) -> [u8; 32] {
        self.0.master.derive(label)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring(of {})", self.0.node_did)
    }
}
