use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, EntryId, ReceiptId};
use imajin_pay_api::ReceiptBody;
use imajin_proof::SignedMessage;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::PayError;
use crate::schema::{receipt_parties, receipts, sales_totals};

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
