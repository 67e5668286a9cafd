use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::avatars;

/// A picture in its two sizes, both JPEG. A removed one has neither.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = avatars, primary_key(did))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct AvatarRow {
    pub(crate) did: Did,
    pub(crate) owner_did: Did,
    /// SHA-256 of the large one, hex; its address.
    pub(crate) hash: String,
    #[serde(serialize_with = "imajin_store::as_bytes")]
    pub(crate) large: Vec<u8>,
    #[serde(serialize_with = "imajin_store::as_bytes")]
    pub(crate) small: Vec<u8>,
    /// What authorised the latest change, see [`crate::log::proof_text`].
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(AvatarRow, avatars, "avatars", key = (did));
