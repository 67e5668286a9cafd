use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::{device_requests, devices, key_log_entries, key_log_receipts, mirrored_logs};

/// An entry of a key log.
#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = key_log_entries, primary_key(hash))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct KeyLogEntryRow {
    /// SHA-256 of the entry without its proofs, in hex.
    pub(crate) hash: String,
    pub(crate) did: Did,
    pub(crate) seq: i64,
    pub(crate) prev: Option<String>,
    /// What it changes, as it was understood when it was accepted; `foreign` in a mirrored log.
    pub(crate) kind: String,
    /// The entry with its proofs, in canonical form.
    pub(crate) document: String,
    /// Its place in the mutation log.
    pub(crate) proof: String,
    pub(crate) accepted_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(KeyLogEntryRow, key_log_entries, "key_log_entries", key = (hash));

/// A trusted witness's receipt.
#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = key_log_receipts, primary_key(entry, witness))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct KeyLogReceiptRow {
    pub(crate) entry: String,
    pub(crate) witness: Did,
    pub(crate) did: Did,
    /// The signed message, in canonical form.
    pub(crate) document: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(
    KeyLogReceiptRow,
    key_log_receipts,
    "key_log_receipts",
    key = (entry, witness)
);

/// The log of an identity that is at home elsewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mirrored_logs, primary_key(did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct MirroredLogRow {
    pub(crate) did: Did,
    /// What the log says, as JSON.
    pub(crate) state: String,
    /// The head that was seen last and has not been contested since.
    pub(crate) pin: Option<String>,
    /// Where it came from.
    pub(crate) source: Option<String>,
    /// Its place in the mutation log.
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(MirroredLogRow, mirrored_logs, "mirrored_logs", key = (did));

/// What is known here about a key of an identity besides the key itself.
#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = devices, primary_key(did, multikey))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct DeviceRow {
    pub(crate) did: Did,
    pub(crate) multikey: String,
    pub(crate) name: Option<String>,
    pub(crate) added_at: Timestamp,
    /// The last login with it, to the minute.
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) removed_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(DeviceRow, devices, "devices", key = (did, multikey));

/// A new device that asks to be let in.
#[derive(Debug, Clone, PartialEq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = device_requests)]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct DeviceRequestRow {
    /// SHA-256 of the token that the new device has, in hex.
    pub(crate) id: String,
    /// The identity; of requests for an identity that nobody has, the node.
    pub(crate) did: Did,
    pub(crate) multikey: String,
    pub(crate) name: String,
    /// Shown on both devices, for a person to compare.
    pub(crate) code: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// `approved` or `refused`, once somebody has decided.
    pub(crate) outcome: Option<String>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(DeviceRequestRow, device_requests, "device_requests", key = (id));
