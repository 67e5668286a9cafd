use std::sync::Arc;

use imajin_did::Resolver;
use imajin_kernel::{Env, Problem};
use imajin_web::Reach;
use imajin_web::resolve::{CachedResolver, Chain, RegistryResolver, WebResolver};

use crate::config::Config;

/// Who is asked about DIDs that are not registered here: the host of a did:web, and about nodes the registry.
///
/// A developer's nodes find each other on one machine; any other node calls public addresses only.
pub(super) fn foreign_resolver(config: &Config, env: &Env) -> Result<Arc<dyn Resolver>, Problem> {
    let reach = if config.dev { Reach::Development } else { Reach::Public };
    let mut resolvers: Vec<Arc<dyn Resolver>> = vec![Arc::new(WebResolver::new(env.clone(), reach)?)];
    if let Some(url) = &config.registry.url {
        let registry = RegistryResolver::new(url.clone(), reach)?;
        resolvers.push(Arc::new(CachedResolver::new(Arc::new(registry), env.clone())));
    }
    Ok(Arc::new(Chain::new(resolvers)))
}
