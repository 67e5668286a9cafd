use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::audiences;

/// What somebody has said about who may see their ties.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = audiences, primary_key(did))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct AudienceRow {
    pub(crate) did: Did,
    pub(crate) owner_did: Did,
    pub(crate) audience: String,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(AudienceRow, audiences, "audiences", key = (did));
