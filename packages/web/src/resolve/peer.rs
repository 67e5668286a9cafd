use std::time::Duration;

use async_trait::async_trait;
use imajin_did::{Did, DidDocument, Method, Resolution, ResolveError, Resolver};
use imajin_kernel::Problem;
use serde::Deserialize;
use url::Url;

use super::{DOCUMENT_BYTES_MAX, is_json, status_check};
use crate::{GuardedClient, Reach};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks another node by its Universal Resolver route.
///
/// The other node is not believed: of a DID that is a key, it may add where the subject is served, but no key. A DID
/// whose keys have changed needs its key log, which proves itself and is fetched and checked elsewhere. What proves
/// nothing about itself (did:web, did:email, short forms) is not asked for.
pub struct PeerResolver {
    base: Url,
    http: GuardedClient,
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
struct DocumentMetadata {
    #[serde(default)]
    deactivated: bool,
    #[serde(default)]
    contested: bool,
}

impl PeerResolver {
    /// Asks the node at `base`, an address that may come from a stranger.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn new(base: Url, reach: Reach) -> Result<Self, Problem> {
        Ok(Self::with_client(base, GuardedClient::new(reach, TIMEOUT)?))
    }

    pub(super) const fn with_client(base: Url, http: GuardedClient) -> Self {
        Self { base, http }
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
        fits(did, &document)?;
        Ok(Resolution {
            did: did.canonical(),
            keys: document.authentication_keys(),
            document,
            stale: false,
            contested: result.did_document_metadata.contested,
        })
    }
}

/// Whether a document is about the DID and names no key but the one that the DID is.
fn fits(did: &Did, document: &DidDocument) -> Result<(), ResolveError> {
    let own = did.verifying_key();
    let keys = [
        document.authentication_verifying_keys(),
        document.assertion_verifying_keys(),
    ]
    .concat();
    let is_own = document.id.is_equivalent(did) && !keys.is_empty() && keys.iter().all(|key| Some(key) == own.as_ref());
    if is_own {
        return Ok(());
    }
    tracing::debug!(%did, "another node's document does not fit the DID");
    Err(ResolveError::Unavailable)
}
