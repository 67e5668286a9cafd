use std::path::Path;

use axum::http::HeaderMap;
use imajin_imagxp::web_bot_auth::directory_sign;
use imajin_imagxp::{AgentKey, AgentManifest};
use imajin_kernel::{Problem, Timestamp};
use imajin_proof::http_sig::Signer;

use crate::agent::JOURNAL;
use crate::home::{id_of, key_read, settings_read};
use crate::{Limits, Purchases};

/// What the agent of a folder may spend, and has spent: read while another process may be at work as that agent.
pub struct AgentSpent {
    /// The agent.
    pub agent: String,
    /// What it may spend.
    pub limits: Limits,
    /// What it has bought.
    pub purchases: Purchases,
}

impl AgentSpent {
    /// Reads the folder of an agent.
    ///
    /// # Errors
    /// When there is no agent, or a file is damaged.
    pub fn read(folder: &Path) -> Result<Self, Problem> {
        let settings = settings_read(folder)?;
        Ok(Self {
            agent: settings.agent,
            limits: settings.limits,
            purchases: Purchases::read(&folder.join(JOURNAL))?,
        })
    }
}

/// Who the agent of a folder is, for whoever publishes it: read while another process may be at work as that agent.
pub struct AgentIdentity {
    keys: Vec<AgentKey>,
    manifest: AgentManifest,
}

impl AgentIdentity {
    /// Reads the folder of an agent, and takes nothing from whoever uses it.
    ///
    /// # Errors
    /// When there is no agent, or a file is missing or damaged.
    pub fn read(folder: &Path) -> Result<Self, Problem> {
        // Keys that are dropped in this very moment are in the settings no more.
        Self::read_once(folder).or_else(|_changing| Self::read_once(folder))
    }

    fn read_once(folder: &Path) -> Result<Self, Problem> {
        let settings = settings_read(folder)?;
        let keys = settings.keys.iter().map(|name| key_read(&folder.join(name)));
        let keys: Vec<AgentKey> = keys.collect::<Result<_, Problem>>()?;
        let manifest = AgentManifest {
            agent: id_of(&settings.agent)?,
            keys: keys.iter().map(|key| key.public().clone()).collect(),
            contact: settings.contact,
        };
        Ok(Self { keys, manifest })
    }

    /// What is to be published at [`imajin_imagxp::AgentId::manifest_url`], and as a directory of keys.
    pub const fn manifest(&self) -> &AgentManifest {
        &self.manifest
    }

    /// The headers by which all of the keys show that they belong into the directory at a URL.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn directory_headers(&self, url: &str, now: Timestamp) -> Result<HeaderMap, Problem> {
        let names: Vec<String> = self.keys.iter().map(AgentKey::thumbprint).collect();
        let mut keys: Vec<(&dyn Signer, &str)> = Vec::with_capacity(names.len());
        for (key, name) in self.keys.iter().zip(&names) {
            keys.push((key, name));
        }
        directory_sign(&keys, url, now).map_err(|error| Problem::invalid(format!("{url}: {error}.")))
    }
}
