//! `/directory/mirrors`: the registries whose directories are kept here, and `/directory/mirrors/{did}`: one of them.

use askama::Template;

use crate::{Shell, When};

/// All copies.
#[derive(Debug, Clone, Template)]
#[template(path = "mirrors.html")]
pub struct MirrorsPage {
    /// The frame.
    pub shell: Shell,
    /// The copies.
    pub copies: Vec<MirrorItem>,
}

/// A copy of a registry's directory.
#[derive(Debug, Clone)]
pub struct MirrorItem {
    /// The registry's DID: its copy is at `/directory/mirrors/{did}`.
    pub did: String,
    /// The DID cut in the middle.
    pub short_did: String,
    /// Where the copy comes from.
    pub url: String,
    /// The number of its newest head.
    pub seq: u64,
    /// Nodes in it.
    pub nodes: u64,
    /// When the registry signed it.
    pub signed: Option<When>,
    /// When the source was asked last.
    pub checked: When,
    /// Why nothing newer was taken then.
    pub problem: Option<String>,
    /// Proofs that the registry lies.
    pub lies: Vec<LieItem>,
}

/// A proof that a registry has told two stories.
#[derive(Debug, Clone)]
pub struct LieItem {
    /// The number about which it has signed both.
    pub seq: u64,
    /// Who showed the second one.
    pub source: String,
    /// When it was found out.
    pub found: When,
}

/// One copy.
#[derive(Debug, Clone, Template)]
#[template(path = "mirror.html")]
pub struct MirrorPage {
    /// The frame.
    pub shell: Shell,
    /// The registry's DID.
    pub registry: String,
    /// The number of the head.
    pub seq: u64,
    /// Nodes in the directory.
    pub total: u64,
    /// When the registry signed it.
    pub signed: When,
    /// This page of nodes.
    pub nodes: Vec<MirrorNode>,
    /// Path of the next page, if there is one.
    pub next_url: Option<String>,
}

/// A node as the copy has it.
#[derive(Debug, Clone)]
pub struct MirrorNode {
    /// Its DID.
    pub did: String,
    /// The DID cut in the middle.
    pub short_did: String,
    /// Its full host name; the bare name of one that was revoked.
    pub name: String,
    /// Until when it is registered, as far as the copy knows.
    pub expires: Option<When>,
    /// Why it was revoked, if it was.
    pub reason: Option<String>,
}
