//! The node's agent beside a real registry, and beside one that says what the test wants.

mod cli;
mod real;
mod stub;

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use imajin_kernel::{Env, Span, Timestamp};
use imajin_node::acme::DnsAccounts;
use imajin_node::agent::{AddressProbe, AddressSource, Agent, AgentState, NodeFacts, NodeIdentity, RegistryLink};
use imajin_node::data_dir::DataDir;
use imajin_registry_api::Registration;
use imajin_web::HttpClient;
use url::Url;

/// Addresses that a test changes.
#[derive(Default)]
pub(crate) struct Probe(Mutex<Vec<IpAddr>>);

impl Probe {
    pub(crate) fn set(&self, addresses: &[&str]) {
        *self.0.lock().unwrap() = addresses.iter().map(|text| text.parse().unwrap()).collect();
    }
}

#[async_trait]
impl AddressProbe for Probe {
    async fn interface(&self, _registry: &Url) -> Vec<IpAddr> {
        self.0.lock().unwrap().clone()
    }

    async fn peer(&self, _registry: &Url) -> Option<IpAddr> {
        None
    }
}

/// An agent whose clock the test moves.
pub(crate) struct Subject {
    pub(crate) agent: Agent,
    pub(crate) state: AgentState,
    pub(crate) probe: Arc<Probe>,
}

pub(crate) fn http() -> HttpClient {
    let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
    HttpClient::new(Duration::from_secs(10), None).unwrap()
}

impl Subject {
    pub(crate) fn new(folder: &Path, env: &Env) -> Self {
        let facts = NodeFacts::of_this_process(vec!["auth".to_owned()], env.now());
        Self::with_facts(folder, env, facts)
    }

    pub(crate) fn with_facts(folder: &Path, env: &Env, facts: NodeFacts) -> Self {
        let data = DataDir::create(folder).unwrap();
        let keyring = data.keyring_ensure(env).unwrap();
        let accounts = DnsAccounts::new(&data, &keyring, env);
        let identity = NodeIdentity::new(&data, &keyring, env);
        let probe = Arc::new(Probe::default());
        let agent = Agent {
            state: AgentState::new(&data),
            link: RegistryLink::new(http(), identity, env.clone(), facts, Vec::new(), accounts),
            source: AddressSource::Interface,
            probe: probe.clone(),
            heartbeat: Span::hours(1),
        };
        Self {
            agent,
            state: AgentState::new(&data),
            probe,
        }
    }

    pub(crate) fn want(&self, registry: &Url, hostname: &str, now: Timestamp) {
        self.state
            .store(&Registration::wanted(registry.clone(), hostname, now))
            .unwrap();
    }

    pub(crate) fn known(&self) -> Registration {
        self.state.load().unwrap().remove(0)
    }
}
