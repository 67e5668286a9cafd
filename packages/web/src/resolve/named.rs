use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use imajin_did::{Did, Resolution, ResolveError, Resolver};
use imajin_kernel::Problem;
use url::Url;

use super::{KeyLogs, PeerResolver, reachable};
use crate::{GuardedClient, PeerPolicy, Reach};

const TIMEOUT: Duration = Duration::from_secs(5);

/// Where a node of this name is asked. A name as a did:web has it is a host and a port, and nothing that could bend a
/// URL.
pub(super) fn named_base(name: &str, reach: Reach) -> Result<Url, ResolveError> {
    let host = Did::from_web_authority(name).or(Err(ResolveError::Unavailable))?;
    let url = host.web_document_url().ok_or(ResolveError::Unavailable)?;
    reachable(&url, reach)
}

/// Knows under which names nodes are reached, without asking anybody: from copies of signed directories.
#[async_trait]
pub trait NodeNames: Send + Sync {
    /// The host name of a node.
    async fn node_name(&self, node: &Did) -> Option<String>;
}

/// Resolves nodes by the names that are known here, also while their registry is away. A name is a hint and no more:
/// the node itself is asked for its document, and believed as far as its own key and key log go.
pub struct NamedResolver {
    names: Arc<dyn NodeNames>,
    key_logs: Arc<dyn KeyLogs>,
    http: GuardedClient,
}

impl NamedResolver {
    /// Prepares the resolver; no connection is made yet.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn new(
        names: Arc<dyn NodeNames>,
        key_logs: Arc<dyn KeyLogs>,
        reach: Reach,
        policy: Arc<dyn PeerPolicy>,
    ) -> Result<Self, Problem> {
        Ok(Self {
            names,
            key_logs,
            http: GuardedClient::new(reach, TIMEOUT)?.with_policy(policy),
        })
    }
}

#[async_trait]
impl Resolver for NamedResolver {
    async fn resolve(&self, did: &Did) -> Result<Resolution, ResolveError> {
        if did.verifying_key().is_none() {
            return Err(ResolveError::Unsupported);
        }
        let name = self.names.node_name(did).await.ok_or(ResolveError::NotFound)?;
        let base = named_base(&name, self.http.reach())?;
        let node = PeerResolver::with_client(base, self.http.clone(), Some(Arc::clone(&self.key_logs)));
        node.resolve(did).await
    }
}
