use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::handles;

/// A handle that somebody has, or had until a while ago.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = handles, primary_key(handle))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct HandleRow {
    pub(crate) handle: String,
    /// What it looks like at a glance: see [`crate::handle::Handle::look`].
    pub(crate) look: String,
    pub(crate) did: Did,
    /// What authorised the row, as the mutation log has it.
    pub(crate) proof: String,
    pub(crate) taken_at: Timestamp,
    /// When its owner gave it up.
    pub(crate) left_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(HandleRow, handles, "handles", key = (handle));
