use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::PayoutId;
use imajin_money::Money;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use super::money;
use crate::PayError;
use crate::schema::{payees, payout_parts, payouts};

/// Somebody's account at a rail.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payees, primary_key(rail, did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct PayeeRow {
    pub(crate) rail: String,
    pub(crate) did: String,
    pub(crate) account: String,
    pub(crate) country: String,
    /// Whether it can be paid.
    pub(crate) ready: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(PayeeRow, payees, "payees", key = (rail, did));

/// A balance on its way to its owner.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payouts, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct PayoutRow {
    pub(crate) id: PayoutId,
    pub(crate) did: String,
    pub(crate) rail: String,
    pub(crate) account: String,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(PayoutRow, payouts, "payouts", key = (id));

impl PayoutRow {
    pub(crate) fn money(&self) -> Result<Money, PayError> {
        money(Self::TABLE, &self.id.to_string(), self.amount, &self.asset)
    }

    pub(crate) fn payee(&self) -> Result<Did, PayError> {
        let damaged = || PayError::damaged(Self::TABLE, &self.id.to_string(), "the payee is no DID");
        self.did.parse().map_err(|_unreadable| damaged())
    }

    /// The ledger's key of all of it.
    pub(crate) fn ledger_key(&self) -> String {
        format!("payout/{}", self.id)
    }
}

/// A transfer of a payout.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payout_parts, primary_key(payout_id, part))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct PartRow {
    pub(crate) payout_id: PayoutId,
    pub(crate) part: i64,
    /// The payment that the money came with.
    pub(crate) payment: String,
    pub(crate) amount: i64,
    pub(crate) state: String,
    /// The rail's reference of the transfer, once it is made.
    pub(crate) reference: Option<String>,
    /// What came back of it.
    pub(crate) reversed: Option<i64>,
    pub(crate) problem: Option<String>,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(PartRow, payout_parts, "payout_parts", key = (payout_id, part));

/// Where a transfer stands.
pub(crate) const WAITING: &str = "waiting";
/// The rail has made it.
pub(crate) const SENT: &str = "sent";
/// The rail will not make it; the money is back.
pub(crate) const FAILED: &str = "failed";

impl PartRow {
    /// The ledger's key of what came back, when that was so much.
    pub(crate) fn back_key(&self, units: i64) -> String {
        format!("payout/{}/{}/back/{units}", self.payout_id, self.part)
    }
}
