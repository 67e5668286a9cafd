//! What others have said about somebody.

use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_proof::attestation::Attestation;
use serde::{Deserialize, Serialize};

/// See [`crate::AuthApi::attestation_list`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationsAbout {
    /// About whom: any accepted form of the DID.
    pub subject: Did,
    /// At most so many, 1 to 100.
    pub limit: u32,
}

/// An attestation that counts: its signature was checked, and it was not taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationView {
    /// The SHA-256 of the signed document, in hex.
    pub id: String,
    /// Who says it.
    pub attester: Did,
    /// The attester's handle here, if any.
    pub attester_handle: Option<String>,
    /// The attester's display name here, if any.
    pub attester_name: Option<String>,
    /// What kind of statement it is, for example `event.attended`.
    pub attestation_type: String,
    /// When it arrived here.
    pub recorded_at: Timestamp,
}

/// See [`crate::AuthApi::attestation_export`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationExport {
    /// Whose: whoever asks has checked that it is the reader.
    pub did: Did,
    /// What they have said, also what they took back; otherwise what others say about them.
    pub given: bool,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// At most so many, 1 to 100.
    pub limit: u32,
}

/// A page, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationExported {
    /// The documents.
    pub attestations: Vec<AttestationRecord>,
    /// Where the next page begins; none at the end.
    pub cursor: Option<String>,
}

/// A signed document, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttestationRecord {
    /// The SHA-256 of the signed document, in hex.
    pub id: String,
    /// As its attester signed it.
    pub document: Attestation,
    /// When it arrived here.
    pub recorded_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}
