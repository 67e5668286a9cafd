use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, HoldId, RailMessageId, ReceiptId};
use imajin_money::Money;
use imajin_pay_api::{CheckoutState, CheckoutView, GoodsRef};
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use super::money;
use crate::PayError;
use crate::schema::{checkouts, splits};

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = checkouts, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct CheckoutRow {
    pub(crate) id: CheckoutId,
    pub(crate) rail: String,
    pub(crate) goods_kind: String,
    pub(crate) goods_id: String,
    /// The buyer. DIDs of rows are texts here: each is checked where it is needed, and the seal covers it.
    pub(crate) owner_did: String,
    pub(crate) seller_did: String,
    pub(crate) title: String,
    pub(crate) asset: String,
    pub(crate) price: i64,
    /// How the price is split.
    pub(crate) split_id: String,
    pub(crate) state: String,
    /// Proves that a form was sent from the checkout's own page.
    pub(crate) form_token: String,
    pub(crate) pay_url: String,
    /// Paths of this node.
    pub(crate) success_url: String,
    pub(crate) cancel_url: String,
    pub(crate) expires_at: Timestamp,
    /// The payment that counts, once there is one: its hold, its message, the rail's reference.
    pub(crate) hold_id: Option<HoldId>,
    pub(crate) message_id: Option<RailMessageId>,
    pub(crate) rail_reference: Option<String>,
    /// Reserved when the money is there; the receipt itself exists from the settlement on.
    pub(crate) receipt_id: Option<ReceiptId>,
    pub(crate) paid_at: Option<Timestamp>,
    pub(crate) reason: Option<String>,
    /// How many attempts to pay have failed.
    pub(crate) failures: i32,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(CheckoutRow, checkouts, "checkouts", key = (id));

/// The text of a state in the database; the same as on the wire.
pub(crate) const fn state_text(state: CheckoutState) -> &'static str {
    match state {
        CheckoutState::Open => "open",
        CheckoutState::Paid => "paid",
        CheckoutState::Settled => "settled",
        CheckoutState::Refunded => "refunded",
        CheckoutState::Cancelled => "cancelled",
        CheckoutState::Expired => "expired",
    }
}

/// The states of checkouts whose money was taken and has not gone back, as partial indexes name them.
pub(crate) const TAKEN: [&str; 2] = [state_text(CheckoutState::Paid), state_text(CheckoutState::Settled)];

/// [`state_text`] backwards.
pub(crate) fn state_parse(text: &str) -> Option<CheckoutState> {
    use CheckoutState::{Cancelled, Expired, Open, Paid, Refunded, Settled};
    [Open, Paid, Settled, Refunded, Cancelled, Expired]
        .into_iter()
        .find(|state| state_text(*state) == text)
}

impl CheckoutRow {
    pub(crate) fn state(&self) -> Result<CheckoutState, PayError> {
        let unknown = || PayError::damaged(Self::TABLE, &self.id.to_string(), "the state is none");
        state_parse(&self.state).ok_or_else(unknown)
    }

    /// The state at `now`: an open checkout counts as expired before the sweeper gets to it.
    pub(crate) fn state_at(&self, now: Timestamp) -> Result<CheckoutState, PayError> {
        match self.state()? {
            CheckoutState::Open if self.expires_at <= now => Ok(CheckoutState::Expired),
            state => Ok(state),
        }
    }

    pub(crate) fn state_set(&mut self, state: CheckoutState, now: Timestamp) {
        state_text(state).clone_into(&mut self.state);
        self.updated_at = now;
    }

    pub(crate) fn price(&self) -> Result<Money, PayError> {
        money(Self::TABLE, &self.id.to_string(), self.price, &self.asset)
    }

    pub(crate) fn buyer(&self) -> Result<Did, PayError> {
        let damaged = || PayError::damaged(Self::TABLE, &self.id.to_string(), "the buyer is no DID");
        self.owner_did.parse().map_err(|_unreadable| damaged())
    }

    pub(crate) fn goods(&self) -> GoodsRef {
        GoodsRef {
            kind: self.goods_kind.clone(),
            id: self.goods_id.clone(),
        }
    }

    pub(crate) fn view(&self, now: Timestamp) -> Result<CheckoutView, PayError> {
        let state = self.state_at(now)?;
        let receipt = self.receipt_id.filter(|_reserved| state == CheckoutState::Settled);
        Ok(CheckoutView {
            id: self.id,
            goods: self.goods(),
            url: self.pay_url.clone(),
            price: self.price()?,
            state,
            expires_at: self.expires_at,
            receipt,
            reason: self.reason.clone(),
        })
    }
}

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = splits, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SplitRow {
    /// SHA-256 of the document, in hex.
    pub(crate) id: String,
    pub(crate) document: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(SplitRow, splits, "splits", key = (id));
