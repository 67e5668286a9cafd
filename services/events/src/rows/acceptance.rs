use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::EventId;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::acceptances;

/// A contributor's countersignature of an event's manifest.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = acceptances, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct AcceptanceRow {
    pub(crate) event_id: EventId,
    /// The contributor, in the native form.
    pub(crate) did: Did,
    pub(crate) manifest_id: String,
    /// The signed message.
    pub(crate) document: String,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(AcceptanceRow, acceptances, "acceptances", key = (event_id, did));
