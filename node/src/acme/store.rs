use std::fs;
use std::path::{Path, PathBuf};

use imajin_acme::{DnsAccount, Issued};
use imajin_did::{Keyring, Sealed};
use imajin_kernel::{Env, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::{Zeroize, Zeroizing};

use crate::data_dir::{DataDir, DataDirError, write_private};
use crate::vault::{ACME_ACCOUNT, ACME_CERTIFICATE, DNS_ACCOUNTS, SealedFile, VaultError};

/// How the node stands with its certificate authority: a small file that is no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// The names that are wanted.
    pub names: Vec<String>,
    /// The directory of the authority.
    pub directory: Option<Url>,
    /// Until when the certificate is good that is shown; none: the node shows one that it made itself.
    pub not_after: Option<Timestamp>,
    /// When the next one is asked for.
    pub renew_at: Option<Timestamp>,
    /// How often it failed since it last succeeded.
    pub failures: u32,
    /// Why it failed last.
    pub last_error: Option<String>,
    /// When it is tried again.
    pub next_attempt_at: Option<Timestamp>,
}

/// A document in a file that is sealed as a whole.
#[derive(Clone)]
pub(crate) struct SealedDocument {
    folder: PathBuf,
    file: SealedFile,
    keyring: Keyring,
    env: Env,
}

impl SealedDocument {
    pub(crate) fn new(data: &DataDir, file: SealedFile, keyring: &Keyring, env: &Env) -> Self {
        Self {
            folder: data.path().to_owned(),
            file,
            keyring: keyring.clone(),
            env: env.clone(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(self.file.name)
    }

    pub(crate) fn load<T: DeserializeOwned>(&self) -> Result<Option<T>, DataDirError> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DataDirError::Io { path, source }),
        };
        let opened = self.keyring.open(self.file.label, &Sealed::from_bytes(bytes));
        let opened = opened.map_err(|source| VaultError::SealedFile { path, source })?;
        let document = serde_json::from_slice(&opened);
        document.map(Some).map_err(|error| self.unreadable(error))
    }

    /// What is in the file is not what was written.
    pub(crate) fn unreadable(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> DataDirError {
        DataDirError::Io {
            path: self.path(),
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, error),
        }
    }

    pub(crate) fn store<T: Serialize>(&self, document: &T) -> Result<(), DataDirError> {
        let path = self.path();
        let bytes = serde_json::to_vec(document).map_err(|error| DataDirError::Io {
            path: path.clone(),
            source: error.into(),
        })?;
        let sealed = self.keyring.seal(self.file.label, &Zeroizing::new(bytes), &self.env);
        write_private(&path, sealed.as_bytes())
    }
}

/// What is kept about an account.
#[derive(Serialize, Deserialize)]
struct KeptAccount {
    directory: Url,
    account: String,
}

impl Drop for KeptAccount {
    fn drop(&mut self) {
        self.account.zeroize();
    }
}

/// A certificate with its key, in one file: they cannot come apart.
#[derive(Serialize, Deserialize)]
struct KeptCertificate {
    directory: Url,
    chain: String,
    #[serde(with = "hex_key")]
    key: Zeroizing<Vec<u8>>,
}

mod hex_key {
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(key: &Zeroizing<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(hex::encode(key)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<Vec<u8>>, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        hex::decode(&*text)
            .map(Zeroizing::new)
            .map_err(serde::de::Error::custom)
    }
}

/// What the node keeps of and for its certificate authority.
#[derive(Clone)]
pub struct AcmeStore {
    account: SealedDocument,
    certificate: SealedDocument,
    status: PathBuf,
}

impl AcmeStore {
    /// In a data directory.
    pub fn new(data: &DataDir, keyring: &Keyring, env: &Env) -> Self {
        Self {
            account: SealedDocument::new(data, ACME_ACCOUNT, keyring, env),
            certificate: SealedDocument::new(data, ACME_CERTIFICATE, keyring, env),
            status: status_path(data.path()),
        }
    }

    /// The account at this authority.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn account(&self, directory: &Url) -> Result<Option<Zeroizing<String>>, DataDirError> {
        let kept: Option<KeptAccount> = self.account.load()?;
        let kept = kept.filter(|kept| kept.directory == *directory);
        Ok(kept.map(|mut kept| Zeroizing::new(std::mem::take(&mut kept.account))))
    }

    /// Keeps an account.
    ///
    /// # Errors
    /// What the file system says.
    pub fn account_keep(&self, directory: &Url, account: &str) -> Result<(), DataDirError> {
        self.account.store(&KeptAccount {
            directory: directory.clone(),
            account: account.to_owned(),
        })
    }

    /// The certificate of this authority.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn certificate(&self, directory: &Url) -> Result<Option<Issued>, DataDirError> {
        let kept: Option<KeptCertificate> = self.certificate.load()?;
        Ok(kept.filter(|kept| kept.directory == *directory).map(|kept| Issued {
            chain_pem: kept.chain,
            key_der: kept.key,
        }))
    }

    /// Keeps a certificate.
    ///
    /// # Errors
    /// What the file system says.
    pub fn certificate_keep(&self, directory: &Url, issued: &Issued) -> Result<(), DataDirError> {
        self.certificate.store(&KeptCertificate {
            directory: directory.clone(),
            chain: issued.chain_pem.clone(),
            key: issued.key_der.clone(),
        })
    }

    /// How it stood; as new when that cannot be read.
    pub(super) fn status(&self) -> CertificateStatus {
        let kept = fs::read(&self.status).ok();
        kept.and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Notes how it stands.
    ///
    /// # Errors
    /// What the file system says.
    pub fn status_keep(&self, status: &CertificateStatus) -> Result<(), DataDirError> {
        let bytes = serde_json::to_vec_pretty(status).map_err(|error| DataDirError::Io {
            path: self.status.clone(),
            source: error.into(),
        })?;
        write_private(&self.status, &bytes)
    }
}

fn status_path(folder: &Path) -> PathBuf {
    folder.join("certificate.json")
}

impl CertificateStatus {
    /// How it stands, in a data directory; `None` when no authority was ever asked.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn load(folder: &Path) -> Result<Option<Self>, DataDirError> {
        let path = status_path(folder);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|error| DataDirError::Io {
                    path,
                    source: error.into(),
                }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DataDirError::Io { path, source }),
        }
    }
}

/// What a registry gave for one of the node's names.
#[derive(Serialize, Deserialize)]
struct KeptDnsAccount {
    /// Who gave it; none in files of earlier versions.
    #[serde(default)]
    registry: Option<Url>,
    #[serde(flatten)]
    account: DnsAccount,
}

impl KeptDnsAccount {
    /// Whether it is for this name of this registry: the name alone is what any registry can say.
    fn is_for(&self, registry: &Url, hostname: &str) -> bool {
        self.account.hostname == hostname && self.registry.as_ref().is_none_or(|giver| giver == registry)
    }
}

/// What registries gave to the node to change the records of its names.
#[derive(Clone)]
pub struct DnsAccounts(SealedDocument);

impl DnsAccounts {
    /// In a data directory.
    pub fn new(data: &DataDir, keyring: &Keyring, env: &Env) -> Self {
        Self(SealedDocument::new(data, DNS_ACCOUNTS, keyring, env))
    }

    /// The account for a name of a registry.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn find(&self, registry: &Url, hostname: &str) -> Result<Option<DnsAccount>, DataDirError> {
        let all = self.load()?;
        let known = all.into_iter().find(|known| known.is_for(registry, hostname));
        Ok(known.map(|known| known.account))
    }

    /// Keeps an account; one that was known for the name at this registry ends.
    ///
    /// # Errors
    /// What the file system says.
    pub fn keep(&self, registry: &Url, account: DnsAccount) -> Result<(), DataDirError> {
        let mut all = self.load()?;
        all.retain(|known| !known.is_for(registry, &account.hostname));
        all.push(KeptDnsAccount {
            registry: Some(registry.clone()),
            account,
        });
        self.0.store(&all)
    }

    /// Forgets an account that does not count any more.
    ///
    /// # Errors
    /// What the file system says.
    pub fn forget(&self, registry: &Url, hostname: &str) -> Result<(), DataDirError> {
        let mut all = self.load()?;
        all.retain(|known| !known.is_for(registry, hostname));
        self.0.store(&all)
    }

    fn load(&self) -> Result<Vec<KeptDnsAccount>, DataDirError> {
        Ok(self.0.load()?.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(username: &str) -> DnsAccount {
        DnsAccount {
            hostname: "alice.nodes.example".to_owned(),
            acme_url: "https://registry.example/registry/api/acme-dns".parse().unwrap(),
            username: username.to_owned(),
            password: "secret".to_owned(),
            subdomain: "label".to_owned(),
        }
    }

    #[test]
    fn a_registry_does_not_replace_the_account_that_another_gave() {
        let root = tempfile::tempdir().unwrap();
        let (data, env) = (DataDir::create(root.path()).unwrap(), Env::system());
        let accounts = DnsAccounts::new(&data, &data.keyring_ensure(&env).unwrap(), &env);
        let [one, other]: [Url; 2] =
            ["https://registry.example/", "https://evil.example/"].map(|url| url.parse().unwrap());
        let username = |registry| {
            let found = accounts.find(registry, "alice.nodes.example").unwrap();
            found.map(|account| account.username.clone())
        };
        // As an earlier version wrote it.
        accounts.0.store(&[account("oldest")]).unwrap();
        assert_eq!(username(&one).as_deref(), Some("oldest"));
        accounts.keep(&one, account("first")).unwrap();
        accounts.keep(&other, account("evil")).unwrap();
        assert_eq!(username(&one).as_deref(), Some("first"));
        accounts.keep(&one, account("second")).unwrap();
        accounts.forget(&other, "alice.nodes.example").unwrap();
        assert_eq!((username(&one).as_deref(), username(&other)), (Some("second"), None));
    }
}
