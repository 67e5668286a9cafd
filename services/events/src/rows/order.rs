use diesel::prelude::*;
use imajin_did::Did;
use imajin_events_api::OrderState;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, EventId, OrderId, ReceiptId, TierId};
use imajin_money::{Amount, Asset, Money};
use imajin_store::sealed_row;
use serde::Serialize;

use super::count;
use crate::EventsError;
use crate::schema::orders;

/// An order. Price and quantity are those of the moment when the places were reserved.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = orders, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct OrderRow {
    pub(crate) id: OrderId,
    pub(crate) event_id: EventId,
    pub(crate) tier_id: TierId,
    pub(crate) buyer_did: Did,
    pub(crate) quantity: i64,
    pub(crate) unit_micros: i64,
    pub(crate) total_micros: i64,
    pub(crate) asset: String,
    pub(crate) state: String,
    pub(crate) hold_expires_at: Timestamp,
    pub(crate) checkout_id: Option<CheckoutId>,
    pub(crate) checkout_url: Option<String>,
    pub(crate) receipt_id: Option<ReceiptId>,
    /// Why it ended without tickets.
    pub(crate) reason: Option<String>,
    /// What authorised it, see [`crate::log::proof_text`].
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(OrderRow, orders, "orders", key = (id));

/// The column's text of [`OrderState::Held`].
pub(crate) const HELD: &str = state_text(OrderState::Held);

/// The column's text.
pub(crate) const fn state_text(state: OrderState) -> &'static str {
    match state {
        OrderState::Held => "held",
        OrderState::Fulfilled => "fulfilled",
        OrderState::Expired => "expired",
        OrderState::Cancelled => "cancelled",
        OrderState::Refused => "refused",
        OrderState::Refunded => "refunded",
    }
}

impl OrderRow {
    /// The state as it was set.
    pub(crate) fn state_set(&self) -> Result<OrderState, EventsError> {
        let all = [
            OrderState::Held,
            OrderState::Fulfilled,
            OrderState::Expired,
            OrderState::Cancelled,
            OrderState::Refused,
            OrderState::Refunded,
        ];
        all.into_iter()
            .find(|state| state_text(*state) == self.state)
            .ok_or_else(|| EventsError::damaged("orders", &self.id, "its state is unknown"))
    }

    /// The state as it is at `now`: a hold is over when its time is, whether or not anybody has written that down yet.
    pub(crate) fn state_at(&self, now: Timestamp) -> Result<OrderState, EventsError> {
        Ok(match self.state_set()? {
            OrderState::Held if self.hold_expires_at <= now => OrderState::Expired,
            state => state,
        })
    }

    /// How many places.
    pub(crate) fn quantity(&self) -> Result<u32, EventsError> {
        count("orders", &self.id, self.quantity)
    }

    fn money(&self, micros: i64) -> Result<Money, EventsError> {
        let impossible = || EventsError::damaged("orders", &self.id, "an amount in it is impossible");
        let asset: Asset = self.asset.parse().map_err(|_error| impossible())?;
        Ok(Money::new(
            Amount::from_micros(micros).map_err(|_error| impossible())?,
            asset,
        ))
    }

    /// What one place costs.
    pub(crate) fn unit(&self) -> Result<Money, EventsError> {
        self.money(self.unit_micros)
    }

    /// What all of it costs.
    pub(crate) fn total(&self) -> Result<Money, EventsError> {
        self.money(self.total_micros)
    }
}
