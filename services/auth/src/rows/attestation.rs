use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::attestations;

/// What one identity says about another.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = attestations)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct AttestationRow {
    /// The SHA-256 of the signed document in its canonical form, in hex.
    pub(crate) id: String,
    /// The attester.
    pub(crate) owner_did: Did,
    pub(crate) subject_did: Did,
    pub(crate) attestation_type: String,
    /// The signed document, as it came.
    pub(crate) document: String,
    /// The signed document that takes it back.
    pub(crate) revocation: Option<String>,
    /// What authorised the row, as the mutation log has it.
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    /// When it was taken back.
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(AttestationRow, attestations, "attestations", key = (id));
