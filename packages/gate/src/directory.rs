//! The keys of agents, from the documents at their domains: fetched safely, remembered, one question at a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use imajin_imagxp::web_bot_auth::{DIRECTORY_PATH, directory_parse};
use imajin_imagxp::{AgentId, AgentManifest, ClaimError, MANIFEST_BYTES_MAX, Names};
use imajin_kernel::{Env, Problem, Span, Timestamp};
use imajin_proof::jose::Jwks;
use imajin_web::{GuardedClient, Reach};
use moka::future::Cache;
use moka::ops::compute::Op;
use tokio::sync::Semaphore;
use url::Url;

/// How long a document counts as the present one.
const FRESH_FOR: Span = Span::hours(1);
/// How long a domain that gave none is left alone, and one whose keys did not have the one that was looked for.
const RETRY_AFTER: Span = Span::seconds(60);
/// How long a domain may take.
const TIMEOUT: Duration = Duration::from_millis(1_500);
/// The most memory that the remembered keys take, roughly.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// How many domains are asked at once: strangers decide how many are wanted.
const FETCHES_MAX: usize = 32;
/// What a key takes, with its names.
const KEY_BYTES: u32 = 512;
const ENTRY_BYTES: u32 = 512;

/// Fetches a document from a stranger's domain.
#[async_trait]
pub trait Documents: Send + Sync {
    /// The body, of at most 64 KiB; none when there is no such document, or not in time.
    async fn document(&self, url: &str) -> Option<Vec<u8>>;
}

/// Documents through the client for strangers' addresses: public ones only, no redirects.
pub struct GuardedDocuments(GuardedClient);

impl GuardedDocuments {
    /// Prepares the client.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn new(names: Names) -> Result<Self, Problem> {
        let reach = match names {
            Names::Public => Reach::Public,
            Names::Development => Reach::Development,
        };
        Ok(Self(GuardedClient::new(reach, TIMEOUT)?))
    }
}

#[async_trait]
impl Documents for GuardedDocuments {
    async fn document(&self, url: &str) -> Option<Vec<u8>> {
        let accept = "application/json, application/http-message-signatures-directory+json";
        let answer = self.0.get(Url::parse(url).ok()?, accept, MANIFEST_BYTES_MAX).await;
        let answer = answer.ok().filter(|answer| answer.status.as_u16() == 200)?;
        Some(answer.body.to_vec())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Manifest,
    Keys,
    Network,
}

/// What is looked for.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Manifest(&'a AgentId),
    Keys(&'a AgentId),
    Network(&'a str),
}

impl Wanted<'_> {
    fn name(self) -> (Kind, String) {
        match self {
            Self::Manifest(agent) => (Kind::Manifest, agent.manifest_url()),
            Self::Keys(agent) => (Kind::Keys, format!("{}{DIRECTORY_PATH}", agent.origin())),
            Self::Network(url) => (Kind::Network, url.to_owned()),
        }
    }

    fn read(self, json: &[u8]) -> Result<Known, ClaimError> {
        match self {
            Self::Manifest(agent) => AgentManifest::parse(agent, json).map(|one| Known::Manifest(Arc::new(one))),
            Self::Keys(_) | Self::Network(_) => directory_parse(json).map(|keys| Known::Keys(Arc::new(keys))),
        }
    }
}

#[derive(Clone)]
enum Known {
    Manifest(Arc<AgentManifest>),
    Keys(Arc<Jwks>),
    Nothing,
}

impl Known {
    fn keys(self) -> Option<Arc<Jwks>> {
        match self {
            Self::Keys(keys) => Some(keys),
            Self::Manifest(_) | Self::Nothing => None,
        }
    }

    fn bytes(&self) -> u32 {
        let keys = match self {
            Self::Manifest(manifest) => manifest.keys.len(),
            Self::Keys(keys) => keys.keys().len(),
            Self::Nothing => 0,
        };
        u32::try_from(keys)
            .unwrap_or(u32::MAX)
            .saturating_mul(KEY_BYTES)
            .saturating_add(ENTRY_BYTES)
    }
}

#[derive(Clone)]
struct Entry {
    known: Known,
    at: Timestamp,
}

impl Entry {
    /// Whether it is an answer now; `again` asks for a newer one.
    fn counts(&self, now: Timestamp, again: bool) -> bool {
        let is_nothing = matches!(self.known, Known::Nothing);
        let lasts = if is_nothing || again { RETRY_AFTER } else { FRESH_FOR };
        now.since(self.at) < lasts
    }
}

/// So many domains are asked at this moment that another one is not: nothing is said about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many agents come at once that are not known here: ask again in a few seconds")]
pub struct Busy;

/// The keys of agents.
pub struct AgentDirectory {
    documents: Arc<dyn Documents>,
    entries: Cache<(Kind, String), Entry>,
    permits: Semaphore,
    env: Env,
}

impl AgentDirectory {
    /// Remembers what `documents` gives.
    pub fn new(documents: Arc<dyn Documents>, env: Env) -> Self {
        let weigh = |name: &(Kind, String), entry: &Entry| {
            let name = u32::try_from(name.1.len()).unwrap_or(u32::MAX);
            entry.known.bytes().saturating_add(name)
        };
        Self {
            documents,
            entries: Cache::builder().max_capacity(BYTES_MAX).weigher(weigh).build(),
            permits: Semaphore::new(FETCHES_MAX),
            env,
        }
    }

    /// The manifest of an agent. With `again` a newer one than is remembered, if that is not from the last minute: an
    /// agent may have changed its keys.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn manifest(&self, agent: &AgentId, again: bool) -> Result<Option<Arc<AgentManifest>>, Busy> {
        Ok(match self.find(Wanted::Manifest(agent), again).await? {
            Known::Manifest(manifest) => Some(manifest),
            Known::Keys(_) | Known::Nothing => None,
        })
    }

    /// The keys of an agent that signs by Web Bot Auth.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn keys(&self, agent: &AgentId, again: bool) -> Result<Option<Arc<Jwks>>, Busy> {
        self.find(Wanted::Keys(agent), again).await.map(Known::keys)
    }

    /// The keys of a network of advertisers, at the address that the policy names.
    ///
    /// # Errors
    /// [`Busy`].
    pub async fn network_keys(&self, url: &str, again: bool) -> Result<Option<Arc<Jwks>>, Busy> {
        self.find(Wanted::Network(url), again).await.map(Known::keys)
    }

    async fn find(&self, wanted: Wanted<'_>, again: bool) -> Result<Known, Busy> {
        let name = wanted.name();
        let now = self.env.now();
        if let Some(entry) = self.entries.get(&name).await
            && entry.counts(now, again)
        {
            return Ok(entry.known);
        }
        // The cache lets one caller in at a time for one name; those behind it find the answer of the first.
        let asked = self.entries.entry_by_ref(&name).and_compute_with(|known| async move {
            if known.is_some_and(|known| known.into_value().counts(now, again)) {
                return Op::Nop;
            }
            // With all permits in use nothing is learned, and nothing remembered.
            let Ok(_permit) = self.permits.try_acquire() else {
                tracing::warn!("too many domains of agents are asked at once");
                return Op::Nop;
            };
            let known = self.fetch(wanted).await;
            Op::Put(Entry { known, at: now })
        });
        match asked.await.into_entry().map(moka::Entry::into_value) {
            Some(entry) if entry.counts(now, again) => Ok(entry.known),
            // Who was known goes on with the keys of then.
            Some(entry) if !again && !matches!(entry.known, Known::Nothing) => Ok(entry.known),
            Some(_) | None => Err(Busy),
        }
    }

    async fn fetch(&self, wanted: Wanted<'_>) -> Known {
        let (_kind, url) = wanted.name();
        let Some(json) = self.documents.document(&url).await else {
            return Known::Nothing;
        };
        wanted.read(&json).unwrap_or_else(|error| {
            tracing::debug!(url, %error, "a document with keys is not valid");
            Known::Nothing
        })
    }
}
