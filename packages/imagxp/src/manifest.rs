use imajin_did::P256Key;
use imajin_proof::jcs;
use imajin_proof::jose::Jwk;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{AgentId, ClaimError, Names, key_from_spki, key_to_spki};

/// The most bytes of an agent's manifest.
pub const MANIFEST_BYTES_MAX: usize = 64 * 1024;
/// The most keys of an agent.
pub const KEYS_MAX: usize = 32;

/// What an agent publishes at its domain: which keys are its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentManifest {
    /// The agent.
    pub agent: AgentId,
    /// Its keys: one, or several while one takes the place of another.
    pub keys: Vec<P256Key>,
    /// Whom to write to.
    pub contact: Option<String>,
}

#[derive(Deserialize)]
struct Wire {
    agent_id: String,
    public_key: Option<String>,
    #[serde(default)]
    keys: Vec<String>,
    contact: Option<String>,
    contact_email: Option<String>,
}

impl AgentManifest {
    /// Reads the manifest that was found at the domain of `agent`.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] when it is none, [`ClaimError::AgentName`] when it is another agent's.
    pub fn parse(agent: &AgentId, json: &[u8]) -> Result<Self, ClaimError> {
        if json.len() > MANIFEST_BYTES_MAX {
            return Err(ClaimError::TooLong("the agent's manifest"));
        }
        let wire: Wire = jcs::from_slice(json).map_err(|_error| ClaimError::Malformed("the manifest is not valid"))?;
        if AgentId::parse(&wire.agent_id, Names::Development)? != *agent {
            return Err(ClaimError::AgentName);
        }
        let texts: Vec<String> = wire.public_key.into_iter().chain(wire.keys).collect();
        if texts.is_empty() || texts.len() > KEYS_MAX {
            return Err(ClaimError::Malformed("the manifest must have 1 to 32 keys"));
        }
        let keys: Result<Vec<P256Key>, ClaimError> = texts.iter().map(|text| key_from_spki(text)).collect();
        Ok(Self {
            agent: agent.clone(),
            keys: keys?,
            contact: wire.contact.or(wire.contact_email),
        })
    }

    /// The same keys as agents by Web Bot Auth publish them, at [`crate::web_bot_auth::DIRECTORY_PATH`].
    pub fn to_directory(&self) -> Value {
        let keys: Vec<Jwk> = self.keys.iter().cloned().map(Jwk::from_key).collect();
        json!({ "keys": keys })
    }

    /// The manifest as it is published; the first key is the one that the agent signs with.
    pub fn to_document(&self) -> Value {
        let keys: Vec<String> = self.keys.iter().map(key_to_spki).collect();
        let mut document = json!({
            "agent_id": self.agent.as_str(), "public_key": keys.first(), "keys": keys, "version": "1.1",
        });
        if let (Some(contact), Some(members)) = (&self.contact, document.as_object_mut()) {
            members.insert("contact".to_owned(), json!(contact));
            members.insert("contact_email".to_owned(), json!(contact));
        }
        document
    }
}
