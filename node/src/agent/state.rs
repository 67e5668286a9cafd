use std::fs;
use std::path::PathBuf;

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

    /// Adds a registration or replaces the one at the same registry.
    pub fn store(&self, registration: &Registration) -> Result<(), DataDirError> {
        let mut all = self.load()?;
        match all.iter_mut().find(|known| known.registry == registration.registry) {
            Some(known) => *known = registration.clone(),
            None => all.push(registration.clone()),
        }
        let bytes = serde_json::to_vec_pretty(&all).map_err(|error| DataDirError::Io {
            path: self.path.clone(),
            source: error.into(),
        })?;
        write_private(&self.path, &bytes)
    }

    /// Notes a registration that the configuration asks for, unless it is known under that name already.
    pub(super) fn ensure(&self, registry: &Url, hostname: &str, now: Timestamp) -> Result<(), DataDirError> {
        let known = self.load()?;
        if known
            .iter()
            .any(|known| &known.registry == registry && known.hostname == hostname)
        {
            return Ok(());
        }
        self.store(&Registration {
            registry: registry.clone(),
            hostname: hostname.to_owned(),
            subdomain: None,
            status: "pending".to_owned(),
            expires_at: None,
            last_heartbeat_at: None,
            next_attempt_at: now,
            failures: 0,
            last_error: None,
        })
    }
}

impl Registrations for AgentState {
    fn registrations(&self) -> Vec<Registration> {
        self.load().unwrap_or_else(|error| {
            tracing::warn!(%error, "the registrations of this node cannot be read");
            Vec::new()
        })
    }
}
