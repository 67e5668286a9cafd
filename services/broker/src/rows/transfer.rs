use diesel::prelude::*;
use imajin_did::Did;
use imajin_imagxp::broker::Transferred;
use imajin_kernel::Timestamp;
use imajin_money::Money;
use imajin_store::sealed_row;
use serde::Serialize;

use super::money;
use crate::BrokerError;
use crate::schema::transfers;

/// Money that one node passes on to another.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = transfers, primary_key(reference))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct TransferRow {
    /// The sender's name for it.
    pub(crate) reference: String,
    pub(crate) from_did: Did,
    pub(crate) to_did: Did,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    pub(crate) created_at: Timestamp,
    /// When pay has moved it.
    pub(crate) booked_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(TransferRow, transfers, "transfers", key = (reference));

impl TransferRow {
    pub(crate) fn money(&self) -> Result<Money, BrokerError> {
        money("transfers", &self.reference, self.amount, &self.asset)
    }

    pub(crate) fn view(&self) -> Result<Transferred, BrokerError> {
        Ok(Transferred {
            reference: self.reference.clone(),
            from: self.from_did.clone(),
            to: self.to_did.clone(),
            amount: self.money()?,
        })
    }
}
