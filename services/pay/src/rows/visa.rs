use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, ReceiptId};
use imajin_ledger::{AccountKey, Purpose};
use imajin_money::Money;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use super::money;
use crate::PayError;
use crate::schema::{pledges, visa_captures, visas};

/// A visa that was spent here, and how much of it.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = visas, primary_key(issuer, jti))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct VisaRow {
    pub(crate) issuer: String,
    pub(crate) jti: String,
    pub(crate) agent: String,
    /// The thumbprint of the key that may spend it, or [`BEARER`].
    pub(crate) holder: String,
    pub(crate) asset: String,
    pub(crate) units_max: i64,
    pub(crate) uses_max: i64,
    /// What was spent of it, and how often.
    pub(crate) units: i64,
    pub(crate) uses: i64,
    pub(crate) expires_at: Timestamp,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

/// In the place of a thumbprint: whoever has the visa may spend it. No thumbprint is as short.
pub(crate) const BEARER: &str = "bearer";

sealed_row!(VisaRow, visas, "visas", key = (issuer, jti));

/// What was paid with a visa.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = visa_captures, primary_key(checkout_id))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct CaptureRow {
    pub(crate) checkout_id: CheckoutId,
    pub(crate) issuer: String,
    pub(crate) jti: String,
    pub(crate) receipt_id: ReceiptId,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    /// Names what the agent has shown: SHA-256, in hex.
    pub(crate) claim_digest: String,
    pub(crate) state: String,
    /// The broker's own name for it.
    pub(crate) reference: Option<String>,
    /// Why it is not paid.
    pub(crate) problem: Option<String>,
    pub(crate) created_at: Timestamp,
    /// When the broker said that it will pay.
    pub(crate) accepted_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(CaptureRow, visa_captures, "visa_captures", key = (checkout_id));

/// Where a payment by visa stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CaptureState {
    /// The goods are on their way.
    Held,
    /// It is split, and the broker has not said that it pays.
    Owed,
    /// The broker pays, unless the agent disputes it in time and wins.
    Accepted,
    /// The broker has paid.
    Paid,
    /// The broker does not pay: the split went back.
    Unpaid,
    /// The goods could not be had: nothing was spent.
    Freed,
}

impl CaptureState {
    pub(crate) const ALL: [Self; 6] = [
        Self::Held,
        Self::Owed,
        Self::Accepted,
        Self::Paid,
        Self::Unpaid,
        Self::Freed,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Owed => "owed",
            Self::Accepted => "accepted",
            Self::Paid => "paid",
            Self::Unpaid => "unpaid",
            Self::Freed => "freed",
        }
    }
}

impl CaptureRow {
    pub(crate) fn state(&self) -> Result<CaptureState, PayError> {
        let found = CaptureState::ALL.into_iter().find(|state| state.as_str() == self.state);
        found.ok_or_else(|| PayError::damaged(Self::TABLE, &self.row_key(), "the state is none"))
    }

    pub(crate) fn state_set(&mut self, state: CaptureState) {
        state.as_str().clone_into(&mut self.state);
    }

    pub(crate) fn money(&self) -> Result<Money, PayError> {
        money(Self::TABLE, &self.row_key(), self.amount, &self.asset)
    }

    /// The ledger's key of what sets the shares aside.
    pub(crate) fn pledge_key(id: CheckoutId) -> String {
        format!("pledge/{id}")
    }

    /// The ledger's key of what gives them to their owners.
    pub(crate) fn collect_key(&self) -> String {
        format!("collect/{}", self.checkout_id)
    }

    /// The ledger's key of what takes the split back.
    pub(crate) fn unpaid_key(&self) -> String {
        format!("unpaid/{}", self.checkout_id)
    }
}

/// A share that waits until a broker pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = pledges, primary_key(checkout_id, did, purpose))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct PledgeRow {
    pub(crate) checkout_id: CheckoutId,
    pub(crate) did: String,
    /// For which of its owner's accounts it is.
    pub(crate) purpose: String,
    pub(crate) asset: String,
    pub(crate) units: i64,
    pub(crate) state: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(PledgeRow, pledges, "pledges", key = (checkout_id, did, purpose));

/// It waits.
pub(crate) const PLEDGE_OPEN: &str = "open";
/// It waits no longer.
pub(crate) const PLEDGE_ENDED: &str = "ended";

impl PledgeRow {
    pub(crate) fn owner(&self) -> Result<Did, PayError> {
        let damaged = |_unreadable| PayError::damaged(Self::TABLE, &self.row_key(), "the owner is no DID");
        self.did.parse().map_err(damaged)
    }

    /// The account that it is for.
    pub(crate) fn account(&self) -> Result<AccountKey, PayError> {
        let damaged = || PayError::damaged(Self::TABLE, &self.row_key(), "the account is none");
        let purpose: Purpose = self.purpose.parse().map_err(|_unknown| damaged())?;
        let asset = self.asset.parse().map_err(|_unknown| damaged())?;
        Ok(AccountKey::of(&self.owner()?, asset, purpose))
    }
}
