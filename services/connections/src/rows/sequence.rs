use diesel::prelude::*;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::sequences;

/// The last number of a sequence.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sequences, primary_key(name))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct SequenceRow {
    pub(crate) name: String,
    pub(crate) seq: i64,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(SequenceRow, sequences, "sequences", key = (name));
