use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use imajin_did::{Did, DidDocument, Method, Resolution, ResolveError, Resolver, VerifyingKey};
use imajin_kernel::Problem;
use imajin_key_log::Status;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{DOCUMENT_BYTES_MAX, KeyLogs, is_json, key_log_fetch, status_check};
use crate::{GuardedClient, Reach};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks another node by its Universal Resolver route.
///
/// The other node is not believed: of a DID that is a key, it may add where the subject is served, but no key. Which
/// keys count besides is for the DID's key log to say, which proves itself: it is fetched, too, and given to somebody
/// who checks it and remembers it ([`PeerResolver::with_key_logs`]). Without such a somebody only the key counts that
/// the DID is. What proves nothing about itself (did:web, did:email, short forms) is not asked for.
pub struct PeerResolver {
    base: Url,
    http: GuardedClient,
    key_logs: Option<Arc<dyn KeyLogs>>,
}

/// A DID resolution result (W3C DID Resolution, section "DID Resolution Result").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResolutionResult {
    did_document: Option<DidDocument>,
    #[serde(default)]
    did_document_metadata: DocumentMetadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct DocumentMetadata {
    #[serde(default)]
    deactivated: bool,
    #[serde(default)]
    contested: bool,
    /// There, when the keys have a history.
    #[serde(default)]
    version_id: Option<Value>,
}

/// What the DID itself, or its key log, says about its keys.
struct Known {
    keys: Vec<VerifyingKey>,
    contested: bool,
}

impl PeerResolver {
    /// Asks the node at `base`, an address that may come from a stranger.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn new(base: Url, reach: Reach) -> Result<Self, Problem> {
        Ok(Self::with_client(base, GuardedClient::new(reach, TIMEOUT)?, None))
    }

    /// Lets keys count that a key log adds, once it is checked there.
    #[must_use]
    pub fn with_key_logs(mut self, key_logs: Arc<dyn KeyLogs>) -> Self {
        self.key_logs = Some(key_logs);
        self
    }

    pub(super) const fn with_client(base: Url, http: GuardedClient, key_logs: Option<Arc<dyn KeyLogs>>) -> Self {
        Self { base, http, key_logs }
    }

    async fn known(&self, did: &Did, metadata: &DocumentMetadata) -> Result<Known, ResolveError> {
        let own = did.verifying_key().ok_or(ResolveError::Unsupported)?;
        let Some(key_logs) = self.key_logs.as_ref().filter(|_logs| did.public_key().is_some()) else {
            return Ok(Known {
                keys: vec![own],
                contested: metadata.contested,
            });
        };
        let version = match &metadata.version_id {
            Some(_head) => key_log_fetch(&self.http, &self.base, did).await?,
            None => None,
        };
        let state = key_logs.version_take(did, version, &self.base).await?;
        if state.status == Status::Deactivated {
            return Err(ResolveError::Deactivated);
        }
        Ok(Known {
            keys: state.keys.iter().copied().map(VerifyingKey::from).collect(),
            contested: metadata.contested || state.status == Status::Contested,
        })
    }
}

#[async_trait]
impl Resolver for PeerResolver {
    async fn resolve(&self, did: &Did) -> Result<Resolution, ResolveError> {
        if did.verifying_key().is_none() {
            return Err(match did.method() {
                // A soft identity names a mailbox: it is not told to anybody.
                Method::Email | Method::ImajinShort | Method::Web => ResolveError::Unsupported,
                Method::Mjn | Method::Key | Method::Imajin => ResolveError::Invalid,
            });
        }
        let mut url = self.base.clone();
        url.set_path(&format!("/1.0/identifiers/{did}"));
        url.set_query(None);
        let answer = self
            .http
            .get(url, "application/did-resolution, application/json", DOCUMENT_BYTES_MAX)
            .await?;
        status_check(answer.status)?;
        if !is_json(&answer.headers) {
            return Err(ResolveError::Representation);
        }
        let result: ResolutionResult = serde_json::from_slice(&answer.body).or(Err(ResolveError::Unavailable))?;
        if result.did_document_metadata.deactivated {
            return Err(ResolveError::Deactivated);
        }
        let document = result.did_document.ok_or(ResolveError::NotFound)?;
        let known = self.known(did, &result.did_document_metadata).await?;
        fits(did, &document, &known.keys)?;
        Ok(Resolution {
            did: did.canonical(),
            keys: document.authentication_keys(),
            document,
            stale: false,
            contested: known.contested,
        })
    }
}

/// Whether a document is about the DID and names no key but those that count. It may lag behind, or be ahead: then it
/// does not fit, and is asked for again later.
fn fits(did: &Did, document: &DidDocument, known: &[VerifyingKey]) -> Result<(), ResolveError> {
    let keys = [
        document.authentication_verifying_keys(),
        document.assertion_verifying_keys(),
    ]
    .concat();
    if document.id.is_equivalent(did) && !keys.is_empty() && keys.iter().all(|key| known.contains(key)) {
        return Ok(());
    }
    tracing::debug!(%did, "another node's document does not fit the DID");
    Err(ResolveError::Unavailable)
}
