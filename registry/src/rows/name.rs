use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::node_names;

/// Who holds a name.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = node_names, primary_key(name))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct NameRow {
    pub(crate) name: String,
    pub(crate) node_did: Did,
    pub(crate) claimed_at: Timestamp,
    /// Until then nobody else may have it: the end of the registration, or the moment of leaving, plus the grace.
    pub(crate) held_until: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(NameRow, node_names, "node_names", key = (name));
