//! A running node: its databases, services, listeners and background work, from start to clean end.

mod addresses;
mod broker;
mod compose;
mod databases;
mod demo;
mod gates;
mod gateway;
mod listeners;
mod optional;
mod own_agent;
mod pages;
mod profiles;
mod questions;
mod resolvers;
mod running;
mod sellers;
mod serving;

use std::time::Duration;

use imajin_did::{Did, Keyring};
use imajin_kernel::{Env, Problem};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::agent::{AgentParts, AgentState};
use crate::config::{ConfigError, Loaded};
use crate::data_dir::{DataDir, DataDirError, DataDirLock};
use crate::tls::TlsError;

pub use addresses::PublicAddress;
pub(crate) use compose::Services;
pub use databases::{Databases, database_open, databases_require};
pub use demo::LeaderLinks;

/// Why a node does not start. Each text is one line for the person who started it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A port is taken or may not be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A database cannot be opened or migrated.
    #[error("the database of `{service}` cannot be opened: {source}")]
    Database {
        /// Whose.
        service: &'static str,
        /// What it said.
        source: imajin_store::StoreError,
    },
    /// A service does not start.
    #[error("the service `{service}` does not start: {problem}")]
    Service {
        /// Which.
        service: &'static str,
        /// Why.
        problem: Problem,
    },
    /// The configuration names something impossible.
    #[error("{0}")]
    Configuration(String),
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self::Configuration(error.to_string())
    }
}

/// What the person who starts a node is told.
#[derive(Debug, Clone)]
pub struct Banner {
    /// Where to open the node.
    pub url: Url,
    /// The node's DID.
    pub did: Did,
    /// The link with which the operator claims the node, on first start.
    pub setup_url: Option<String>,
    /// The fingerprint of a generated certificate.
    pub fingerprint: Option<String>,
    /// Other listeners: a service's name and its address.
    pub ports: Vec<(String, std::net::SocketAddr)>,
    /// Where the leader of the demo is found.
    pub demo_leader: Option<LeaderLinks>,
}

/// A node that answers requests.
pub struct RunningNode {
    banner: Banner,
    keyring: Keyring,
    stop: CancellationToken,
    listeners: TaskTracker,
    background: TaskTracker,
    databases: Databases,
    services: Services,
    _lock: DataDirLock,
}

/// How long background work may go on after shutdown began.
const BACKGROUND_DRAIN: Duration = Duration::from_secs(4);

impl RunningNode {
    /// Starts everything that the configuration names. When this returns, the node answers.
    pub async fn start(data: &DataDir, loaded: &Loaded, env: Env, demo: bool) -> Result<Self, StartError> {
        let lock = data.lock()?;
        let keyring = data.keyring_ensure(&env)?;
        let config = &loaded.config;
        let stop = CancellationToken::new();
        let listeners = TaskTracker::new();
        let background = TaskTracker::new();

        let bound = listeners::bind(data, config, &keyring, &env).await?;
        let gates = gates::bind(config).await?;
        let databases = Databases::open(data, config).await?;
        let registrations = AgentState::new(data);
        let public = bound.public();
        let services = Services::start(config, &keyring, &env, &databases, public, &registrations).await?;
        let demo_leader = if demo {
            let public = bound.public().base();
            services.demo_seed(config, &keyring, &env, &public).await?
        } else {
            None
        };
        let setup_url = services.setup_url(bound.public()).await?;
        let banner = Banner {
            url: bound.public().url().clone(),
            did: keyring.node_did().clone(),
            setup_url,
            fingerprint: bound.fingerprint(),
            ports: bound.ports().into_iter().chain(gates.ports()).collect(),
            demo_leader,
        };
        services.background(&background, &stop);
        if let Some(keeper) = bound.keeper(data, config, &keyring, &env)? {
            background.spawn(keeper.run(stop.clone()));
        }
        let files = bound.certificate_files();
        files.map(|files| background.spawn(files.keep(stop.clone())));
        let ground = gates::GateGround {
            config,
            tls: bound.tls(),
            data,
            keyring: &keyring,
            env: &env,
            node: &banner.url,
        };
        let tasks = gates::GateTasks {
            listeners: &listeners,
            background: &background,
            stop: &stop,
        };
        gates.serve(&services, &ground, &tasks)?;
        bound.serve(config, &services, &env, &listeners, &stop)?;
        let agent = AgentParts {
            data,
            config,
            services: services.names(),
            checks: services.checks(),
            keyring: &keyring,
            env: &env,
        };
        crate::agent::start(agent, &background, &stop)?;
        listeners.close();
        Ok(Self {
            banner,
            keyring,
            stop,
            listeners,
            background,
            databases,
            services,
            _lock: lock,
        })
    }

    /// What to tell the person who started it.
    pub fn banner(&self) -> &Banner {
        &self.banner
    }

    /// The node's keys: for tests that act as the node.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Ends the node cleanly: no new requests, open ones may end, background work stops at a safe point, databases
    /// close. Takes at most five seconds.
    pub async fn stop(self) {
        self.stop.cancel();
        self.listeners.wait().await;
        self.background.close();
        if tokio::time::timeout(BACKGROUND_DRAIN, self.background.wait())
            .await
            .is_err()
        {
            tracing::warn!("background work did not stop in time; it goes on after the next start");
        }
        drop(self.services);
        self.databases.close().await;
    }
}
