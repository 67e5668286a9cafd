use diesel::prelude::*;
use imajin_fair::plan::FeeSchedule;
use imajin_kernel::Timestamp;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::PayError;
use crate::schema::fee_schedules;

/// One version of the fees. Rows are added and never changed.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = fee_schedules, primary_key(version))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct FeesRow {
    pub(crate) version: i64,
    pub(crate) effective_at: Timestamp,
    pub(crate) announced_at: Timestamp,
    /// The operator who announced it.
    pub(crate) owner_did: String,
    /// The schedule, as JSON.
    pub(crate) document: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(FeesRow, fee_schedules, "fee_schedules", key = (version));

impl FeesRow {
    pub(crate) fn schedule(&self) -> Result<FeeSchedule, PayError> {
        let damaged = |_unreadable| PayError::damaged(Self::TABLE, &self.row_key(), "the document cannot be read");
        serde_json::from_str(&self.document).map_err(damaged)
    }
}
