//! Whether this node talks to another one.

use std::sync::Arc;

use async_trait::async_trait;
use imajin_did::Did;
use imajin_kernel::{Code, Problem};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{GuardError, Identities};

/// Another node, by all names that it goes by here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerAsked {
    /// Its DID, if it is known.
    pub did: Option<Did>,
    /// Its host, with a port unless it is the usual one, if it is known.
    pub host: Option<String>,
}

impl PeerAsked {
    /// The node at an address.
    pub fn host(url: &Url) -> Self {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Self {
            did: None,
            host: url
                .host_str()
                .map(|host| format!("{}{port}", host.to_ascii_lowercase())),
        }
    }

    /// The node with a DID.
    pub fn did(did: &Did) -> Self {
        let host = did.web_document_url().and_then(|url| url.parse::<Url>().ok());
        Self {
            did: Some(did.canonical()),
            host: host.and_then(|url| Self::host(&url).host),
        }
    }
}

/// Says which nodes this one talks to.
#[async_trait]
pub trait PeerPolicy: Send + Sync {
    /// Whether this node talks to that one.
    ///
    /// # Errors
    /// [`Forbidden`](imajin_kernel::Code::Forbidden) when it does not; what the lookup says.
    async fn peer_check(&self, peer: &PeerAsked) -> Result<(), Problem>;
}

/// Whether a host may be asked. One that is not known to be welcome is not: an operator's word that cannot be read
/// stands.
pub(crate) async fn admit(policy: Option<&dyn PeerPolicy>, url: &Url) -> Result<(), GuardError> {
    let Some(policy) = policy else { return Ok(()) };
    match policy.peer_check(&PeerAsked::host(url)).await {
        Ok(()) => Ok(()),
        Err(problem) if problem.code == Code::Forbidden => Err(GuardError::Blocked),
        Err(problem) => {
            tracing::warn!(%problem, "whether this node talks to a host is not known");
            Err(GuardError::Away)
        }
    }
}

/// What auth says: the operator's list is there.
pub struct PeersOf(pub Arc<dyn Identities>);

#[async_trait]
impl PeerPolicy for PeersOf {
    async fn peer_check(&self, peer: &PeerAsked) -> Result<(), Problem> {
        self.0.peer_check(peer).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_known_by_its_host_with_its_port() {
        let host = |url: &str| PeerAsked::host(&url.parse().unwrap()).host;
        assert_eq!(host("https://Node.example/x").as_deref(), Some("node.example"));
        assert_eq!(host("https://node.example:443/").as_deref(), Some("node.example"));
        assert_eq!(host("http://localhost:7000/").as_deref(), Some("localhost:7000"));
        let web: Did = "did:web:localhost%3A7000".parse().unwrap();
        assert_eq!(PeerAsked::did(&web).host.as_deref(), Some("localhost:7000"));
    }
}
