use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::disputes;

/// A payment that a buyer's bank has taken back, or tried to.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = disputes, primary_key(rail, reference))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct DisputeRow {
    pub(crate) rail: String,
    /// The rail's own reference of the dispute.
    pub(crate) reference: String,
    /// The rail's reference of the payment.
    pub(crate) payment: String,
    pub(crate) checkout_id: String,
    pub(crate) asset: String,
    /// What is disputed.
    pub(crate) amount: i64,
    /// What the rail took because of it, with its own fee.
    pub(crate) taken: i64,
    /// What it gave back.
    pub(crate) given_back: Option<i64>,
    pub(crate) state: String,
    pub(crate) opened_at: Timestamp,
    pub(crate) closed_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(DisputeRow, disputes, "disputes", key = (rail, reference));

impl DisputeRow {
    /// The ledger's key of what it took.
    pub(crate) fn taken_key(&self) -> String {
        format!("dispute/{}/{}/taken", self.rail, self.reference)
    }

    /// The ledger's key of what it gave back.
    pub(crate) fn given_back_key(&self) -> String {
        format!("dispute/{}/{}/given-back", self.rail, self.reference)
    }
}
