use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use imajin_did::{Did, Method, Resolution, ResolveError, Resolver};
use imajin_kernel::{Env, Problem};

use super::{CachedResolver, DOCUMENT_BYTES_MAX, document_of, reachable};
use crate::{GuardedClient, PeerPolicy, Reach};

/// How long a host has to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Resolves did:web by the document at its host (W3C did:web, "Read"), and remembers it.
pub struct WebResolver {
    cached: CachedResolver,
}

struct Fetch {
    http: GuardedClient,
}

impl WebResolver {
    /// A resolver that reaches as far as `reach` says.
    ///
    /// # Errors
    /// When the TLS set-up of the machine is broken.
    pub fn new(env: Env, reach: Reach, policy: Arc<dyn PeerPolicy>) -> Result<Self, Problem> {
        let http = GuardedClient::new(reach, TIMEOUT)?.with_policy(policy);
        let cached = CachedResolver::new(Arc::new(Fetch { http }), env);
        Ok(Self { cached })
    }
}

#[async_trait]
impl Resolver for WebResolver {
    async fn resolve(&self, did: &Did) -> Result<Resolution, ResolveError> {
        if did.method() != Method::Web {
            return Err(ResolveError::Unsupported);
        }
        self.cached.resolve(did).await
    }
}

#[async_trait]
impl Resolver for Fetch {
    async fn resolve(&self, did: &Did) -> Result<Resolution, ResolveError> {
        let url = did.web_document_url().ok_or(ResolveError::Unsupported)?;
        let url = reachable(&url, self.http.reach())?;
        let answer = self
            .http
            .get(url, "application/did+json, application/json", DOCUMENT_BYTES_MAX)
            .await?;
        let document = document_of(&answer, did)?;
        Ok(Resolution {
            did: did.clone(),
            keys: document.authentication_keys(),
            document,
            stale: false,
            contested: false,
        })
    }
}
