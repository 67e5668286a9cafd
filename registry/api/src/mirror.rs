use imajin_did::Did;
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;

use crate::directory::Equivocation;

/// See [`RegistryApi::mirror_list`](crate::RegistryApi::mirror_list).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MirrorList {}

/// A registry's directory of which this node keeps a copy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MirrorView {
    /// The registry, whose key has signed all of it.
    #[schema(value_type = String)]
    pub registry: Did,
    /// Where the copy comes from.
    #[schema(value_type = String)]
    pub url: Url,
    /// The number of the newest head; 0 while there is no copy yet.
    pub seq: u64,
    /// Nodes in it.
    pub nodes: u64,
    /// When the registry has signed the newest head.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub signed_at: Option<Timestamp>,
    /// When the source was asked last.
    #[schema(value_type = String, format = DateTime)]
    pub checked_at: Timestamp,
    /// Why nothing newer was taken then.
    pub problem: Option<String>,
    /// Proofs that the registry has signed two stories.
    #[schema(value_type = Vec<Object>)]
    pub lies: Vec<Lie>,
}

/// A proof that a registry has told two stories, and how it came here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lie {
    /// Who showed the second story.
    pub source: Url,
    /// When it was found out.
    pub found_at: Timestamp,
    /// Both heads: anybody can check them with the registry's key.
    pub proof: Equivocation,
}

/// See [`RegistryApi::mirror_page`](crate::RegistryApi::mirror_page).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MirrorPageAsk {
    /// Whose directory.
    pub registry: Did,
    /// At most so many entries.
    pub limit: u32,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// See [`RegistryApi::mirror_lookup`](crate::RegistryApi::mirror_lookup).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MirrorLookup {
    /// The node.
    pub node: Did,
}

/// What the copy of a directory says of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MirroredNode {
    /// Who says it.
    pub registry: Did,
    /// When the source of the copy was asked last.
    pub checked_at: Timestamp,
    /// What is said, as the registry has signed it.
    pub entry: Value,
}

impl MirroredNode {
    /// The host name that the registry has given to the node; none when it was taken off.
    pub fn subdomain(&self) -> Option<&str> {
        self.entry.get("subdomain")?.as_str()
    }
}
