use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_kernel::id::RailMessageId;
use imajin_money::Amount;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::PayError;
use crate::schema::rail_payments;

/// A payment at a rail that takes something for itself.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = rail_payments, primary_key(rail, reference))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct PaymentRow {
    pub(crate) rail: String,
    /// The rail's own reference.
    pub(crate) reference: String,
    /// The message that brought the money.
    pub(crate) message_id: RailMessageId,
    pub(crate) checkout_id: String,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    /// What the rail has taken, once it has said so.
    pub(crate) fee: Option<i64>,
    pub(crate) fee_known_at: Option<Timestamp>,
    /// What of it was passed on to payees at the rail.
    pub(crate) passed_on: Option<i64>,
    pub(crate) paid_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(PaymentRow, rail_payments, "rail_payments", key = (rail, reference));

impl PaymentRow {
    /// What the rail has taken; `None` while it has not said so.
    pub(crate) fn fee(&self) -> Result<Option<Amount>, PayError> {
        let damaged = |_negative| PayError::damaged(Self::TABLE, &self.row_key(), "the fee is no amount");
        self.fee.map(Amount::from_micros).transpose().map_err(damaged)
    }
}
