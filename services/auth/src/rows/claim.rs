use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::identity_claims;

/// A soft identity that somebody with a key has claimed.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = identity_claims, primary_key(soft_did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct IdentityClaimRow {
    pub(crate) soft_did: Did,
    pub(crate) owner_did: Did,
    /// What authorised the row, as the mutation log has it.
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(IdentityClaimRow, identity_claims, "identity_claims", key = (soft_did));
