use std::sync::Arc;

use async_trait::async_trait;
use imajin_did::{Did, Resolution, ResolveError, Resolver};

/// Asks one resolver after another until one knows.
///
/// "Deactivated" and "invalid" are answers and end the search. A stale answer is kept while others are asked for a
/// fresh one. When nobody knows, the most telling refusal counts: that somebody could not be asked more than that
/// somebody does not know it, and that more than that somebody does not resolve this method.
pub struct Chain(Vec<Arc<dyn Resolver>>);

impl Chain {
    /// The resolvers, in the order in which they are asked.
    pub const fn new(resolvers: Vec<Arc<dyn Resolver>>) -> Self {
        Self(resolvers)
    }
}

const fn weight(error: &ResolveError) -> u8 {
    match error {
        ResolveError::Unsupported => 0,
        ResolveError::NotFound => 1,
        ResolveError::Refused => 2,
        ResolveError::Representation => 3,
        ResolveError::Unavailable => 4,
        ResolveError::Invalid | ResolveError::Deactivated => 5,
    }
}

#[async_trait]
impl Resolver for Chain {
    async fn resolve(&self, did: &Did) -> Result<Resolution, ResolveError> {
        let (mut stale, mut refusal) = (None, ResolveError::Unsupported);
        for resolver in &self.0 {
            match resolver.resolve(did).await {
                Ok(resolution) if resolution.stale => stale = stale.or(Some(resolution)),
                Ok(resolution) => return Ok(resolution),
                Err(error @ (ResolveError::Deactivated | ResolveError::Invalid)) => return Err(error),
                Err(error) if weight(&error) > weight(&refusal) => refusal = error,
                Err(_error) => {}
            }
        }
        stale.ok_or(refusal)
    }
}
