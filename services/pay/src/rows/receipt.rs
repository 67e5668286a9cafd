use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, EntryId, ReceiptId};
use imajin_pay_api::ReceiptBody;
use imajin_proof::SignedMessage;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::PayError;
use crate::schema::{receipt_parties, receipts, sales_days, sales_totals};

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = receipts, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ReceiptRow {
    pub(crate) id: ReceiptId,
    pub(crate) checkout_id: CheckoutId,
    pub(crate) entry_id: EntryId,
    pub(crate) payer_did: String,
    pub(crate) asset: String,
    pub(crate) gross: i64,
    pub(crate) issued_at: Timestamp,
    /// The signed document: its RFC 8785 bytes.
    pub(crate) document: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ReceiptRow, receipts, "receipts", key = (id));

impl ReceiptRow {
    pub(crate) fn message(&self) -> Result<SignedMessage<ReceiptBody>, PayError> {
        let damaged = || PayError::damaged(Self::TABLE, &self.id.to_string(), "the document cannot be read");
        serde_json::from_str(&self.document).map_err(|_unreadable| damaged())
    }
}

/// Somebody who may see a receipt. Not sealed: the audit recomputes every row from the receipts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Queryable, Selectable, Insertable)]
#[diesel(table_name = receipt_parties, treat_none_as_default_value = false)]
pub(crate) struct PartyRow {
    pub(crate) did: String,
    pub(crate) receipt_id: String,
}

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sales_totals, primary_key(asset))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SalesRow {
    pub(crate) asset: String,
    pub(crate) gross: i64,
    pub(crate) receipts: i64,
    pub(crate) refunds: i64,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(SalesRow, sales_totals, "sales_totals", key = (asset));

/// What the receipts of one day sum up to: the gross is the sum of the four parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sales_days, primary_key(day, asset))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SalesDayRow {
    /// Days since 1970, UTC.
    pub(crate) day: i64,
    pub(crate) asset: String,
    pub(crate) receipts: i64,
    pub(crate) gross: i64,
    /// What went to payees, at once or once it makes up a minimum.
    pub(crate) payees: i64,
    /// What waits for payees to accept.
    pub(crate) held: i64,
    pub(crate) fees: i64,
    /// What the rails kept.
    pub(crate) rail_fees: i64,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(SalesDayRow, sales_days, "sales_days", key = (day, asset));

impl SalesDayRow {
    /// A day on which nothing was sold.
    pub(crate) const fn empty(day: i64, asset: String) -> Self {
        Self {
            day,
            asset,
            receipts: 0,
            gross: 0,
            payees: 0,
            held: 0,
            fees: 0,
            rail_fees: 0,
            row_seal: Vec::new(),
        }
    }

    /// Adds a receipt.
    pub(crate) fn add(&mut self, body: &ReceiptBody) {
        let units = |amount: imajin_money::Amount| amount.micros();
        let add = |sum: &mut i64, more: i64| *sum = sum.saturating_add(more);
        add(&mut self.receipts, 1);
        add(&mut self.gross, units(body.gross.amount));
        add(&mut self.rail_fees, body.rail_fee.map_or(0, units));
        body.fees.iter().for_each(|fee| add(&mut self.fees, units(fee.amount)));
        for leg in &body.legs {
            let sum = if leg.held { &mut self.held } else { &mut self.payees };
            add(sum, units(leg.amount));
        }
    }

    /// Adds another row's sums.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.receipts, other.receipts),
            (&mut self.gross, other.gross),
            (&mut self.payees, other.payees),
            (&mut self.held, other.held),
            (&mut self.fees, other.fees),
            (&mut self.rail_fees, other.rail_fees),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}
