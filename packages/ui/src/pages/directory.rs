//! `/directory`: the nodes that the registry knows, and `/directory/{did}`: one of them.

use askama::Template;

use crate::{Shell, When};

/// The directory.
#[derive(Debug, Clone, Template)]
#[template(path = "directory.html")]
pub struct DirectoryPage {
    /// The frame.
    pub shell: Shell,
    /// Address of the registry that this comes from.
    pub registry_url: String,
    /// How many nodes there are in which state.
    pub counts: DirectoryCounts,
    /// What the list shows now.
    pub filter: DirectoryFilter,
    /// What kinds of nodes there are, and what they offer.
    pub map: DirectoryMap,
    /// This page of nodes.
    pub nodes: Vec<NodeRow>,
    /// Path of the next page, if there is one.
    pub next_url: Option<String>,
}

/// What the list is narrowed down to; empty texts narrow nothing.
#[derive(Debug, Clone, Default)]
pub struct DirectoryFilter {
    /// A part of the name.
    pub search: String,
    /// A status, in lower case.
    pub status: String,
    /// A service.
    pub service: String,
    /// A type of nodes.
    pub node_type: String,
    /// Why nothing could be looked for.
    pub problem: Option<String>,
}

impl DirectoryFilter {
    /// Whether anything is narrowed down.
    pub(crate) fn is_on(&self) -> bool {
        ![&self.search, &self.status, &self.service, &self.node_type]
            .iter()
            .all(|text| text.is_empty())
    }

    /// The types that can be chosen, and whether each is.
    pub(crate) fn types(&self) -> Vec<(&'static str, bool)> {
        ["person", "community", "operator", "infrastructure"]
            .into_iter()
            .map(|kind| (kind, kind == self.node_type))
            .collect()
    }

    /// The statuses that can be chosen, and whether each is.
    pub(crate) fn statuses(&self) -> Vec<(&'static str, bool)> {
        ["pending", "active", "stale", "unreachable", "expired", "revoked"]
            .into_iter()
            .map(|status| (status, status == self.status))
            .collect()
    }
}

/// What kinds of nodes there are, and what they offer.
#[derive(Debug, Clone, Default)]
pub struct DirectoryMap {
    /// The types that there are.
    pub types: Vec<MapColumn>,
    /// The services, the most offered first.
    pub services: Vec<MapRow>,
}

impl DirectoryMap {
    /// The cells of a row, each with its column.
    pub(crate) fn cells<'a>(&'a self, row: &'a MapRow) -> impl Iterator<Item = (&'a MapColumn, &'a u64)> {
        self.types.iter().zip(&row.cells)
    }
}

/// A type of nodes.
#[derive(Debug, Clone)]
pub struct MapColumn {
    /// Its name; none for nodes that do not say theirs.
    pub name: Option<String>,
    /// How many nodes.
    pub nodes: u64,
}

/// How many nodes offer a service.
#[derive(Debug, Clone)]
pub struct MapRow {
    /// The service.
    pub service: String,
    /// How many nodes.
    pub nodes: u64,
    /// How many of a hundred that is.
    pub percent: u64,
    /// How many of each type, in the order of the types.
    pub cells: Vec<u64>,
}

/// How a node's status changed.
#[derive(Debug, Clone)]
pub struct StateChange {
    /// Where it stood from then on.
    pub state: NodeState,
    /// Since when.
    pub since: When,
}

/// How many nodes there are.
#[derive(Debug, Clone, Copy, Default)]
pub struct DirectoryCounts {
    /// In all.
    pub total: u64,
    /// Heard of within three days.
    pub active: u64,
    /// Not heard of for three days.
    pub stale: u64,
    /// Not heard of for seven days.
    pub unreachable: u64,
}

/// A node in the directory.
#[derive(Debug, Clone, Default)]
pub struct NodeRow {
    /// Its DID: its page is at `/directory/{did}`.
    pub did: String,
    /// The DID cut in the middle.
    pub short_did: String,
    /// The name that it is registered under.
    pub hostname: String,
    /// Where it is; empty when unknown.
    pub url: String,
    /// Such as "community"; empty when the node does not say.
    pub kind: String,
    /// How it is.
    pub state: NodeState,
    /// When it was last heard of.
    pub last_seen: Option<When>,
    /// Version of its software.
    pub version: String,
    /// What it offers.
    pub services: Vec<String>,
}

/// How a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NodeState {
    /// Registered, and no heartbeat yet.
    #[default]
    Pending,
    /// Heard of lately.
    Active,
    /// Not heard of for three days.
    Stale,
    /// Not heard of for seven days.
    Unreachable,
    /// Its registration has run out.
    Expired,
    /// The registry's operator has revoked it.
    Revoked,
}

impl NodeState {
    /// The state in a word.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Active => "Active",
            Self::Stale => "Stale",
            Self::Unreachable => "Unreachable",
            Self::Expired => "Expired",
            Self::Revoked => "Revoked",
        }
    }

    /// Colour of the state.
    pub fn tone(self) -> &'static str {
        match self {
            Self::Active => "good",
            Self::Pending | Self::Stale => "warn",
            Self::Unreachable | Self::Revoked => "bad",
            Self::Expired => "calm",
        }
    }
}

/// One node.
#[derive(Debug, Clone, Template)]
#[template(path = "node.html")]
pub struct NodePage {
    /// The frame.
    pub shell: Shell,
    /// What the directory shows of it.
    pub node: NodeRow,
    /// Its public key, 64 hex digits.
    pub public_key: String,
    /// SHA-256 of its binary as it reports it, hex.
    pub build_hash: String,
    /// `reported` or `verified`: whether a trusted release has that hash.
    pub build_status: String,
    /// Source revision as it reports it; may be empty.
    pub source_commit: String,
    /// What it says it can do.
    pub capabilities: Vec<String>,
    /// First registration.
    pub registered: When,
    /// Until when the registration is good.
    pub expires: When,
    /// Why it was revoked, if it was.
    pub reason: Option<String>,
    /// How its status changed, the last change first.
    pub history: Vec<StateChange>,
}
