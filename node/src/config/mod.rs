//! The configuration: one TOML file with defaults beneath it, environment variables and flags above it.

mod broker;
mod dns;
mod environment;
mod federation;
mod gate;
mod model;
mod query;
mod rails;
mod solana;
mod sources;

pub use broker::BrokerServiceConfig;
pub use dns::{DnsChoice, RegistryDnsSettings};
pub use federation::{MirrorConfig, PeersConfig};
pub use gate::{GateConfig, ImagxpConfig};
pub use model::{
    Config, DatabaseConfig, EventsConfig, FeesConfig, MailConfig, RegistryAgentConfig, RegistryServiceConfig, Remote,
    ServiceName, TlsChoice, TlsConfig,
};
pub use query::{EngineConfig, QueryConfig};
pub use rails::{RailsSettings, SandboxChoice, StripeSettings};
pub use solana::{LimitSettings, SolanaSettings};
pub use sources::{ConfigError, EffectiveValue, Loaded, Overrides, load};
