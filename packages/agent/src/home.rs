use std::fs::File;
use std::path::{Path, PathBuf};

use imajin_did::Did;
use imajin_imagxp::{AgentId, AgentKey, AgentManifest, KEYS_MAX, Names};
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use serde::{Deserialize, Serialize};

use crate::files::{failed, open, replace};

const SETTINGS: &str = "agent.json";
const LOCK: &str = "lock";

/// How much an agent may spend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Within any 24 hours, one line for each currency. A currency without a line has no such limit.
    #[serde(default)]
    pub per_day: Vec<Money>,
    /// In all.
    #[serde(default)]
    pub total: Vec<Money>,
}

/// Who an agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// Its domain.
    pub agent: String,
    /// Whom to write to about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// The brokers where it has an account, as their visas name them.
    #[serde(default)]
    pub brokers: Vec<String>,
    /// How much it may spend.
    #[serde(default)]
    pub limits: Limits,
    /// The files of its keys; it signs with the first.
    pub keys: Vec<String>,
}

/// The folder of an agent. One process at a time has it.
pub struct AgentHome {
    folder: PathBuf,
    settings: Settings,
    id: AgentId,
    _lock: File,
}

impl AgentHome {
    /// Makes an agent with its first key.
    ///
    /// # Errors
    /// When there is one already, its domain is none, or the folder cannot be written.
    pub fn create(folder: &Path, agent: &str, contact: Option<String>) -> Result<Self, Problem> {
        let id = id_of(agent)?;
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let lock = lock_take(folder)?;
        if folder.join(SETTINGS).exists() {
            let detail = format!("There is an agent in {} already.", folder.display());
            return Err(Problem::new(Code::Conflict, detail).hint("Name another folder."));
        }
        let settings = Settings {
            agent: id.to_string(),
            contact,
            brokers: Vec::new(),
            limits: Limits::default(),
            keys: Vec::new(),
        };
        let mut home = Self {
            folder: folder.to_owned(),
            settings,
            id,
            _lock: lock,
        };
        home.key_add()?;
        Ok(home)
    }

    /// Opens the folder of an agent.
    ///
    /// # Errors
    /// When there is none, or another process has it.
    pub fn open(folder: &Path) -> Result<Self, Problem> {
        // Without an agent there is no folder for a lock either.
        settings_read(folder)?;
        let lock = lock_take(folder)?;
        let settings = settings_read(folder)?;
        let id = id_of(&settings.agent)?;
        Ok(Self {
            folder: folder.to_owned(),
            settings,
            id,
            _lock: lock,
        })
    }

    /// Who it is.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its domain.
    pub const fn id(&self) -> &AgentId {
        &self.id
    }

    /// The DID of its domain: as whom it signs requests to brokers.
    ///
    /// # Errors
    /// When the domain is no name of a DID.
    pub fn did(&self) -> Result<Did, Problem> {
        let wrong = |_error| Problem::invalid("The agent's domain is no name of a DID.");
        Did::from_web_authority(self.id.as_str()).map_err(wrong)
    }

    /// A file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Changes what is said in the settings.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn change(&mut self, change: impl FnOnce(&mut Settings)) -> Result<(), Problem> {
        let mut settings = self.settings.clone();
        change(&mut settings);
        let text = serde_json::to_vec_pretty(&settings).map_err(|_error| Problem::internal())?;
        replace(&self.path(SETTINGS), &text)?;
        self.settings = settings;
        Ok(())
    }

    /// Makes another key, with which it signs from here on; the ones before stay in the manifest until they are
    /// dropped.
    ///
    /// # Errors
    /// When there are too many, or the key cannot be written.
    pub fn key_add(&mut self) -> Result<AgentKey, Problem> {
        if self.settings.keys.len() >= KEYS_MAX {
            return Err(
                Problem::new(Code::Conflict, "The agent has as many keys as it may have.")
                    .hint("Drop old ones: imajin agent key drop."),
            );
        }
        let broken = |_error| Problem::new(Code::Internal, "The machine has no randomness for a key.");
        let key = AgentKey::generate().map_err(broken)?;
        let name = format!("key-{}.p8", key.thumbprint());
        replace(&self.path(&name), &key.to_pkcs8().map_err(broken)?)?;
        self.change(|settings| settings.keys.insert(0, name))?;
        Ok(key)
    }

    /// Forgets all keys but the one that signs; says how many.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn keys_drop(&mut self) -> Result<usize, Problem> {
        let old: Vec<String> = self.settings.keys.iter().skip(1).cloned().collect();
        self.change(|settings| settings.keys.truncate(1))?;
        for name in &old {
            let path = self.path(name);
            std::fs::remove_file(&path).map_err(failed(&path))?;
        }
        Ok(old.len())
    }

    /// The key that signs.
    ///
    /// # Errors
    /// When its file is missing or damaged.
    pub fn key(&self) -> Result<AgentKey, Problem> {
        let keys = self.settings.keys.first();
        self.key_read(keys.ok_or_else(|| Problem::invalid("The agent has no key."))?)
    }

    fn key_read(&self, name: &str) -> Result<AgentKey, Problem> {
        key_read(&self.path(name))
    }

    /// What is to be published at [`AgentId::manifest_url`].
    ///
    /// # Errors
    /// When a key's file is missing or damaged.
    pub fn manifest(&self) -> Result<AgentManifest, Problem> {
        let keys = self.settings.keys.iter();
        let keys = keys.map(|name| Ok(self.key_read(name)?.public().clone()));
        Ok(AgentManifest {
            agent: self.id.clone(),
            keys: keys.collect::<Result<_, Problem>>()?,
            contact: self.settings.contact.clone(),
        })
    }
}

/// What is said of an agent in its folder.
pub(crate) fn settings_read(folder: &Path) -> Result<Settings, Problem> {
    let path = folder.join(SETTINGS);
    if !path.exists() {
        let detail = format!("There is no agent in {}.", folder.display());
        return Err(Problem::new(Code::NotFound, detail).hint("Make one: imajin agent key new DOMAIN."));
    }
    let text = std::fs::read(&path).map_err(failed(&path))?;
    serde_json::from_slice(&text).map_err(|error| Problem::invalid(format!("{} is damaged: {error}.", path.display())))
}

pub(crate) fn key_read(path: &Path) -> Result<AgentKey, Problem> {
    let der = std::fs::read(path).map_err(failed(path))?;
    AgentKey::from_pkcs8(&der).map_err(|error| Problem::invalid(format!("{}: {error}.", path.display())))
}

pub(crate) fn id_of(agent: &str) -> Result<AgentId, Problem> {
    // Whether a name of this machine is believed, those decide who read it.
    AgentId::parse(agent, Names::Development).map_err(|error| Problem::invalid(format!("{agent}: {error}.")))
}

fn lock_take(folder: &Path) -> Result<File, Problem> {
    let path = folder.join(LOCK);
    let file = open(&path)?;
    file.try_lock().map_err(|_error| {
        let detail = format!("Another process uses {}.", folder.display());
        Problem::new(Code::Conflict, detail).hint("Wait for it, or name another folder.")
    })?;
    Ok(file)
}
