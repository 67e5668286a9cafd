//! The node's agent: registers the node, says that it lives and where, renews in time, and keeps on when a registry is
//! away.

mod addresses;
mod attend;
mod documents;
mod identity;
mod link;
mod state;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use imajin_did::Keyring;
use imajin_kernel::{Env, Span};
use imajin_registry_api::Registration;
use imajin_web::{HttpClient, Readiness};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::acme::DnsAccounts;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::run::StartError;

pub use addresses::{AddressProbe, AddressSource, SystemProbe};
pub use documents::NodeFacts;
pub use identity::{NodeIdentity, Registrant};
pub use link::RegistryLink;
pub use state::AgentState;

/// How often the agent looks whether something is due, has moved, or was changed by `imajin node register`.
const TICK: Duration = Duration::from_secs(5);

/// How long a registry may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The agent of one node.
pub struct Agent {
    /// What is known about its registrations.
    pub state: AgentState,
    /// How it talks to registries.
    pub link: RegistryLink,
    /// Which addresses it tells them.
    pub source: AddressSource,
    /// How it finds addresses out.
    pub probe: Arc<dyn AddressProbe>,
    /// How often it says that the node lives; registries may want it oftener.
    pub heartbeat: Span,
}

impl Agent {
    /// Does what is due now, at each registry on its own: one that does not answer holds up no other.
    pub async fn tick(&self) {
        match self.state.load() {
            Ok(registrations) => {
                join_all(registrations.into_iter().map(|one| self.attend_due(one))).await;
            }
            Err(error) => tracing::warn!(%error, "the registrations of this node cannot be read"),
        }
    }

    async fn attend_due(&self, before: Registration) {
        let addresses = self.source.addresses(self.probe.as_ref(), &before.registry).await;
        if !attend::is_due(&before, &addresses, self.link.env.now()) {
            return;
        }
        let after = self.link.attend(before.clone(), &addresses, self.heartbeat).await;
        if let Err(error) = self.state.settle(&before, &after) {
            tracing::warn!(%error, "the state of a registration cannot be kept");
        }
    }
}

/// A client for registries that the operator named.
///
/// # Errors
/// When the certificate of the configuration cannot be read or is none.
pub fn registry_http(config: &Config) -> Result<HttpClient, StartError> {
    operator_http(config.registry.ca.as_deref(), "registry.ca")
}

/// A client for addresses that the operator named, which also trusts the certificate of a file.
///
/// # Errors
/// When the file, the value of `key`, cannot be read or holds none.
pub fn operator_http(ca: Option<&Path>, key: &str) -> Result<HttpClient, StartError> {
    let root = ca.map(std::fs::read).transpose();
    let root = root.map_err(|error| StartError::Configuration(format!("`{key}` cannot be read: {error}")))?;
    HttpClient::new(ANSWER_TIMEOUT, root.as_deref()).map_err(|problem| StartError::Configuration(problem.to_string()))
}

/// What the agent works with.
pub struct AgentParts<'a> {
    /// Where its state is.
    pub data: &'a DataDir,
    /// The registry to announce the node to, if the configuration names one.
    pub config: &'a Config,
    /// The services of this process.
    pub services: Vec<String>,
    /// Says for each service whether it can answer.
    pub checks: Vec<(String, Readiness)>,
    /// The node's keys.
    pub keyring: &'a Keyring,
    /// Time and randomness.
    pub env: &'a Env,
}

/// Starts the agent among the node's background work.
pub fn start(parts: AgentParts<'_>, tasks: &TaskTracker, stop: &CancellationToken) -> Result<(), StartError> {
    let AgentParts {
        data,
        config,
        services,
        checks,
        keyring,
        env,
    } = parts;
    let state = AgentState::new(data);
    let facts = NodeFacts::of_this_process(services, env.now()).with_type(config.registry.node_type);
    let http = registry_http(config)?;
    if let (Some(url), Some(hostname)) = (&config.registry.url, &config.registry.hostname) {
        state.ensure(url, hostname, env.now())?;
    }
    let agent = Agent {
        state,
        probe: Arc::new(SystemProbe::new(http.clone(), env.clone())),
        link: RegistryLink::new(
            http,
            NodeIdentity::new(data, keyring, env),
            env.clone(),
            facts,
            checks,
            DnsAccounts::new(data, keyring, env),
        ),
        source: config.registry.address_source().map_err(StartError::Configuration)?,
        heartbeat: Span::seconds(i64::from(config.registry.heartbeat_seconds)),
    };
    let stop = stop.clone();
    tasks.spawn(async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = agent.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TICK) => {}
            }
        }
    });
    Ok(())
}
