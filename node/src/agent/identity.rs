use imajin_did::{Did, Keyring, SecretKey, Zeroizing};
use imajin_kernel::{Code, Env, Problem};
use imajin_key_log::KeyLog;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::acme::SealedDocument;
use crate::data_dir::{DataDir, DataDirError};
use crate::vault::REGISTRATION_KEY;

/// Who speaks to registries: the DID under which the node is registered, and the key that signs for it now.
pub struct Registrant {
    /// The DID. It stays when the key is replaced.
    pub did: Did,
    /// The key.
    pub key: SecretKey,
    /// What tells registries that the key is one of the DID's; empty while it is the key that the DID is, and nothing
    /// was published.
    pub log: KeyLog,
}

/// What is kept of a [`Registrant`] once there is a key log. In one file, so that key and log cannot come apart.
#[derive(Serialize, Deserialize)]
struct Kept {
    did: Did,
    key: String,
    log: KeyLog,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// The [`Registrant`] of a data directory. `imajin node key` replaces it while the node runs, so it is read each time.
#[derive(Clone)]
pub struct NodeIdentity {
    kept: SealedDocument,
    keyring: Keyring,
}

impl NodeIdentity {
    /// In a data directory.
    pub fn new(data: &DataDir, keyring: &Keyring, env: &Env) -> Self {
        Self {
            kept: SealedDocument::new(data, REGISTRATION_KEY, keyring, env),
            keyring: keyring.clone(),
        }
    }

    /// Who speaks now: the node's own key, until a key log says otherwise.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn registrant(&self) -> Result<Registrant, DataDirError> {
        let kept: Option<Kept> = self.kept.load()?;
        let Some(kept) = kept else {
            return Ok(Registrant {
                did: self.keyring.node_did().clone(),
                key: self.keyring.node_key().clone(),
                log: KeyLog::default(),
            });
        };
        let key = SecretKey::from_pkcs8_pem(&kept.key).map_err(|error| self.kept.unreadable(error))?;
        Ok(Registrant {
            did: kept.did.clone(),
            key,
            log: kept.log.clone(),
        })
    }

    /// Keeps another one.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(&self, registrant: &Registrant) -> Result<(), DataDirError> {
        let key: Zeroizing<String> = registrant.key.to_pkcs8_pem();
        self.kept.store(&Kept {
            did: registrant.did.clone(),
            key: key.to_string(),
            log: registrant.log.clone(),
        })
    }

    pub(super) fn speak(&self) -> Result<Registrant, Problem> {
        self.registrant()
            .map_err(|error| Problem::new(Code::Internal, error.to_string()))
    }
}
