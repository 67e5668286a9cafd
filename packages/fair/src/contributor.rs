use std::fmt;

use imajin_did::Did;
use imajin_money::{Share, Weighted};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ManifestId;
use crate::members::{MemberError, Members, check_text};

pub(crate) const ROLE_LENGTH_MAX: usize = 64;

/// The roles that the format names. Others are allowed and kept.
pub const KNOWN_ROLES: &[&str] = &[
    "author",
    "editor",
    "source",
    "collaborator",
    "sampled",
    "artist",
    "producer",
    "engineer",
    "writer",
    "performer",
    "curator",
    "operator",
    "venue",
    "node",
    "seller",
    "event",
];

/// Whom a share goes to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Payee {
    /// Somebody: on the wire the member `did`.
    Did(Did),
    /// Everybody behind another manifest, along that manifest's own split: on the wire the member `fair`.
    Fair(ManifestId),
}

impl Payee {
    /// The DID or the manifest's id as written; what decides ties of a split.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Did(did) => did.as_str(),
            Self::Fair(id) => id.as_str(),
        }
    }

    /// The same payee in the form that two entries can be compared by.
    pub(crate) fn canonical(&self) -> Self {
        match self {
            Self::Did(did) => Self::Did(did.canonical()),
            Self::Fair(id) => Self::Fair(id.clone()),
        }
    }
}

impl fmt::Display for Payee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An entry of a manifest's split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Contributor {
    /// Whom the share goes to.
    pub payee: Payee,
    /// What for; see [`KNOWN_ROLES`].
    pub role: String,
    /// How much of the whole.
    pub share: Share,
    /// Members that this crate does not know, for example a name or a note.
    pub extra: Map<String, Value>,
}

impl Contributor {
    /// An entry without further members.
    pub fn new(payee: Payee, role: impl Into<String>, share: Share) -> Self {
        Self {
            payee,
            role: role.into(),
            share,
            extra: Map::new(),
        }
    }

    /// What the entry means for a split.
    pub fn weighted(&self) -> Weighted<'_> {
        Weighted {
            share: self.share,
            key: self.payee.as_str(),
            role: &self.role,
        }
    }

    pub(crate) fn check(&self) -> Result<(), MemberError> {
        check_text("role", &self.role, ROLE_LENGTH_MAX)
    }
}

impl TryFrom<Value> for Contributor {
    type Error = MemberError;

    fn try_from(value: Value) -> Result<Self, MemberError> {
        let mut members = Members::of(value)?;
        let payee = match (members.take("did")?, members.take("fair")?) {
            (Some(did), None) => Payee::Did(did),
            (None, Some(id)) => Payee::Fair(id),
            _ => return Err(MemberError::new("", &"must have either did or fair")),
        };
        let number: serde_json::Number = members.require("share")?;
        let share = Share::from_number(&number).map_err(|error| MemberError::new("share", &error))?;
        let contributor = Self {
            payee,
            role: members.require("role")?,
            share,
            extra: members.rest(),
        };
        contributor.check()?;
        Ok(contributor)
    }
}

impl From<Contributor> for Value {
    fn from(contributor: Contributor) -> Self {
        let mut members = contributor.extra;
        let (name, payee) = match contributor.payee {
            Payee::Did(did) => ("did", did.as_str().to_owned()),
            Payee::Fair(id) => ("fair", id.as_str().to_owned()),
        };
        members.insert(name.to_owned(), payee.into());
        members.insert("role".to_owned(), contributor.role.into());
        members.insert("share".to_owned(), contributor.share.to_number().into());
        Self::Object(members)
    }
}
