use imajin_consent::StandingGrant;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Comparison, ProfileView, UseReceipt, UseRecord};

/// What a node can disclose about a person, with what it is in words.
pub const DISCLOSABLE: [(&str, &str); 8] = [
    ("profile.name", "name"),
    ("profile.handle", "handle"),
    ("profile.bio", "what you say about yourself"),
    ("profile.links", "links"),
    ("profile.contact.email", "mail address"),
    ("profile.contact.phone", "telephone number"),
    ("profile.contact.location", "location"),
    ("trust.standing", "standing in the trust graph"),
];

/// Whether a standing grant holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GrantState {
    /// It does.
    Active,
    /// It has ended by itself.
    Expired,
    /// Its subject has taken it back.
    Revoked,
}

/// A standing grant, as its subject sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantView {
    /// Its name: the SHA-256 of its canonical JSON, in hex.
    pub digest: String,
    /// Whether it holds.
    pub state: GrantState,
    /// The grant as its subject signed it: a message of the type `consent`.
    #[schema(value_type = Object)]
    pub grant: StandingGrant,
    /// When this node got it.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When this node got its revocation.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

/// What kind of use something was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UseKind {
    /// A question was answered from the person's documents.
    Answer,
    /// Something about the person was told.
    Disclosure,
}

/// A use that somebody made of what a person allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UseView {
    /// `qst_…` of an answer, `use_…` of a disclosure.
    pub id: String,
    /// What kind of use.
    pub kind: UseKind,
    /// Who.
    #[schema(value_type = String)]
    pub by: Did,
    /// What for: of an answer the use that was declared.
    pub purpose: String,
    /// What was told about the person; empty for an answer.
    pub fields: Vec<String>,
    /// The standing grants that have allowed it, by their digests; empty for an answer.
    pub grants: Vec<String>,
    /// SHA-256 of the declaration of consent that came with it, in hex.
    pub declaration: String,
    /// The receipt: `rcp_…` of an answer that was paid for, `use_…` of a disclosure.
    pub receipt: Option<String>,
    /// The receipt of a disclosure, as this node signed it.
    #[schema(value_type = Option<Object>)]
    pub document: Option<SignedMessage<UseReceipt>>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// What somebody allows others at this node, and what was made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnConsent {
    /// Their standing grants, the newest first.
    pub grants: Vec<GrantView>,
    /// What this node may disclose about them at all; `null` while they have never said, and then nothing is.
    pub profile: Option<ProfileView>,
    /// The uses, the newest first: at most 100 of each kind.
    pub uses: Vec<UseView>,
    /// What those who were told something say themselves, against what this node says, by asker.
    pub comparisons: Vec<Comparison>,
    /// What they say that they were told about others, the newest 100: their own log.
    #[schema(value_type = Vec<Object>)]
    pub records: Vec<SignedMessage<UseRecord>>,
}
