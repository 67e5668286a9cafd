//! What kinds of nodes there are, and how many of each.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whose node it is, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeType {
    /// One person's.
    Person,
    /// A community's: people who share it.
    Community,
    /// Somebody's who runs it for others.
    Operator,
    /// What other nodes rely on: a registry, a broker.
    Infrastructure,
}

impl NodeType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Person, Self::Community, Self::Operator, Self::Infrastructure];

    /// As it stands in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Community => "community",
            Self::Operator => "operator",
            Self::Infrastructure => "infrastructure",
        }
    }
}

impl fmt::Display for NodeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NodeType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str).join(", ");
            format!("there is no type `{text}` of nodes: there are {known}")
        })
    }
}

/// See [`RegistryApi::census_fetch`](crate::RegistryApi::census_fetch).
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct CensusFetch {}

/// How many nodes there are whose registration is current.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Census {
    /// Registered, not yet heard of.
    pub pending: u64,
    /// Heard of within three days.
    pub active: u64,
    /// Silent for three days.
    pub stale: u64,
    /// Silent for seven days.
    pub unreachable: u64,
    /// Nodes of each type; those that do not say theirs have none.
    pub types: Vec<TypeCount>,
    /// Nodes that offer a service, by the types of the nodes.
    pub services: Vec<ServiceCount>,
}

impl Census {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.pending
            .saturating_add(self.active)
            .saturating_add(self.stale)
            .saturating_add(self.unreachable)
    }
}

/// Nodes of a type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypeCount {
    /// The type; none for nodes that do not say theirs.
    pub node_type: Option<NodeType>,
    /// How many.
    pub nodes: u64,
}

/// Nodes of a type that offer a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceCount {
    /// The service.
    pub service: String,
    /// The type; none for nodes that do not say theirs.
    pub node_type: Option<NodeType>,
    /// How many.
    pub nodes: u64,
}
