use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_registry_api::{Registration, Registrations};
use url::Url;

use crate::data_dir::{DataDir, DataDirError, write_private};

/// The registrations of a node: a small file, which `imajin node register` writes too, while the node runs.
#[derive(Debug, Clone)]
pub struct AgentState {
    path: PathBuf,
}

impl AgentState {
    /// The state in a data directory.
    pub fn new(data: &DataDir) -> Self {
        Self {
            path: data.path().join("registrations.json"),
        }
    }

    /// The data directory.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// All registrations; none when there is no file yet.
    pub fn load(&self) -> Result<Vec<Registration>, DataDirError> {
        let io = |source| DataDirError::Io {
            path: self.path.clone(),
            source,
        };
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| io(error.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(io(error)),
        }
    }

    /// Changes the registrations; one process at a time. Nothing is written when `change` says that nothing is new.
    fn change<T>(&self, change: impl FnOnce(&mut Vec<Registration>) -> Option<T>) -> Result<Option<T>, DataDirError> {
        let lock_path = self.path.with_extension("lock");
        let io = |path: &PathBuf| {
            let path = path.clone();
            move |source| DataDirError::Io { path, source }
        };
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&lock_path);
        let lock = lock.map_err(io(&lock_path))?;
        // Held for the time of one small file; released when it is dropped.
        fs4::FileExt::lock(&lock).map_err(io(&lock_path))?;
        let mut all = self.load()?;
        let Some(changed) = change(&mut all) else {
            return Ok(None);
        };
        let bytes = serde_json::to_vec_pretty(&all).map_err(|error| io(&self.path)(error.into()))?;
        write_private(&self.path, &bytes)?;
        Ok(Some(changed))
    }

    /// Adds a registration or replaces the one at the same registry.
    pub fn store(&self, registration: &Registration) -> Result<(), DataDirError> {
        let stored = self.change(|all| {
            let registration = own_name_only(all, registration);
            match all.iter_mut().find(|known| known.registry == registration.registry) {
                Some(known) => *known = registration,
                None => all.push(registration),
            }
            Some(())
        });
        stored.map(|_done| ())
    }

    /// Replaces a registration by what became of it, unless somebody has changed it meanwhile: then what they want
    /// stands, and is attended to next. Whether it was replaced.
    pub fn settle(&self, before: &Registration, after: &Registration) -> Result<bool, DataDirError> {
        let settled = self.change(|all| {
            let after = own_name_only(all, after);
            let known = all.iter_mut().find(|known| *known == before)?;
            *known = after;
            Some(())
        });
        settled.map(|done| done.is_some())
    }

    /// Forgets a registration: the node does not renew it any more, and the registry lets it run out. What it was.
    pub fn forget(&self, registry: &Url) -> Result<Option<Registration>, DataDirError> {
        self.change(|all| {
            let position = all.iter().position(|known| &known.registry == registry)?;
            Some(all.remove(position))
        })
    }

    /// Notes a registration that the configuration asks for, unless it is known under that name already.
    pub(super) fn ensure(&self, registry: &Url, hostname: &str, now: Timestamp) -> Result<(), DataDirError> {
        let known = self.find(registry)?;
        if known.as_ref().is_some_and(|known| known.hostname == hostname) {
            return Ok(());
        }
        self.store(&Registration {
            witness: known.and_then(|known| known.witness),
            ..Registration::wanted(registry.clone(), hostname, now)
        })
    }

    /// The registration at a registry.
    pub fn find(&self, registry: &Url) -> Result<Option<Registration>, DataDirError> {
        let mut known = self.load()?.into_iter();
        Ok(known.find(|known| &known.registry == registry))
    }

    /// The nodes that run the registries, with their addresses: they witness key logs.
    pub fn witnesses(&self) -> Vec<(Did, Url)> {
        let known = self.registrations().into_iter();
        known
            .filter_map(|known| Some((known.witness?, known.registry.join("/").ok()?)))
            .collect()
    }
}

/// A registration without the name that another registry has given already: who said it first is believed, so that no
/// registry has the node prove, or show, the name of another.
fn own_name_only(all: &[Registration], registration: &Registration) -> Registration {
    let mut own = registration.clone();
    let others = all.iter().filter(|known| known.registry != own.registry);
    let mut names = others.filter_map(|known| known.subdomain.as_ref());
    if let Some(name) = own.subdomain.take_if(|name| names.any(|other| other == name)) {
        own.last_error = Some(format!(
            "the registry gave the name {name}, which another one has given"
        ));
    }
    own
}

impl Registrations for AgentState {
    fn registrations(&self) -> Vec<Registration> {
        self.load().unwrap_or_else(|error| {
            tracing::warn!(%error, "the registrations of this node cannot be read");
            Vec::new()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_changed_meanwhile_is_not_undone() {
        let root = tempfile::tempdir().unwrap();
        let state = AgentState::new(&DataDir::create(root.path()).unwrap());
        let registry: Url = "https://registry.example/registry".parse().unwrap();
        let before = Registration::wanted(registry.clone(), "alice", Timestamp::EPOCH);
        state.store(&before).unwrap();
        let beaten = Registration {
            failures: 1,
            ..before.clone()
        };
        assert!(state.settle(&before, &beaten).unwrap());
        let renamed = Registration::wanted(registry.clone(), "alice-b", Timestamp::EPOCH);
        state.store(&renamed).unwrap();
        assert!(!state.settle(&beaten, &before).unwrap());
        assert_eq!(state.load().unwrap().first(), Some(&renamed));
        assert_eq!(state.forget(&registry).unwrap(), Some(renamed));
        assert_eq!(state.forget(&registry).unwrap(), None);
    }

    #[test]
    fn a_registry_does_not_give_the_name_that_another_has_given() {
        let root = tempfile::tempdir().unwrap();
        let state = AgentState::new(&DataDir::create(root.path()).unwrap());
        let [first, second] = ["https://registry.example/registry", "https://evil.example/registry"].map(|url| {
            let mut known = Registration::wanted(url.parse().unwrap(), "alice", Timestamp::EPOCH);
            known.subdomain = Some("alice.nodes.example".to_owned());
            known
        });
        state.store(&first).unwrap();
        state.store(&second).unwrap();
        state.store(&first).unwrap();
        let known = state.load().unwrap();
        assert_eq!(known[0], first);
        assert_eq!(known[1].subdomain, None);
        assert!(known[1].last_error.as_ref().unwrap().contains("another one"));
        assert!(state.settle(&known[1], &second).unwrap());
        assert_eq!(state.load().unwrap()[1].subdomain, None);
    }

    #[test]
    fn a_file_of_an_earlier_version_is_read() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::create(root.path()).unwrap();
        let text = r#"[{"registry":"https://registry.example/registry","hostname":"alice","subdomain":null,
            "status":"pending","expiresAt":null,"lastHeartbeatAt":null,"nextAttemptAt":"2026-03-01T00:00:00Z",
            "failures":0,"lastError":null}]"#;
        fs::write(data.path().join("registrations.json"), text).unwrap();
        let known = AgentState::new(&data).load().unwrap();
        assert_eq!((known[0].hostname.as_str(), &known[0].witness), ("alice", &None));
    }
}
