use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use imajin_did::{MasterKey, Zeroizing};
use imajin_kernel::Env;
use serde::{Deserialize, Serialize};

use super::passphrase::{Kdf, PassphraseSource};
use super::{VaultError, passphrase};
use crate::data_dir::{DataDirError, write_private};

/// The credential's name: `LoadCredentialEncrypted=imajin-master-key:…` in the unit file.
const CREDENTIAL: &str = "imajin-master-key";

/// Where a master key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "means", rename_all = "camelCase")]
pub enum Means {
    /// In the file `master.key` of the data directory.
    File,
    /// In somebody's head.
    Passphrase {
        /// How the key is made from it.
        kdf: Kdf,
    },
    /// With systemd, which hands it to the service alone.
    Credential,
}

impl Means {
    /// What the contents are sealed with: nobody can make the key of a passphrase cheaper, or a slot another one.
    pub(super) fn label(&self) -> String {
        match self {
            Self::File => "vault/1/file".to_owned(),
            Self::Credential => "vault/1/credential".to_owned(),
            Self::Passphrase { kdf } => format!("vault/1/passphrase/{}", kdf.label()),
        }
    }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "the file master.key",
            Self::Passphrase { .. } => "its passphrase",
            Self::Credential => "the systemd credential imajin-master-key",
        })
    }
}

/// From where this process may take a master key.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The folder in which systemd puts the credentials of the service.
    pub credentials: Option<PathBuf>,
    /// How to learn a passphrase.
    pub passphrase: PassphraseSource,
}

impl Sources {
    /// What the environment names: `CREDENTIALS_DIRECTORY`, `IMAJIN_PASSPHRASE_FILE`; else the terminal is asked.
    pub fn from_environment() -> Self {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        Self {
            credentials: path("CREDENTIALS_DIRECTORY"),
            passphrase: path("IMAJIN_PASSPHRASE_FILE").map_or(PassphraseSource::Terminal, PassphraseSource::File),
        }
    }

    fn credential_path(&self) -> Option<PathBuf> {
        let path = self.credentials.as_ref()?.join(CREDENTIAL);
        path.exists().then_some(path)
    }

    /// The master key of this kind, if it is at hand without asking anyone.
    pub(super) fn master_key(&self, means: &Means, file: &Path) -> Result<Option<MasterKey>, VaultError> {
        match means {
            Means::File if file.exists() => key_read(file).map(Some),
            Means::Credential => self.credential_path().map(|path| key_read(&path)).transpose(),
            Means::File | Means::Passphrase { .. } => Ok(None),
        }
    }

    /// The master key of a new node: a credential if there is one, a passphrase if a file names it, else a new file.
    pub(super) fn first(&self, file: &Path, env: &Env) -> Result<(Means, MasterKey), VaultError> {
        if let Some(path) = self.credential_path() {
            return Ok((Means::Credential, key_read(&path)?));
        }
        if let PassphraseSource::File(_) = &self.passphrase {
            let passphrase = self.passphrase.read()?;
            passphrase::check(&passphrase)?;
            let kdf = Kdf::new(env);
            let master = kdf.derive(&passphrase)?;
            return Ok((Means::Passphrase { kdf }, master));
        }
        // A first start that was cut off has left one.
        if !file.exists() {
            key_write(file, &MasterKey::generate(env))?;
        }
        Ok((Means::File, key_read(file)?))
    }
}

/// Reads a master key: 64 hexadecimal digits.
pub(super) fn key_read(path: &Path) -> Result<MasterKey, VaultError> {
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|source| DataDirError::Io {
        path: path.to_owned(),
        source,
    })?;
    MasterKey::from_hex(text.trim()).map_err(|_error| VaultError::MasterKeyMalformed(path.to_owned()))
}

pub(super) fn key_write(path: &Path, key: &MasterKey) -> Result<(), VaultError> {
    Ok(write_private(path, key.to_hex().as_bytes())?)
}
