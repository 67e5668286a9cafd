//! `/me/allowed`: who may do what with mine.

use askama::Template;

use crate::{NodeParts, Shell, When};

/// `/me/allowed`. `allowed.js` signs what its forms ask for; each grant says with `data-digest` which it is.
#[derive(Debug, Clone, Template)]
#[template(path = "allowed.html")]
pub struct AllowedPage {
    /// The frame; its viewer is whose consents these are.
    pub shell: Shell,
    /// What there is to be led to.
    pub parts: NodeParts,
    /// The grants that hold, the newest first.
    pub grants: Vec<GrantRow>,
    /// Those that have ended.
    pub ended: Vec<GrantRow>,
    /// What others have made of it, the newest first.
    pub uses: Vec<UseRow>,
    /// What can be disclosed: the name of each field, and what it is.
    pub fields: Vec<(String, String)>,
    /// What may be disclosed at all, for each purpose.
    pub purposes: Vec<PurposeRow>,
    /// Within how many steps somebody is trusted.
    pub trusted_hops: u8,
    /// What those who were told something say themselves.
    pub comparisons: Vec<ComparisonRow>,
}

/// What is on for one purpose.
#[derive(Debug, Clone, Default)]
pub struct PurposeRow {
    /// The purpose.
    pub name: String,
    /// Each field: its name, what it is, and whether it is on.
    pub fields: Vec<(String, String, bool)>,
}

/// What one asker says, against what this node says.
#[derive(Debug, Clone, Default)]
pub struct ComparisonRow {
    /// What to call the asker.
    pub who: String,
    /// What a request names them by.
    pub did: String,
    /// How it stands, in a sentence.
    pub state: String,
    /// Whether both say the same.
    pub is_same: bool,
    /// Whether there is a log that can be read.
    pub has_log: bool,
    /// Where they differ: the use, how, what is said here and there.
    pub differences: Vec<(String, String)>,
}

/// A standing grant in a list.
#[derive(Debug, Clone, Default)]
pub struct GrantRow {
    /// What a revocation names.
    pub digest: String,
    /// Who may.
    pub who: String,
    /// `may`, `must ask` or `may not`.
    pub mode: String,
    /// What for.
    pub purpose: String,
    /// What, in words.
    pub fields: Vec<String>,
    /// Since when, and until when.
    pub note: String,
}

/// A use in the list.
#[derive(Debug, Clone, Default)]
pub struct UseRow {
    /// Its name.
    pub id: String,
    /// Who.
    pub who: String,
    /// What it was, in words.
    pub what: String,
    /// When.
    pub at: When,
    /// The SHA-256 of the declaration of consent that came with it.
    pub declaration: String,
    /// The page of the receipt, where there is one.
    pub receipt: Option<String>,
    /// The receipt itself, as the node signed it, where there is no page of it.
    pub document: Option<String>,
}
