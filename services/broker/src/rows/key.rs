use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_store::vault::SealedColumn;
use imajin_store::{sealed_column, sealed_row};
use serde::Serialize;

use crate::schema::signing_keys;

/// A key that signs visas, sealed.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = signing_keys, primary_key(kid))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct KeyRow {
    pub(crate) kid: String,
    pub(crate) public_jwk: String,
    #[serde(serialize_with = "imajin_store::as_bytes")]
    pub(crate) sealed_key: Vec<u8>,
    /// Counts the keys, from 1.
    pub(crate) generation: i64,
    pub(crate) created_at: Timestamp,
    /// From when on it signs.
    pub(crate) active_at: Timestamp,
    /// From when on it is published no more.
    pub(crate) retires_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(KeyRow, signing_keys, "signing_keys", key = (kid));

/// Binds a sealed key to its row.
pub(crate) fn seal_label(kid: &str) -> String {
    format!("broker/visa-key/{kid}")
}

/// Every sealed column of the broker.
pub const SEALED_COLUMNS: [SealedColumn; 1] = [sealed_column!(
    KeyRow,
    signing_keys,
    "signing_keys",
    sealed_key,
    order = kid,
    holds = "the keys that sign visas",
    label = |row| seal_label(&row.kid),
)];
