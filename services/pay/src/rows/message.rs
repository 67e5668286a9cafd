use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{HoldId, RailMessageId};
use imajin_money::Money;
use imajin_rails::{RailEvent, RailOutcome};
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use super::money;
use crate::PayError;
use crate::schema::rail_messages;

#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = rail_messages, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct MessageRow {
    pub(crate) id: RailMessageId,
    pub(crate) rail: String,
    /// The rail's own identifier of the event.
    pub(crate) event_id: String,
    /// The message as it came.
    #[serde(serialize_with = "imajin_store::as_bytes")]
    pub(crate) body: Vec<u8>,
    pub(crate) received_at: Timestamp,
    pub(crate) checkout_id: String,
    pub(crate) outcome: String,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    pub(crate) reference: String,
    pub(crate) occurred_at: Timestamp,
    pub(crate) result: String,
    pub(crate) processed_at: Option<Timestamp>,
    pub(crate) hold_id: Option<HoldId>,
    /// The rail's reference of the refund, once it is done.
    pub(crate) refund_reference: Option<String>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(MessageRow, rail_messages, "rail_messages", key = (id));

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageResult {
    /// Not processed yet.
    Stored,
    /// The money is booked and held for the checkout.
    Booked,
    /// The money is booked, and goes back.
    Refunded,
    /// The money is booked as nobody's: there is no such checkout.
    Unmatched,
    /// A failed attempt was noted.
    Failed,
    /// The checkout was ended.
    Cancelled,
    /// What it says about a payment was noted.
    Noted,
    /// It changed nothing: the checkout had ended, there is none, or the rail says that it is not so.
    Ignored,
}

impl MessageResult {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Booked => "booked",
            Self::Refunded => "refunded",
            Self::Unmatched => "unmatched",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Noted => "noted",
            Self::Ignored => "ignored",
        }
    }

    /// Whether such a message has brought money.
    pub(crate) fn is_money(text: &str) -> bool {
        [Self::Booked, Self::Refunded, Self::Unmatched]
            .iter()
            .any(|result| result.as_str() == text)
    }
}

impl MessageRow {
    pub(crate) fn outcome(&self) -> Result<RailOutcome, PayError> {
        let unknown = || PayError::damaged(Self::TABLE, &self.id.to_string(), "the outcome is none");
        RailOutcome::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == self.outcome)
            .ok_or_else(unknown)
    }

    pub(crate) fn money(&self) -> Result<Money, PayError> {
        money(Self::TABLE, &self.id.to_string(), self.amount, &self.asset)
    }

    /// What the message says, as it was stored.
    pub(crate) fn event(&self) -> Result<RailEvent, PayError> {
        Ok(RailEvent {
            id: self.event_id.clone(),
            checkout: self.checkout_id.parse().ok(),
            outcome: self.outcome()?,
            amount: self.money()?,
            reference: self.reference.clone(),
            time: self.occurred_at,
        })
    }

    /// Takes over what the rail says is true.
    pub(crate) fn event_set(&mut self, event: &RailEvent) {
        self.checkout_id = event.checkout.map(|checkout| checkout.to_string()).unwrap_or_default();
        event.outcome.as_str().clone_into(&mut self.outcome);
        self.asset = event.amount.asset.to_string();
        self.amount = event.amount.amount.micros();
        self.reference.clone_from(&event.reference);
        self.occurred_at = event.time;
    }

    /// The ledger's key for what this message books.
    pub(crate) fn ledger_key(&self) -> String {
        format!("message/{}", self.id)
    }
}
