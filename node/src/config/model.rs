use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use imajin_did::Did;
use imajin_registry_api::NodeType;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use super::federation::{BrokersSettings, PublisherConfig};
use super::{
    BrokerServiceConfig, GateConfig, ImagxpConfig, MirrorConfig, PeersConfig, QueryConfig, RailsSettings,
    RegistryDnsSettings,
};
use crate::acme::AcmeConfig;
use crate::agent::AddressSource;

/// The services that this program can run, each with its port on the seeds' port map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServiceName {
    /// Identities, logins, sessions.
    Auth,
    /// Checkout, ledger, receipts.
    Pay,
    /// Events, holds, tickets.
    Events,
    /// Who trusts whom.
    Connections,
    /// What people say about themselves.
    Profile,
    /// The library of manifests.
    Publisher,
    /// Questions that are paid for.
    Query,
    /// Accounts and visas of agents.
    Broker,
    /// The directory of nodes.
    Registry,
    /// The pages.
    Www,
}

impl ServiceName {
    /// Every service, in the order in which they start.
    pub const ALL: [Self; 10] = [
        Self::Auth,
        Self::Pay,
        Self::Events,
        Self::Connections,
        Self::Profile,
        Self::Publisher,
        Self::Query,
        Self::Broker,
        Self::Registry,
        Self::Www,
    ];

    /// Whether a node works without it.
    pub const fn is_optional(self) -> bool {
        !matches!(self, Self::Auth | Self::Pay | Self::Events)
    }

    /// Its name in URLs, in the configuration and for its database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Pay => "pay",
            Self::Events => "events",
            Self::Connections => "connections",
            Self::Profile => "profile",
            Self::Publisher => "publisher",
            Self::Query => "query",
            Self::Broker => "broker",
            Self::Registry => "registry",
            Self::Www => "www",
        }
    }

    /// Its port with `--service-ports`; development nodes use the same with 3 in front.
    pub const fn port(self, development: bool) -> u16 {
        let offset = match self {
            Self::Www => 0,
            Self::Auth => 1,
            Self::Registry => 2,
            Self::Connections => 3,
            Self::Pay => 4,
            Self::Profile => 5,
            Self::Events => 6,
            Self::Publisher => 8,
            Self::Query => 10,
            Self::Broker => 9,
        };
        if development { 3000 + offset } else { 7000 + offset }
    }
}

impl std::fmt::Display for ServiceName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for ServiceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        Self::ALL
            .into_iter()
            .find(|service| service.as_str() == text)
            .ok_or_else(|| format!("there is no service `{text}`; the services are {}", known()))
    }
}

/// Everything that an operator can set. Every value has a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the main listener binds.
    pub listen: SocketAddr,
    /// Proxies in front of the node: only they are believed about the address that a request comes from.
    pub trusted_proxies: Vec<IpAddr>,
    /// The URL under which people reach the node; empty: made from `listen`.
    pub public_url: Option<Url>,
    /// The name that pages show.
    pub node_name: String,
    /// The services that this process runs.
    pub services: BTreeSet<ServiceName>,
    /// Whether each service also listens alone on its port of the port map.
    pub service_ports: bool,
    /// Development: lower ports, test peers allowed. Never for real money.
    pub dev: bool,
    /// Where the databases are.
    pub database: DatabaseConfig,
    /// Where calls from other processes of this node come in; only used when `remote` names one.
    pub internal_listen: SocketAddr,
    /// Services that run in another process.
    pub remote: BTreeMap<ServiceName, Remote>,
    /// Other nodes whose receipts for entries of key logs count here, under names of one's own: the node of the
    /// registry, or peers.
    pub witnesses: BTreeMap<String, WitnessConfig>,
    /// Registries whose signed directories are kept here and served, under names of one's own.
    pub mirrors: BTreeMap<String, MirrorConfig>,
    /// Which other nodes this one talks to.
    pub peers: PeersConfig,
    /// HTTPS of the main listener.
    pub tls: TlsConfig,
    /// The mail server for login links.
    pub mail: MailConfig,
    /// Sign-in at other applications through this node.
    pub oidc: OidcConfig,
    /// The fee schedule.
    pub fees: FeesConfig,
    /// Payment rails.
    pub rails: RailsSettings,
    /// The brokers whose visas pay here.
    pub brokers: BrokersSettings,
    /// The node's own agent.
    pub imagxp: ImagxpConfig,
    /// Reservations.
    pub events: EventsConfig,
    /// The library of manifests.
    pub publisher: PublisherConfig,
    /// Sites that gates stand in front of, under names of one's own.
    pub gate: BTreeMap<String, GateConfig>,
    /// What answers questions.
    pub query: QueryConfig,
    /// The broker that this node runs itself, if `services` names it.
    pub broker: BrokerServiceConfig,
    /// The registry that this node announces itself to.
    pub registry: RegistryAgentConfig,
    /// The registry that this node runs itself.
    pub registry_service: RegistryServiceConfig,
}

/// Where the databases are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite` for files in the data directory, or `postgres://…` with one schema per service.
    pub url: SecretString,
    /// Put in front of each schema's name, so that several nodes can share a database.
    pub schema_prefix: String,
}

/// A service in another process.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// The internal listener of that process.
    pub internal: Url,
    /// Its main listener, to which requests from outside are passed on.
    pub public: Url,
    /// The DID of that process: the only one whose calls for this service are accepted.
    pub did: Did,
}

/// A node that says when it has seen an entry of a key log.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// Its DID, which is its key.
    pub did: Did,
    /// Its address, `https://node.example/`: it is asked to witness what is new here, and what it has seen of others.
    /// Empty: its receipts count where they come along.
    pub url: Option<Url>,
}

/// HTTPS of the main listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// `auto`: HTTPS with a generated certificate unless the listener is on loopback; `on`; `off`: behind a proxy.
    pub mode: TlsChoice,
    /// A certificate chain of one's own, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub private_key: Option<PathBuf>,
    /// A certificate from an authority.
    pub acme: AcmeConfig,
}

/// When the main listener speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TlsChoice {
    /// Unless the listener is on loopback.
    Auto,
    /// Always.
    On,
    /// Never: a proxy in front does it.
    Off,
}

/// The mail server for login links.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// `smtps://user:password@host`; empty: messages wait in the development mailbox of this node.
    pub smtp_url: Option<SecretString>,
    /// The sender's address.
    pub from: String,
}

/// Sign-in at other applications through this node (OpenID Connect).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// Whether applications may register themselves (RFC 7591); otherwise the operator does it.
    pub dynamic_clients: bool,
}

/// The fee schedule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeesConfig {
    /// `none` or `mjn`.
    pub preset: String,
}

/// Reservations.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventsConfig {
    /// How long places stay reserved while nobody has paid, in seconds.
    pub hold_seconds: u32,
}

/// The registry that this node announces itself to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryAgentConfig {
    /// The registry's base URL, `https://registry.example/registry`; empty: none.
    pub url: Option<Url>,
    /// The name that the node wants beneath the registry's zone.
    pub hostname: Option<String>,
    /// Whose node it is, which registries show: `person`, `community`, `operator` or `infrastructure`.
    pub node_type: Option<NodeType>,
    /// How often the node says that it lives, in seconds; a registry may want it oftener.
    pub heartbeat_seconds: u32,
    /// The addresses that registries publish: `auto`, `none`, `interface`, `registry` (what it sees), or addresses with
    /// commas between them.
    pub address: String,
    /// A certificate (PEM) to trust at registries besides the usual ones.
    pub ca: Option<PathBuf>,
}

impl RegistryAgentConfig {
    /// Where the addresses come from.
    ///
    /// # Errors
    /// When `address` is nothing of what it may be.
    pub fn address_source(&self) -> Result<AddressSource, String> {
        self.address
            .parse()
            .map_err(|error| format!("`registry.address`: {error}"))
    }
}

/// The registry that this node runs itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryServiceConfig {
    /// The DNS zone beneath which names are given out.
    pub zone: String,
    /// Names beneath it that nobody is given, nor any that look like them: what the zone has itself, such as `shop`.
    pub reserved: Vec<String>,
    /// Whether only builds may register that are in a release which a trusted key has signed, or that the operator
    /// approves.
    pub known_builds: bool,
    /// How many nodes may register for the first time from one address (IPv6: /64) in an hour.
    pub new_nodes_per_hour: u32,
    /// And in a day.
    pub new_nodes_per_day: u32,
    /// Registry services of nodes that keep a copy of this one's directory, `https://node.example/registry`: they are
    /// asked what they have seen of it before anything is signed.
    pub copies: Vec<Url>,
    /// Who serves that zone.
    pub dns: RegistryDnsSettings,
}

impl Config {
    /// Whether a service runs in this process, or in another that this one knows.
    pub fn has(&self, service: ServiceName) -> bool {
        self.services.contains(&service) || self.remote.contains_key(&service)
    }
}

/// The defaults, in the form of the file that an operator would write.
pub(super) const DEFAULTS: &str = include_str!("defaults.toml");
