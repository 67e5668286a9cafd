use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

/// A registration as the node that made it knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The registry's base URL.
    pub registry: Url,
    /// The name that the node wants there.
    pub hostname: String,
    /// The full host name that it got.
    pub subdomain: Option<String>,
    /// What the registry says about the node.
    pub status: String,
    /// When the registration runs out; none: register at the next occasion.
    pub expires_at: Option<Timestamp>,
    /// When the registry last took a sign of life.
    pub last_heartbeat_at: Option<Timestamp>,
    /// When the node tries next.
    pub next_attempt_at: Timestamp,
    /// How often it failed since it last succeeded.
    pub failures: u32,
    /// Why it failed last.
    pub last_error: Option<String>,
}

/// Tells how this node stands with the registries that it announces itself to. The node's agent implements it.
pub trait Registrations: Send + Sync {
    /// One for each registry.
    fn registrations(&self) -> Vec<Registration>;
}
