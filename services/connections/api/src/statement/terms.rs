use imajin_did::{PublicKey, Signature};
use imajin_kernel::id::EventId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::StatementError;

/// What somebody says about somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatementKind {
    /// We know each other.
    Connection,
    /// We were at the same event.
    CoPresence,
    /// I trust them, so much.
    Vouch,
    /// I warn of them.
    Flag,
}

impl StatementKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Connection, Self::CoPresence, Self::Vouch, Self::Flag];

    /// The type of its document.
    pub const fn message_type(self) -> &'static str {
        match self {
            Self::Connection => "trust.connection",
            Self::CoPresence => "trust.co-presence",
            Self::Vouch => "trust.vouch",
            Self::Flag => "trust.flag",
        }
    }

    /// Its name in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::CoPresence => "co-presence",
            Self::Vouch => "vouch",
            Self::Flag => "flag",
        }
    }

    /// Whether it takes both signatures.
    pub const fn is_mutual(self) -> bool {
        matches!(self, Self::Connection | Self::CoPresence)
    }
}

impl std::str::FromStr for StatementKind {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or(StatementError::Kind)
    }
}

/// How bad a flag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlagLevel {
    /// Be careful.
    Yellow,
    /// Something is wrong.
    Amber,
    /// Not for me, and not through me.
    Red,
}

impl FlagLevel {
    /// 1, 2 or 3.
    pub const fn number(self) -> u32 {
        match self {
            Self::Yellow => 1,
            Self::Amber => 2,
            Self::Red => 3,
        }
    }

    /// The level with this number.
    pub const fn of_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Yellow),
            2 => Some(Self::Amber),
            3 => Some(Self::Red),
            _ => None,
        }
    }
}

/// The payload of a connection: empty, or with an invitation to whoever holds its code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionTerms {
    /// For a document that names nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<InviteTerms>,
}

/// Who may take an invitation up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InviteTerms {
    /// The public half of the key that the code is, see [`super::invite_key`].
    pub key: PublicKey,
    /// How many people may take it up, at most [`super::INVITE_USES_MAX`].
    pub max_uses: u32,
    /// When it ends, in milliseconds since the Unix epoch.
    pub expires: i64,
}

/// The payload of a co-presence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CoPresenceTerms {
    /// Where both were.
    pub event: EventId,
}

/// The payload of a vouch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VouchTerms {
    /// How much: 1 to 1,000,000 millionths.
    pub weight_millionths: u32,
    /// When it ends by itself, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

/// The payload of a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlagTerms {
    /// How bad it is.
    pub level: FlagLevel,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ends by itself, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

/// The payload of an acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptTerms {
    /// [`super::digest_of`] the document that is accepted.
    pub statement: String,
    /// Proves that the signer holds the code of an invitation without telling it, see [`super::invite_prove`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite_proof: Option<Signature>,
}

/// The payload of a revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokeTerms {
    /// [`super::Fact::digest`] of what is taken back.
    pub statement: String,
}
