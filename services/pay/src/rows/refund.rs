use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, ReceiptId, RefundId};
use imajin_money::Money;
use imajin_pay_api::CreditNoteBody;
use imajin_proof::SignedMessage;
use imajin_store::{SealedRow, sealed_row};
use serde::{Deserialize, Serialize};

use super::money;
use crate::PayError;
use crate::schema::{refunds, reversals};

/// Money that a seller sends back after it was split.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = refunds, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct RefundRow {
    pub(crate) id: RefundId,
    pub(crate) checkout_id: CheckoutId,
    pub(crate) receipt_id: ReceiptId,
    pub(crate) seller_did: String,
    /// Who asked for it: the seller or the operator.
    pub(crate) owner_did: String,
    pub(crate) rail: String,
    /// The rail's reference of the payment.
    pub(crate) payment: String,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    pub(crate) reason: Option<String>,
    pub(crate) state: String,
    /// The rail's reference of the refund.
    pub(crate) reference: Option<String>,
    pub(crate) problem: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    /// The signed credit note, once the rail has taken the refund: its RFC 8785 bytes.
    pub(crate) document: Option<String>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(RefundRow, refunds, "refunds", key = (id));

/// The life of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefundState {
    /// The split is walked back; the rail has not taken the refund yet.
    Waiting,
    /// The rail has taken it; the credit note is there.
    Sent,
    /// The rail will not make it: the split is as it was.
    Failed,
    /// The buyer's bank did not take it: the money is in the buyer's balance.
    Returned,
}

impl RefundState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "under_way",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Returned => "returned",
        }
    }
}

impl RefundRow {
    pub(crate) fn is(&self, state: RefundState) -> bool {
        self.state == state.as_str()
    }

    pub(crate) fn money(&self) -> Result<Money, PayError> {
        money(Self::TABLE, &self.id.to_string(), self.amount, &self.asset)
    }

    /// The ledger's key of what it took out of the split.
    pub(crate) fn ledger_key(&self) -> String {
        format!("refund/{}", self.id)
    }

    /// The ledger's key of its way back: to the payees when the rail refused it, to the buyer when their bank did.
    pub(crate) fn back_key(&self) -> String {
        format!("refund/{}/back", self.id)
    }

    /// The credit note, once there is one.
    pub(crate) fn note(&self) -> Result<Option<SignedMessage<CreditNoteBody>>, PayError> {
        let damaged = |_unreadable| PayError::damaged(Self::TABLE, &self.id.to_string(), "the document cannot be read");
        self.document
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(damaged)
    }
}

/// An entry of the ledger that walks a split backwards, or what was taken of it forwards again.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = reversals, primary_key(key))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ReversalRow {
    /// The ledger's key of the entry.
    pub(crate) key: String,
    pub(crate) checkout_id: CheckoutId,
    pub(crate) asset: String,
    /// What it took; below zero, what it gave back.
    pub(crate) units: i64,
    /// A [`Reversal`].
    pub(crate) document: String,
    pub(crate) booked_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ReversalRow, reversals, "reversals", key = (key));

impl ReversalRow {
    pub(crate) fn reversal(&self) -> Result<Reversal, PayError> {
        let damaged = |_unreadable| PayError::damaged(Self::TABLE, &self.key, "the document cannot be read");
        serde_json::from_str(&self.document).map_err(damaged)
    }
}

/// What an entry took of each line of a split. Units are below zero where it gave back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reversal {
    pub(crate) lines: Vec<LineBack>,
    /// What the seller bore besides the lines: a rail's fee for a dispute.
    #[serde(default)]
    pub(crate) extra: i64,
    /// What it changed in the sums of distribution contracts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) flows: Vec<FlowBack>,
}

/// A part of a line of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LineBack {
    /// Which line of the receipt, counted from 0: its fees, its legs, then the rail's own fee.
    pub(crate) line: usize,
    /// Which part of a share that was released along contracts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) part: Option<usize>,
    pub(crate) units: i64,
    /// Whether it concerned a share that still waited for its contributor.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) held: bool,
    /// What of it waited for the minimum of a contract.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) accrued: i64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(value: &i64) -> bool {
    *value == 0
}

/// A change of what has gone along a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlowBack {
    pub(crate) profile: Did,
    pub(crate) label: String,
    pub(crate) recipient: Did,
    pub(crate) total: i64,
    pub(crate) waiting: i64,
}
