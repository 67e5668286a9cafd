use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use imajin_did::{Did, Resolution, ResolveError, Resolver};
use imajin_kernel::Problem;
use serde::Deserialize;
use url::Url;

use super::named::named_base;
use super::{DOCUMENT_BYTES_MAX, KeyLogs, PeerResolver, status_check};
use crate::{GuardedClient, PeerPolicy, Reach};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Resolves the DID of a node: asks a registry under which name the node is reached, and then the node itself.
///
/// The registry says where, never who: what the node answers is checked as any peer's answer is.
pub struct RegistryResolver {
    base: Url,
    http: GuardedClient,
    key_logs: Option<Arc<dyn KeyLogs>>,
}

/// What of a registry's entry is needed here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    node_id: Did,
    subdomain: String,
    status: String,
}

impl RegistryResolver {
    /// Asks the registry whose routes are below `base`, for example `https://registry.example/registry/`.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn new(base: Url, reach: Reach, policy: Arc<dyn PeerPolicy>) -> Result<Self, Problem> {
        let http = GuardedClient::new(reach, TIMEOUT)?.with_policy(policy);
        Ok(Self {
            base,
            http,
            key_logs: None,
        })
    }

    /// As for [`PeerResolver::with_key_logs`].
    #[must_use]
    pub fn with_key_logs(mut self, key_logs: Arc<dyn KeyLogs>) -> Self {
        self.key_logs = Some(key_logs);
        self
    }

    async fn node_base(&self, did: &Did) -> Result<Url, ResolveError> {
        let path = format!("{}/api/node/lookup/{did}", self.base.path().trim_end_matches('/'));
        let mut url = self.base.clone();
        url.set_path(&path);
        let answer = self.http.get(url, "application/json", DOCUMENT_BYTES_MAX).await?;
        status_check(answer.status)?;
        let entry: Entry = serde_json::from_slice(&answer.body).or(Err(ResolveError::Unavailable))?;
        if !entry.node_id.is_equivalent(did) || matches!(entry.status.as_str(), "expired" | "revoked") {
            return Err(ResolveError::NotFound);
        }
        named_base(&entry.subdomain, self.http.reach())
    }
}

#[async_trait]
impl Resolver for RegistryResolver {
    async fn resolve(&self, did: &Did) -> Result<Resolution, ResolveError> {
        if did.verifying_key().is_none() {
            return Err(ResolveError::Unsupported);
        }
        let base = self.node_base(did).await?;
        let node = PeerResolver::with_client(base, self.http.clone(), self.key_logs.clone());
        node.resolve(did).await
    }
}
