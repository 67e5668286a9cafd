use imajin_fair::Action;
use imajin_kernel::Timestamp;
use imajin_proof::digest::sha256_hex;
use imajin_proof::jcs;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{AgentId, ClaimError, Names};

const NONCE_LENGTH_MAX: usize = 128;
const RESOURCE_LENGTH_MAX: usize = 4 * 1024;

/// What an agent wants something for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Purpose {
    /// To train a model.
    CrawlTraining,
    /// To answer a question with it.
    RagRetrieval,
    /// To sum it up.
    Summary,
    /// To quote it.
    Quotation,
    /// To make vectors of it.
    Embedding,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::CrawlTraining,
        Self::RagRetrieval,
        Self::Summary,
        Self::Quotation,
        Self::Embedding,
    ];

    /// The word of the protocol.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CrawlTraining => "CRAWL_TRAINING",
            Self::RagRetrieval => "RAG_RETRIEVAL",
            Self::Summary => "SUMMARY",
            Self::Quotation => "QUOTATION",
            Self::Embedding => "EMBEDDING",
        }
    }

    /// Whose term of a manifest it falls under.
    pub const fn action(self) -> Action {
        match self {
            Self::CrawlTraining | Self::Embedding => Action::Train,
            Self::RagRetrieval | Self::Summary | Self::Quotation => Action::Read,
        }
    }
}

/// Who an agent is and what it wants: the JSON beneath `x-imagxp-payload`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The agent's domain.
    pub agent: AgentId,
    /// When it was made.
    pub made_at: Timestamp,
    /// What makes it good only once; a claim without one is of the version 1.0, whatever it says itself.
    pub nonce: Option<String>,
    /// What is asked for: the whole URL, or its path and query. Claims of the version 1.0 may leave it out.
    pub resource: Option<String>,
    /// What for.
    pub purpose: Purpose,
    /// Whether the agent shows its users the publisher's advertisements.
    pub ads_displayed: bool,
    /// The whole claim, with members that we do not know: all of it is signed.
    document: Value,
}

#[derive(Deserialize)]
struct Wire {
    v: Option<String>,
    ts: String,
    nonce: Option<String>,
    agent_id: String,
    resource: Option<String>,
    purpose: Purpose,
    #[serde(default)]
    context: Context,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    ads_displayed: bool,
}

impl Claim {
    /// A claim of the version 1.1; the wire has milliseconds.
    ///
    /// # Errors
    /// [`ClaimError`] when a member has the wrong form.
    pub fn new(
        agent: &AgentId,
        made_at: Timestamp,
        nonce: &str,
        resource: &str,
        purpose: Purpose,
        ads_displayed: bool,
    ) -> Result<Self, ClaimError> {
        let seconds = Timestamp::from_seconds(made_at.as_seconds());
        let millis = made_at.as_millis().rem_euclid(1_000);
        let second = seconds.to_string();
        let moment = format!("{}.{millis:03}Z", second.trim_end_matches('Z'));
        let document = json!({
            "v": "1.1", "ts": moment, "nonce": nonce, "agent_id": agent.as_str(), "resource": resource,
            "purpose": purpose, "context": {"ads_displayed": ads_displayed},
        });
        // The name was believed when it was read.
        Self::from_value(document, Names::Development)
    }

    /// Reads a claim from its JSON, in whichever order its members are.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] or [`ClaimError::AgentName`].
    pub fn parse(json: &[u8], names: Names) -> Result<Self, ClaimError> {
        // Not every JSON has one meaning only: this reader refuses repeated members.
        let document =
            jcs::from_slice(json).map_err(|_error| ClaimError::Malformed("the payload is no JSON object"))?;
        Self::from_value(document, names)
    }

    fn from_value(document: Value, names: Names) -> Result<Self, ClaimError> {
        if !document.is_object() {
            return Err(ClaimError::Malformed("the payload is no JSON object"));
        }
        let wire = Wire::deserialize(&document);
        let wire = wire.map_err(|_error| ClaimError::Malformed("a member is missing or of the wrong kind"))?;
        let made_at = wire
            .ts
            .parse()
            .or(Err(ClaimError::Malformed("ts is no ISO 8601 time")))?;
        let nonce = wire.nonce;
        match wire.v.as_deref() {
            Some("1.0" | "1.1") => {}
            None if nonce.is_none() => {}
            _ => return Err(ClaimError::Malformed("v is neither 1.0 nor 1.1")),
        }
        if nonce.is_some() && wire.resource.is_none() {
            return Err(ClaimError::Malformed("the resource is missing"));
        }
        if nonce.as_ref().is_some_and(|nonce| {
            nonce.is_empty() || nonce.len() > NONCE_LENGTH_MAX || !nonce.bytes().all(|byte| byte.is_ascii_graphic())
        }) {
            return Err(ClaimError::Malformed("the nonce must have 1 to 128 visible characters"));
        }
        if wire
            .resource
            .as_ref()
            .is_some_and(|resource| resource.len() > RESOURCE_LENGTH_MAX)
        {
            return Err(ClaimError::TooLong("the resource"));
        }
        Ok(Self {
            agent: AgentId::parse(&wire.agent_id, names)?,
            made_at,
            nonce,
            resource: wire.resource,
            purpose: wire.purpose,
            ads_displayed: wire.context.ads_displayed,
            document,
        })
    }

    /// The bytes that are signed: the RFC 8785 form of the whole claim.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] when it has none.
    pub fn canonical_bytes(&self) -> Result<Vec<u8>, ClaimError> {
        jcs::value_to_bytes(&self.document).map_err(|_error| ClaimError::Malformed("it has no canonical form"))
    }

    /// SHA-256 of the signed bytes, in hex: what receipts and disputes name.
    ///
    /// # Errors
    /// As for [`Claim::canonical_bytes`].
    pub fn digest(&self) -> Result<String, ClaimError> {
        Ok(sha256_hex(&self.canonical_bytes()?))
    }
}
