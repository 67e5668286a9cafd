//! Who is asked about identities that are not registered here, and who checks what they say about keys.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use imajin_auth::{Auth, Witness};
use imajin_did::{Did, ResolveError, Resolver};
use imajin_kernel::{Code, Env, Problem};
use imajin_key_log::{KeyLog, KeyState};
use imajin_registry::Registry;
use imajin_registry_api::{MirrorLookup, RegistryApi, RegistryClient};
use imajin_web::resolve::{CachedResolver, Chain, KeyLogs, NamedResolver, NodeNames, RegistryResolver, WebResolver};
use imajin_web::{PeerAsked, PeerPolicy, Reach};
use url::Url;

use crate::agent::AgentState;
use crate::config::Config;

/// Passes key logs on to auth, which needs the resolvers before it is there itself.
#[derive(Default)]
pub(super) struct KeyLogSwitch(OnceLock<Weak<Auth>>);

impl KeyLogSwitch {
    pub(super) fn plug(&self, auth: &Arc<Auth>) {
        let _there_is_one_auth = self.0.set(Arc::downgrade(auth));
    }
}

#[async_trait]
impl KeyLogs for KeyLogSwitch {
    async fn version_take(&self, did: &Did, version: Option<KeyLog>, source: &Url) -> Result<KeyState, ResolveError> {
        let auth = self.0.get().and_then(Weak::upgrade).ok_or(ResolveError::Unavailable)?;
        auth.version_take(did, version, source).await
    }
}

/// Auth's word about other nodes. Before it is there, nothing is asked.
#[async_trait]
impl PeerPolicy for KeyLogSwitch {
    async fn peer_check(&self, peer: &PeerAsked) -> Result<(), Problem> {
        let starting = || Problem::new(Code::Unavailable, "The node is starting.");
        let auth = self.0.get().and_then(Weak::upgrade).ok_or_else(starting)?;
        auth.peer_policy().peer_check(peer).await
    }
}

/// The copies of directories that the registry service keeps, which auth's resolvers need before it is there.
#[derive(Default)]
pub(super) struct CopiesSwitch(OnceLock<Copies>);

enum Copies {
    Here(Weak<Registry>),
    Elsewhere(RegistryClient),
}

impl CopiesSwitch {
    /// The registry service in this process, else the one in another.
    pub(super) fn plug(&self, here: Option<&Arc<Registry>>, client: Option<&RegistryClient>) {
        let copies = match (here, client) {
            (Some(registry), _) => Copies::Here(Arc::downgrade(registry)),
            (None, Some(client)) => Copies::Elsewhere(client.clone()),
            (None, None) => return,
        };
        let _there_is_one_registry = self.0.set(copies);
    }
}

#[async_trait]
impl NodeNames for CopiesSwitch {
    async fn node_name(&self, node: &Did) -> Option<String> {
        let asked = MirrorLookup { node: node.clone() };
        let found = match self.0.get()? {
            Copies::Here(registry) => registry.upgrade()?.mirror_lookup(asked).await,
            Copies::Elsewhere(client) => client.mirror_lookup(asked).await,
        };
        let found = found.inspect_err(|problem| tracing::warn!(%problem, "copies of directories were not asked"));
        found.ok()?.iter().find_map(|node| node.subdomain().map(str::to_owned))
    }
}

/// Whose receipts count besides the node's own: those of the configuration, and the nodes of the registries that this
/// node is registered with.
pub(super) fn witnesses(config: &Config, agent: &AgentState) -> Vec<Witness> {
    let configured = config.witnesses.values().map(|witness| Witness {
        did: witness.did.canonical(),
        url: witness.url.clone(),
    });
    let mut all: Vec<Witness> = configured.collect();
    for (did, url) in agent.witnesses() {
        if all.iter().all(|known| known.did != did) {
            all.push(Witness { did, url: Some(url) });
        }
    }
    all
}

/// A developer's nodes find each other on one machine; any other node calls public addresses only.
pub(super) fn reach(config: &Config) -> Reach {
    if config.dev { Reach::Development } else { Reach::Public }
}

/// The host of a did:web, about nodes the registry, and when it is away the copies of directories that are here. The
/// witnesses are asked by auth itself, for logs alone: nodes that pass questions on to each other would ask in circles.
pub(super) fn foreign_resolver(
    config: &Config,
    env: &Env,
    key_logs: &Arc<KeyLogSwitch>,
    copies: &Arc<CopiesSwitch>,
) -> Result<Arc<dyn Resolver>, Problem> {
    let reach = reach(config);
    let policy: Arc<dyn PeerPolicy> = Arc::<KeyLogSwitch>::clone(key_logs);
    let mut resolvers: Vec<Arc<dyn Resolver>> =
        vec![Arc::new(WebResolver::new(env.clone(), reach, Arc::clone(&policy))?)];
    let key_logs: Arc<dyn KeyLogs> = Arc::<KeyLogSwitch>::clone(key_logs);
    if let Some(url) = &config.registry.url {
        let registry =
            RegistryResolver::new(url.clone(), reach, Arc::clone(&policy))?.with_key_logs(Arc::clone(&key_logs));
        resolvers.push(Arc::new(CachedResolver::new(Arc::new(registry), env.clone())));
    }
    let hosts: Arc<dyn NodeNames> = Arc::<CopiesSwitch>::clone(copies);
    let named = NamedResolver::new(hosts, key_logs, reach, policy)?;
    resolvers.push(Arc::new(CachedResolver::new(Arc::new(named), env.clone())));
    Ok(Arc::new(Chain::new(resolvers)))
}
