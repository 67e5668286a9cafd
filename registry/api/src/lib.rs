//! What the other services may ask of the registry, and the documents that nodes send to it.

mod attestation;
mod census;
mod console;
pub mod directory;
mod directory_source;
mod mirror;
mod registration;

use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use attestation::{
    CREDENTIALS_PURPOSE, CredentialsRequest, DocumentError, Health, Heartbeat, NameCredentials, NodeAttestation,
    Unsigned,
};
pub use census::{Census, CensusFetch, NodeType, ServiceCount, TypeCount};
pub use console::{
    BuildStanding, BuildView, Console, ConsoleFetch, DirectoryResumed, DirectoryTrouble, HeldSweep, RELEASE_KIND,
    ReleaseBody, ReleaseBuild, ReleaseKeyView, SignedRelease, StatusList, UnpublishedName,
};
pub use directory_source::{DirectorySource, SourceError};
pub use mirror::{Lie, MirrorList, MirrorLookup, MirrorPageAsk, MirrorView, MirroredNode};
pub use registration::{Registration, Registrations, UpgradeNotice};

service_api! {
    /// What other services may ask of the registry.
    pub trait RegistryApi, client RegistryClient, service "registry" {
        /// Registered nodes in the order of their names.
        async fn node_list(NodeList) -> NodePage;

        /// One node by DID, name or full host name.
        async fn node_fetch(NodeFetch) -> Option<NodeView>;

        /// How many nodes there are, by status, type and service.
        async fn census_fetch(CensusFetch) -> Census;

        /// How a node's status has changed, the last change first; nothing for a node that is not known.
        async fn status_list(StatusList) -> Vec<StatusChange>;

        /// What the registry's operator has to see.
        async fn console_fetch(ConsoleFetch) -> Console;
        /// The directories of other registries of which this node keeps a copy.
        async fn mirror_list(MirrorList) -> Vec<MirrorView>;

        /// A page of the kept copy of a registry's directory; none when no copy is kept.
        async fn mirror_page(MirrorPageAsk) -> Option<directory::DirectoryPage>;

        /// What the kept copies say of a node, the one that was looked at last first.
        async fn mirror_lookup(MirrorLookup) -> Vec<MirroredNode>;
    }
}

/// Where a node stands, computed when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeStatus {
    /// Registered, not yet heard of.
    Pending,
    /// Heard of within three days.
    Active,
    /// Silent for three days.
    Stale,
    /// Silent for seven days.
    Unreachable,
    /// The registration ran out.
    Expired,
    /// Taken off by the registry's operator, with a published reason.
    Revoked,
}

/// A change of a node's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatusChange {
    /// Where it stood from then on.
    pub status: NodeStatus,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// See [`RegistryApi::node_list`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeList {
    /// Only nodes with this status; without one, all whose registration is current.
    pub status: Option<NodeStatus>,
    /// Only nodes that offer this service.
    pub service: Option<String>,
    /// Only nodes that say they are of this type.
    #[serde(default, rename = "type")]
    pub node_type: Option<NodeType>,
    /// Only nodes with this in their names.
    #[serde(default)]
    pub search: Option<String>,
    /// At most so many: 100 by default, 500 at most.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// A page of the directory.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodePage {
    /// The nodes.
    pub nodes: Vec<NodeView>,
    /// Where the next page starts; none on the last one.
    pub cursor: Option<String>,
}

/// See [`RegistryApi::node_fetch`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeFetch {
    /// A DID, a name, or a full host name.
    pub key: String,
}

/// What anyone may know about a registered node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeView {
    /// The node's DID in the native form.
    #[schema(value_type = String)]
    pub node_id: Did,
    /// The name that it registered.
    pub hostname: String,
    /// The full host name beneath the registry's zone.
    pub subdomain: String,
    /// Whose it is, if it says so.
    #[serde(default)]
    pub node_type: Option<NodeType>,
    /// The services that it offers.
    pub services: Vec<String>,
    /// What else it can do.
    pub capabilities: Vec<String>,
    /// Its version, as it reports it.
    pub version: String,
    /// The hash of its binary, as it reports it.
    pub build_hash: String,
    /// `reported`, or `verified` when the build is in a release that a trusted key has signed.
    #[serde(default = "reported")]
    pub build_status: String,
    /// Where it stands.
    pub status: NodeStatus,
    /// When it registered first.
    #[schema(value_type = String, format = DateTime)]
    pub registered_at: Timestamp,
    /// When it was last heard of.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_heartbeat_at: Option<Timestamp>,
    /// When the registration runs out.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Why it was revoked, if it was.
    pub revoked_reason: Option<String>,
}

/// What is known of a build that no trusted key has signed.
fn reported() -> String {
    "reported".to_owned()
}
