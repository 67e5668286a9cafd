use std::collections::{BTreeMap, BTreeSet};

use imajin_consent::{ConsentProfile, FieldPath, Purpose};
use imajin_did::{Did, SecretKey};
use imajin_kernel::Timestamp;
use imajin_kernel::id::UseId;
use imajin_proof::digest::sha256_hex;
use imajin_proof::{ProofError, SignedMessage, jcs};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Asks a node about a person. Consent stands in the MJN headers beside it: its scope is the purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DisclosureBody {
    /// Whom it is about.
    #[schema(value_type = String)]
    pub subject: Did,
    /// What for.
    #[schema(value_type = String)]
    pub purpose: Purpose,
    /// What: names of [`DISCLOSABLE`](crate::DISCLOSABLE). All of it is told, or nothing.
    #[schema(value_type = Vec<String>)]
    pub fields: BTreeSet<FieldPath>,
    /// The address of the node where the asker keeps a log of what they were told, `https://node.example`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
}

/// That something about a person was disclosed: the payload of a [`SignedMessage`] of the type `use-receipt`, which the
/// node signs for the asker. What was told is not in it, only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UseReceipt {
    /// `use_…`
    pub id: UseId,
    /// Whom it is about.
    pub subject: Did,
    /// Who was told.
    pub asker: Did,
    /// What for.
    pub purpose: Purpose,
    /// What was told.
    pub fields: BTreeSet<FieldPath>,
    /// SHA-256 of the canonical JSON of the values, in hex.
    pub values_sha256: String,
    /// The grants that allow it, by their digests.
    pub grants: BTreeSet<String>,
    /// The profile by which it is on, by its digest.
    pub profile: String,
    /// SHA-256 of the asker's declaration of consent, in hex.
    pub declaration: String,
    /// When.
    pub used_at: Timestamp,
}

impl UseReceipt {
    /// The type of the message.
    pub const KIND: &'static str = "use-receipt";
}

/// What a node tells about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disclosed {
    /// Each field that was asked for; `null` where there is nothing to tell.
    #[schema(value_type = Object)]
    pub values: BTreeMap<FieldPath, Value>,
    /// The receipt, which the node has signed.
    #[schema(value_type = Object)]
    pub receipt: SignedMessage<UseReceipt>,
}

/// The SHA-256 by which a receipt names what was told.
///
/// # Errors
/// [`ProofError`] when a value has no canonical form.
pub fn values_sha256(values: &BTreeMap<FieldPath, Value>) -> Result<String, ProofError> {
    Ok(sha256_hex(&jcs::to_bytes(values)?))
}

/// What an asker says that they were told: the payload of a [`SignedMessage`] of the type `use-record`, which the asker
/// signs. All of them are the asker's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UseRecord {
    /// The use, as the receipt names it.
    #[serde(rename = "use")]
    pub use_id: UseId,
    /// The node that has told it.
    pub node: Did,
    /// About whom.
    pub subject: Did,
    /// What for.
    pub purpose: Purpose,
    /// What.
    pub fields: BTreeSet<FieldPath>,
    /// SHA-256 of the canonical JSON of the receipt, in hex.
    pub receipt_sha256: String,
    /// When, by the asker's clock.
    pub used_at: Timestamp,
}

impl UseRecord {
    /// The type of the message.
    pub const KIND: &'static str = "use-record";

    /// Writes down what an answer has told its asker, the owner of `key`.
    ///
    /// # Errors
    /// [`ProofError`] when the receipt has no canonical form.
    pub fn sign(
        key: &SecretKey,
        receipt: &SignedMessage<UseReceipt>,
        now: Timestamp,
    ) -> Result<SignedMessage<Self>, ProofError> {
        let said = &receipt.payload;
        let record = Self {
            use_id: said.id,
            node: receipt.from.clone(),
            subject: said.subject.clone(),
            purpose: said.purpose.clone(),
            fields: said.fields.clone(),
            receipt_sha256: sha256_hex(&receipt.canonical_bytes()?),
            used_at: now,
        };
        SignedMessage::sign(key, said.asker.clone(), Self::KIND, None, now, record)
    }
}

/// Asks for an asker's log about a person. The asker and the person get all of it, a node what it has told itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordsBody {
    /// Whose log.
    #[schema(value_type = String)]
    pub asker: Did,
    /// About whom.
    #[schema(value_type = String)]
    pub subject: Did,
    /// Where the last page ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordsPage {
    /// What the asker has signed.
    #[schema(value_type = Vec<Object>)]
    pub records: Vec<SignedMessage<UseRecord>>,
    /// Where the next page begins; `null` at the end.
    pub next: Option<String>,
}

/// Compares what this node says it has told somebody with what they say themselves.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CompareBody {
    /// With whose log.
    #[schema(value_type = String)]
    pub asker: Did,
}

/// What somebody's node may disclose about them, as they said last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileView {
    /// SHA-256 of its canonical JSON, in hex: what a receipt names.
    pub digest: String,
    /// As they signed it: a message of the type `consent-profile`.
    #[schema(value_type = Object)]
    pub profile: ConsentProfile,
    /// When this node got it.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}
