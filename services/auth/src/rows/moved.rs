use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::moves;

/// Somebody who has moved to another node.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = moves, primary_key(did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct MoveRow {
    pub(crate) did: Did,
    /// The did:web of the new home.
    pub(crate) to_did: Did,
    /// Its origin.
    pub(crate) to_url: String,
    /// What the person has signed, as JSON.
    pub(crate) message: String,
    pub(crate) owner_did: Did,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    /// When they came back.
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(MoveRow, moves, "moves", key = (did));
