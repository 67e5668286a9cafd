//! `/auth/peers`: which nodes this one talks to, for its operator.

use askama::Template;

use crate::{Shell, When};

/// The operator's rules about other nodes.
#[derive(Debug, Clone, Template)]
#[template(path = "peers.html")]
pub struct PeersPage {
    /// The frame.
    pub shell: Shell,
    /// Whose key signs.
    pub did: String,
    /// Whether this node talks to nobody but those that are allowed.
    pub only_listed: bool,
    /// The rules, those of the configuration first.
    pub rules: Vec<PeerItem>,
}

/// A rule about a node.
#[derive(Debug, Clone)]
pub struct PeerItem {
    /// A DID, a host, or `*.` and a host.
    pub name: String,
    /// Whether it is blocked; else it is allowed.
    pub is_blocked: bool,
    /// Why.
    pub reason: Option<String>,
    /// Since when; none for what the configuration says.
    pub since: Option<When>,
    /// What is signed to take it back, as JSON.
    pub forget: String,
}
