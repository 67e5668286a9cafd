use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_kernel::Timestamp;
use imajin_kernel::id::ReceiptId;
use imajin_money::Money;
use imajin_pay_api::{ReceiptLeg, ReceiptRelease};
use imajin_store::{SealedRow, sealed_row};
use serde::{Deserialize, Serialize};

use super::money;
use crate::PayError;
use crate::schema::held_shares;

/// A held leg of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = held_shares, primary_key(receipt_id, leg))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ShareRow {
    pub(crate) receipt_id: ReceiptId,
    /// Which leg of the receipt, counted from 0.
    pub(crate) leg: i64,
    /// The manifest that names the contributor, and that the contributor has to accept.
    pub(crate) manifest_id: String,
    pub(crate) payee_did: String,
    /// The author of that manifest; the seller, when it names none.
    pub(crate) author_did: String,
    pub(crate) seller_did: String,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    pub(crate) held_since: Timestamp,
    pub(crate) held_until: Timestamp,
    pub(crate) state: String,
    /// Who got it in the end, when it was passed on.
    pub(crate) to_did: Option<String>,
    /// Where it went when it was released: a [`ShareOutcome`].
    pub(crate) outcome: Option<String>,
    pub(crate) ended_at: Option<Timestamp>,
    /// When the seller was last asked whether the contributor has accepted.
    pub(crate) asked_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ShareRow, held_shares, "held_shares", key = (receipt_id, leg));

/// The life of a held share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ShareState {
    /// The contributor has not accepted yet.
    Waiting,
    /// The contributor has accepted, and got it.
    Released,
    /// Nobody came in time: somebody else got it.
    PassedOn,
    /// All of it went back to the buyer before the contributor had accepted.
    Returned,
}

impl ShareState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Released => "released",
            Self::PassedOn => "passed_on",
            Self::Returned => "returned",
        }
    }
}

/// Where a released share went: one leg, unless the payee's distribution contract divides it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShareOutcome {
    pub(crate) legs: Vec<ReceiptLeg>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) releases: Vec<ReceiptRelease>,
}

impl ShareRow {
    pub(crate) fn is(&self, state: ShareState) -> bool {
        self.state == state.as_str()
    }

    pub(crate) fn money(&self) -> Result<Money, PayError> {
        money(Self::TABLE, &self.row_key(), self.amount, &self.asset)
    }

    /// The ledger's key for its end.
    pub(crate) fn ledger_key(&self) -> String {
        format!("share/{}/{}", self.receipt_id, self.leg)
    }

    pub(crate) fn payee(&self) -> Result<Did, PayError> {
        self.did(&self.payee_did)
    }

    pub(crate) fn author(&self) -> Result<Did, PayError> {
        self.did(&self.author_did)
    }

    pub(crate) fn seller(&self) -> Result<Did, PayError> {
        self.did(&self.seller_did)
    }

    fn did(&self, text: &str) -> Result<Did, PayError> {
        let damaged = |_unreadable| PayError::damaged(Self::TABLE, &self.row_key(), "a DID is none");
        text.parse().map_err(damaged)
    }

    pub(crate) fn manifest(&self) -> Result<ManifestId, PayError> {
        let damaged = |_unreadable| PayError::damaged(Self::TABLE, &self.row_key(), "the manifest is none");
        self.manifest_id.parse().map_err(damaged)
    }
}
