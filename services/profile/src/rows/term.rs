use diesel::prelude::*;
use imajin_did::Did;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::search_terms;

/// Something that a profile is found by.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = search_terms, primary_key(term, did))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct TermRow {
    pub(crate) term: String,
    pub(crate) did: Did,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(TermRow, search_terms, "search_terms", key = (term, did));
