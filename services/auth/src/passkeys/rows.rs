use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::passkeys;

/// A passkey of somebody.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = passkeys)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct PasskeyRow {
    /// The credential's id in base64url.
    pub(crate) id: String,
    pub(crate) did: Did,
    /// What its owner calls it.
    pub(crate) name: String,
    /// As the authenticator wrote it (`COSE_Key`).
    pub(crate) public_key: Vec<u8>,
    /// How often it has signed, as it says; 0 for those that do not count.
    pub(crate) sign_count: i64,
    pub(crate) owner_did: Did,
    /// What authorised the row, as the mutation log has it.
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(PasskeyRow, passkeys, "passkeys", key = (id));
