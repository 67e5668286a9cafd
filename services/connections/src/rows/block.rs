use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::blocks;

/// Somebody wants nothing to do with somebody else.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = blocks, primary_key(owner_did, blocked_did))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct BlockRow {
    pub(crate) owner_did: Did,
    pub(crate) blocked_did: Did,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    /// Since when it does not hold any more.
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(BlockRow, blocks, "blocks", key = (owner_did, blocked_did));
