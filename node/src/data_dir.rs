//! The data directory: who may read it, who holds it, and the keys in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use fs4::TryLockError;
use imajin_did::Keyring;
use imajin_kernel::Env;

use crate::vault::{Sources, Vault, VaultError};

/// What can go wrong with a data directory. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// Another process runs on it.
    #[error("another imajin runs on {0}: stop it first, or choose another directory with --data")]
    Locked(PathBuf),
    /// There is no node in it.
    #[error("there is no node in {0}: make one with `imajin up --data {0}` or `imajin node init --data {0}`")]
    Empty(PathBuf),
    /// There is no database in it, and none elsewhere was named.
    #[error(
        "there is no database in {0}: name the node's own with --database (the environment of its service may have the \
         URL), or say --database sqlite if the node has never run"
    )]
    NoDatabase(PathBuf),
    /// The keys are there and do not open.
    #[error(transparent)]
    Vault(Box<VaultError>),
}

impl From<VaultError> for DataDirError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::DataDir(error) => *error,
            other => Self::Vault(Box::new(other)),
        }
    }
}

/// A data directory that exists.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
    sources: Sources,
}

/// Holds the directory for one process; it is free again when this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct DataDirLock {
    _file: File,
}

fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> DataDirError + '_ {
    move |source| DataDirError::Io {
        path: path.to_owned(),
        source,
    }
}

impl DataDir {
    /// The usual place: `$XDG_DATA_HOME/imajin` or `~/.local/share/imajin`; as a system service, what systemd names.
    pub fn default_path() -> PathBuf {
        let from = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        from("STATE_DIRECTORY")
            .or_else(|| from("XDG_DATA_HOME").map(|home| home.join("imajin")))
            .or_else(|| from("HOME").map(|home| home.join(".local/share/imajin")))
            .unwrap_or_else(|| PathBuf::from("imajin-data"))
    }

    /// Opens a directory and makes it if it is missing, readable by its owner only.
    pub fn create(path: &Path) -> Result<Self, DataDirError> {
        let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let missing = path.ancestors().take_while(is_missing).count();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(io_error(path))?;
        // A name lasts once the folder that holds it is synced; without its own, nothing in the directory does.
        for made in path.ancestors().take(missing) {
            parent_sync(made).map_err(io_error(made))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(io_error(path))?;
        let path = path.canonicalize().map_err(io_error(path))?;
        Ok(Self {
            path,
            sources: Sources::from_environment(),
        })
    }

    /// Opens a directory that must hold a node.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        if !path.join("node.key").exists() {
            return Err(DataDirError::Empty(path.to_owned()));
        }
        Ok(Self {
            path: path.canonicalize().map_err(io_error(path))?,
            sources: Sources::from_environment(),
        })
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the bytes of the works are that are read here.
    pub fn works_path(&self) -> PathBuf {
        self.path.join("works")
    }

    /// A service's SQLite file.
    pub fn database_path(&self, service: &str) -> PathBuf {
        self.path.join(format!("{service}.sqlite3"))
    }

    /// Takes the directory for this process.
    pub fn lock(&self) -> Result<DataDirLock, DataDirError> {
        let path = self.path.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path);
        let file = file.map_err(io_error(&path))?;
        match fs4::FileExt::try_lock(&file) {
            Ok(()) => Ok(DataDirLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::Locked(self.path.clone())),
            Err(TryLockError::Error(source)) => Err(DataDirError::Io { path, source }),
        }
    }

    /// The same directory, whose master key comes from elsewhere.
    #[must_use]
    pub fn with_sources(self, sources: Sources) -> Self {
        Self { sources, ..self }
    }

    /// The vault with the node's keys.
    pub fn vault(&self) -> Vault {
        Vault::new(&self.path, self.sources.clone())
    }

    /// The node's keys, made on first use.
    pub fn keyring_ensure(&self, env: &Env) -> Result<Keyring, DataDirError> {
        let vault = self.vault();
        let opened = vault.ensure(env)?;
        Ok(vault.keyring(opened, Some(env))?)
    }

    /// The node's keys, which must be there.
    pub fn keyring_open(&self) -> Result<Keyring, DataDirError> {
        let vault = self.vault();
        Ok(vault.keyring(vault.open()?, None)?)
    }
}

/// Writes a file that only its owner can read, and makes it durable before it gets its name.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), DataDirError> {
    let temporary = path.with_extension("tmp");
    let write = || {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        parent_sync(path)
    };
    write().map_err(io_error(path))
}

/// Makes the name of a file or folder durable.
fn parent_sync(path: &Path) -> std::io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_a_restart_and_a_second_process_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("data");
        assert!(matches!(DataDir::open(&path), Err(DataDirError::Empty(_))));
        let dir = DataDir::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let did = dir.keyring_ensure(&Env::system()).unwrap().node_did().clone();
        assert_eq!(DataDir::open(&path).unwrap().keyring_open().unwrap().node_did(), &did);
        assert_eq!(
            fs::metadata(path.join("master.key")).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let lock = dir.lock().unwrap();
        assert!(matches!(dir.lock(), Err(DataDirError::Locked(_))));
        drop(lock);
        dir.lock().unwrap();
    }

    #[test]
    fn a_foreign_master_key_is_named_and_nothing_is_overwritten() {
        let root = tempfile::tempdir().unwrap();
        let dir = DataDir::create(root.path()).unwrap();
        dir.keyring_ensure(&Env::system()).unwrap();
        let is_locked = |error: DataDirError| match error {
            DataDirError::Vault(inner) => matches!(*inner, VaultError::Locked { .. }),
            _ => false,
        };
        let before = fs::read(root.path().join("vault.json")).unwrap();
        fs::write(root.path().join("master.key"), "00".repeat(32)).unwrap();
        assert!(is_locked(dir.keyring_ensure(&Env::system()).unwrap_err()));
        assert_eq!(fs::read(root.path().join("vault.json")).unwrap(), before);
        fs::write(root.path().join("master.key"), "short").unwrap();
        assert!(!is_locked(dir.keyring_open().unwrap_err()));
        fs::remove_file(root.path().join("master.key")).unwrap();
        assert!(is_locked(dir.keyring_ensure(&Env::system()).unwrap_err()));
    }
}
