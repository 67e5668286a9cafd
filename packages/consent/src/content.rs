use std::fmt;
use std::str::FromStr;

use imajin_did::Did;
use imajin_fair::{Action, ManifestId};
use serde::{Deserialize, Serialize};

/// What a declaration of consent is about: a work, by its manifest, or somebody who is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ContentRef {
    /// A work.
    Fair(ManifestId),
    /// A person, an event or a node, whose answers are asked for.
    Did(Did),
}

impl ContentRef {
    /// Whether both name the same thing: a DID may be written in several forms.
    pub fn is_equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fair(one), Self::Fair(another)) => one == another,
            (Self::Did(one), Self::Did(another)) => one.is_equivalent(another),
            _ => false,
        }
    }
}

impl fmt::Display for ContentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fair(id) => f.write_str(id.as_str()),
            Self::Did(did) => f.write_str(did.as_str()),
        }
    }
}

/// The text names neither a manifest nor a DID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write the id of a manifest (fair_…) or a DID (did:…)")]
pub struct NoContentRef;

impl FromStr for ContentRef {
    type Err = NoContentRef;

    fn from_str(text: &str) -> Result<Self, NoContentRef> {
        if text.starts_with("did:") {
            text.parse().map(Self::Did).or(Err(NoContentRef))
        } else {
            text.parse().map(Self::Fair).or(Err(NoContentRef))
        }
    }
}

impl TryFrom<String> for ContentRef {
    type Error = NoContentRef;

    fn try_from(text: String) -> Result<Self, NoContentRef> {
        text.parse()
    }
}

impl From<ContentRef> for String {
    fn from(content: ContentRef) -> Self {
        content.to_string()
    }
}

/// What the consumer declares to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntendedUse {
    /// Read, see or hear it.
    Read,
    /// Train a model with it.
    Train,
    /// Pass it on.
    Redistribute,
    /// Make something else out of it.
    Remix,
    /// Ask a question and use the answer.
    Query,
}

impl IntendedUse {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Read, Self::Train, Self::Redistribute, Self::Remix, Self::Query];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Train => "train",
            Self::Redistribute => "redistribute",
            Self::Remix => "remix",
            Self::Query => "query",
        }
    }

    /// Whose term of a manifest it falls under: a question about a work reads it.
    pub const fn action(self) -> Action {
        match self {
            Self::Read | Self::Query => Action::Read,
            Self::Train => Action::Train,
            Self::Redistribute => Action::Redistribute,
            Self::Remix => Action::Remix,
        }
    }
}

impl fmt::Display for IntendedUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
