//! The vault: the file that holds the keys under which a node seals every secret that it must keep.
//!
//! The master key (a file, a passphrase, a credential) opens the vault and nothing else. Inside are the root, from
//! which the keys of the row seals are derived and which stays, and the key that seals now, which is replaced when the
//! master key is changed (`docs/adr/0011-vault.md`). The vault is written once for each master key that may open it,
//! so there is a moment in a change when both do, and none when neither does.

mod change;
mod means;
mod passphrase;
mod places;

use std::fs;
use std::path::{Path, PathBuf};

use imajin_did::{Keyring, MasterKey, SealError, Sealed, SecretKey, VaultKeys, Zeroizing};
use imajin_kernel::Env;
use serde::{Deserialize, Serialize};

pub use change::{Changed, NewMasterKey, ResealedPlace, Step, change};
pub use means::{Means, Sources};
pub use passphrase::{Kdf, PassphraseSource};
pub use places::{
    ACME_ACCOUNT, ACME_CERTIFICATE, DNS_ACCOUNTS, NODE_KEY, REGISTRATION_KEY, SealedFile, TLS_KEY, database_services,
    sealed_columns, sealed_files,
};

use crate::data_dir::{DataDirError, write_private};

const VERSION: u32 = 1;
/// More master keys never open one vault: the old one and the new one.
const SLOTS_MAX: usize = 4;

/// What can go wrong with the vault. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file system refused, or the directory is not what it should be.
    #[error(transparent)]
    DataDir(#[from] Box<DataDirError>),
    /// The file is no vault.
    #[error("{0} is not a vault that this program can read; was it written by a newer version?")]
    Malformed(PathBuf),
    /// No master key that is at hand opens it.
    #[error("the vault {path} does not open: it needs {needed}, and what was given does not fit")]
    Locked {
        /// The vault.
        path: PathBuf,
        /// What would open it.
        needed: String,
    },
    /// The passphrase cannot be asked for.
    #[error("the keys of this node are behind a passphrase: name a file that holds it in IMAJIN_PASSPHRASE_FILE")]
    PassphraseMissing,
    /// A passphrase that anyone would guess.
    #[error("the passphrase is too short: take at least {0} characters, for example five words")]
    PassphraseShort(usize),
    /// The two entries differ.
    #[error("the two entries are not the same; nothing was changed")]
    PassphraseMistyped,
    /// The terminal or the file did not give it.
    #[error("the passphrase cannot be read: {0}")]
    PassphraseUnreadable(std::io::Error),
    /// Somebody changed the costs of the passphrase in the file.
    #[error("the vault names costs for its passphrase that this program does not accept")]
    KdfRefused,
    /// A master key of the wrong form.
    #[error("the master key in {0} is not 32 bytes in hex")]
    MasterKeyMalformed(PathBuf),
    /// A sealed file does not open.
    #[error("{path}: {source}")]
    SealedFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: SealError,
    },
    /// A database refused, or one of its rows does not open.
    #[error("the database of `{service}`: {source}")]
    Database {
        /// Whose.
        service: &'static str,
        /// What it said.
        source: imajin_store::StoreError,
    },
    /// Whoever watches the change stopped it: a test.
    #[error("stopped")]
    Stopped,
}

impl From<DataDirError> for VaultError {
    fn from(error: DataDirError) -> Self {
        Self::DataDir(Box::new(error))
    }
}

/// The vault's file: its contents once for each master key.
#[derive(Debug, Serialize, Deserialize)]
struct VaultFile {
    version: u32,
    slots: Vec<Slot>,
}

/// The contents, sealed under one master key.
#[derive(Debug, Serialize, Deserialize)]
struct Slot {
    #[serde(flatten)]
    means: Means,
    /// Hexadecimal digits.
    sealed: String,
}

/// An open vault: its keys, and by which master key it was opened.
pub struct Opened {
    pub(crate) keys: VaultKeys,
    pub(crate) means: Means,
    pub(crate) master: MasterKey,
}

impl Opened {
    /// By what it was opened.
    pub const fn means(&self) -> &Means {
        &self.means
    }

    /// Whether a change of the master key was cut off and still has to be finished.
    pub const fn is_unfinished(&self) -> bool {
        self.keys.previous.is_some()
    }
}

impl Slot {
    fn seal(means: &Means, master: &MasterKey, keys: &VaultKeys, env: &Env) -> Self {
        let mut text = Zeroizing::new(String::with_capacity(256));
        let previous = keys.previous.as_ref();
        for key in [Some(&keys.root), Some(&keys.current), previous].into_iter().flatten() {
            text.push_str(&key.to_hex());
            text.push('\n');
        }
        let sealed = Sealed::seal(master, &means.label(), text.as_bytes(), env);
        Self {
            means: means.clone(),
            sealed: hex::encode(sealed.as_bytes()),
        }
    }

    fn opened(&self, master: MasterKey) -> Option<Opened> {
        let keys = self.open(&master)?;
        let means = self.means.clone();
        Some(Opened { keys, means, master })
    }

    fn open(&self, master: &MasterKey) -> Option<VaultKeys> {
        let sealed = Sealed::from_bytes(hex::decode(&self.sealed).ok()?);
        let text = sealed.open(master, &self.means.label()).ok()?;
        let text = std::str::from_utf8(&text).ok()?;
        let mut keys = text.lines().map(MasterKey::from_hex);
        let (root, current) = (keys.next()?.ok()?, keys.next()?.ok()?);
        let previous = keys.next().transpose().ok()?;
        Some(VaultKeys {
            root,
            current,
            previous,
        })
    }
}

/// The vault of a data directory.
#[derive(Debug, Clone)]
pub struct Vault {
    folder: PathBuf,
    sources: Sources,
}

impl Vault {
    /// The vault in this folder, whose master key comes from these sources.
    pub fn new(folder: &Path, sources: Sources) -> Self {
        Self {
            folder: folder.to_owned(),
            sources,
        }
    }

    /// The vault's file.
    pub fn path(&self) -> PathBuf {
        self.folder.join("vault.json")
    }

    /// Where the master key is, when it is a file.
    pub fn master_key_path(&self) -> PathBuf {
        self.folder.join("master.key")
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the vault on first use, by the means that the surroundings suggest.
    pub fn ensure(&self, env: &Env) -> Result<Opened, VaultError> {
        let is_new = !self.path().exists();
        if is_new && !self.is_legacy() {
            let (means, master) = self.sources.first(&self.master_key_path(), env)?;
            let (root, current) = (MasterKey::generate(env), MasterKey::generate(env));
            let keys = VaultKeys {
                root,
                current,
                previous: None,
            };
            self.write(&[(&means, &master)], &keys, env)?;
            return Ok(Opened { keys, means, master });
        }
        let opened = self.open()?;
        if is_new {
            self.write(&[(&opened.means, &opened.master)], &opened.keys, env)?;
        }
        self.stale_key_remove(&opened.means)?;
        Ok(opened)
    }

    /// Opens the vault, with whatever master key is at hand.
    pub fn open(&self) -> Result<Opened, VaultError> {
        if self.is_legacy() {
            return self.legacy_open();
        }
        let file = self.read()?;
        let found = match self.open_unasked(&file)? {
            Some(opened) => Some(opened),
            None => self.open_by_passphrase(&file)?,
        };
        let needed: Vec<String> = file.slots.iter().map(|slot| slot.means.to_string()).collect();
        found.ok_or_else(|| VaultError::Locked {
            path: self.path(),
            needed: needed.join(" or "),
        })
    }

    fn open_unasked(&self, file: &VaultFile) -> Result<Option<Opened>, VaultError> {
        for slot in &file.slots {
            let master = self.sources.master_key(&slot.means, &self.master_key_path())?;
            if let Some(opened) = master.and_then(|master| slot.opened(master)) {
                return Ok(Some(opened));
            }
        }
        Ok(None)
    }

    fn open_by_passphrase(&self, file: &VaultFile) -> Result<Option<Opened>, VaultError> {
        let mut passphrase = None;
        for slot in &file.slots {
            let Means::Passphrase { kdf } = &slot.means else {
                continue;
            };
            // Asked for once, whichever of two passphrases it turns out to be.
            let text = match passphrase.take() {
                Some(text) => text,
                None => self.sources.passphrase.read()?,
            };
            let opened = slot.opened(kdf.derive(&text)?);
            if opened.is_some() {
                return Ok(opened);
            }
            passphrase = Some(text);
        }
        Ok(None)
    }

    /// The node's keyring: what is in the vault, and the node's own key, made on first use if `make` is given.
    pub fn keyring(&self, opened: Opened, make: Option<&Env>) -> Result<Keyring, VaultError> {
        let path = self.folder.join(NODE_KEY.name);
        if let (false, Some(env)) = (path.exists(), make) {
            let node = SecretKey::generate(env);
            let keyring = Keyring::of_vault(opened.keys, node);
            let sealed = keyring.seal_key(NODE_KEY.label, keyring.node_key(), env);
            write_private(&path, sealed.as_bytes())?;
            return Ok(keyring);
        }
        let io = |source| DataDirError::Io {
            path: path.clone(),
            source,
        };
        let sealed = Sealed::from_bytes(fs::read(&path).map_err(io)?);
        let node = match (
            sealed.open_key(&opened.keys.current, NODE_KEY.label),
            &opened.keys.previous,
        ) {
            (Err(SealError::Broken), Some(previous)) => sealed.open_key(previous, NODE_KEY.label),
            (opened, _) => opened,
        };
        let node = node.map_err(|source| VaultError::SealedFile { path, source })?;
        Ok(Keyring::of_vault(opened.keys, node))
    }

    /// Writes the contents once for each of these master keys, in one durable step.
    fn write(&self, masters: &[(&Means, &MasterKey)], keys: &VaultKeys, env: &Env) -> Result<(), VaultError> {
        let slots = masters
            .iter()
            .map(|(means, master)| Slot::seal(means, master, keys, env))
            .collect();
        let file = VaultFile {
            version: VERSION,
            slots,
        };
        let text = serde_json::to_vec_pretty(&file).or(Err(VaultError::Malformed(self.path())))?;
        Ok(write_private(&self.path(), &text)?)
    }

    fn read(&self) -> Result<VaultFile, VaultError> {
        let io = |source| DataDirError::Io {
            path: self.path(),
            source,
        };
        let malformed = || VaultError::Malformed(self.path());
        let bytes = fs::read(self.path()).map_err(io)?;
        let file: VaultFile = serde_json::from_slice(&bytes).or(Err(malformed()))?;
        if file.version != VERSION || file.slots.is_empty() || file.slots.len() > SLOTS_MAX {
            return Err(malformed());
        }
        Ok(file)
    }

    /// Before there was a vault, the master key itself was the root and sealed.
    fn is_legacy(&self) -> bool {
        !self.path().exists() && self.folder.join(NODE_KEY.name).exists()
    }

    fn legacy_open(&self) -> Result<Opened, VaultError> {
        for means in [Means::Credential, Means::File] {
            let Some(master) = self.sources.master_key(&means, &self.master_key_path())? else {
                continue;
            };
            let keys = VaultKeys {
                root: master.duplicate(),
                current: master.duplicate(),
                previous: None,
            };
            return Ok(Opened { keys, means, master });
        }
        Err(VaultError::Locked {
            path: self.path(),
            needed: Means::File.to_string(),
        })
    }

    /// Takes away a master key file that opens nothing any more: a change was cut off just before its end.
    fn stale_key_remove(&self, means: &Means) -> Result<(), VaultError> {
        let is_settled = self.read()?.slots.len() == 1;
        if is_settled && *means != Means::File {
            self.master_key_remove()?;
        }
        Ok(())
    }

    fn master_key_remove(&self) -> Result<(), VaultError> {
        let path = self.master_key_path();
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(DataDirError::Io { path, source }.into())
            }
            _ => Ok(()),
        }
    }
}
