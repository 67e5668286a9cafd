use std::net::IpAddr;

use imajin_did::Did;
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::NodeType;

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
    /// What the registry says about the node's build: `verified`, or `pending` when it is what the node reports.
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
    /// The hash of the build that was attested last.
    #[serde(default)]
    pub attested_build: Option<String>,
    /// The addresses that the registry was told last.
    #[serde(default)]
    pub addresses: Vec<IpAddr>,
    /// A newer version that the registry asks for.
    #[serde(default)]
    pub upgrade: Option<UpgradeNotice>,
    /// The key of the node that runs the registry, as it was met first: it witnesses key logs.
    #[serde(default)]
    pub witness: Option<Did>,
    /// Whose node it is, as the registry is told; else what the configuration says.
    #[serde(default)]
    pub node_type: Option<NodeType>,
}

/// A registry asks for a newer version. Nothing is installed by itself: the operator decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpgradeNotice {
    /// The version.
    pub target_version: String,
    /// Why, in the registry's words.
    pub reason: String,
}

impl Registration {
    /// A registration that is due now.
    pub fn wanted(registry: Url, hostname: impl Into<String>, now: Timestamp) -> Self {
        Self {
            registry,
            hostname: hostname.into(),
            subdomain: None,
            status: "pending".to_owned(),
            expires_at: None,
            last_heartbeat_at: None,
            next_attempt_at: now,
            failures: 0,
            last_error: None,
            attested_build: None,
            addresses: Vec::new(),
            upgrade: None,
            witness: None,
            node_type: None,
        }
    }

    /// How the registry takes the node's build: `verified` against a release that it trusts, or only `reported`.
    pub fn build_standing(&self) -> &'static str {
        if self.status == "verified" {
            "verified"
        } else {
            "reported"
        }
    }
}

/// Tells how this node stands with the registries that it announces itself to. The node's agent implements it.
pub trait Registrations: Send + Sync {
    /// One for each registry.
    fn registrations(&self) -> Vec<Registration>;
}
