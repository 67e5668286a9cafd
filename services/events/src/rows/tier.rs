use diesel::prelude::*;
use imajin_events_api::TierView;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{EventId, TierId};
use imajin_money::{Amount, Asset, Money};
use imajin_store::sealed_row;
use serde::Serialize;

use super::{count, json_read};
use crate::EventsError;
use crate::schema::tiers;

/// A kind of ticket, with the counters that decide whether there are places.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = tiers, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct TierRow {
    pub(crate) id: TierId,
    pub(crate) event_id: EventId,
    /// Where it stands in the event's list, from 0.
    pub(crate) position: i64,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price_micros: i64,
    pub(crate) asset: String,
    /// How many places there are; none means unlimited.
    pub(crate) quantity: Option<i64>,
    pub(crate) per_order_limit: i64,
    pub(crate) sales_start: Option<Timestamp>,
    pub(crate) sales_end: Option<Timestamp>,
    /// A JSON list of strings.
    pub(crate) perks: String,
    /// Places whose tickets are issued.
    pub(crate) sold: i64,
    /// Places of orders in the state `held`.
    pub(crate) held: i64,
    /// What was paid for the issued tickets.
    pub(crate) gross_micros: i64,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(TierRow, tiers, "tiers", key = (id));

impl TierRow {
    fn asset(&self) -> Result<Asset, EventsError> {
        self.asset
            .parse()
            .map_err(|_error| self.damaged("its currency is unknown"))
    }

    fn money(&self, micros: i64) -> Result<Money, EventsError> {
        let amount = Amount::from_micros(micros).map_err(|_error| self.damaged("an amount in it is impossible"))?;
        Ok(Money::new(amount, self.asset()?))
    }

    /// What one place costs.
    pub(crate) fn price(&self) -> Result<Money, EventsError> {
        self.money(self.price_micros)
    }

    /// What was paid for the issued tickets.
    pub(crate) fn gross(&self) -> Result<Money, EventsError> {
        self.money(self.gross_micros)
    }

    /// How many places one order may take.
    pub(crate) fn per_order_limit(&self) -> Result<u32, EventsError> {
        count("tiers", &self.id, self.per_order_limit)
    }

    /// How many places there are.
    pub(crate) fn quantity(&self) -> Result<Option<u32>, EventsError> {
        self.quantity
            .map(|quantity| count("tiers", &self.id, quantity))
            .transpose()
    }

    /// How many places are neither sold nor held.
    pub(crate) fn free(&self) -> Option<u32> {
        let taken = self.sold.saturating_add(self.held);
        self.quantity
            .map(|quantity| u32::try_from(quantity.saturating_sub(taken)).unwrap_or(0))
    }

    /// Whether `places` can be taken.
    pub(crate) fn has_free(&self, places: u32) -> bool {
        self.free().is_none_or(|free| free >= places)
    }

    /// Moves the number of held places.
    pub(crate) fn held_move(&mut self, places: i64) -> Result<(), EventsError> {
        self.held = self.moved(self.held, places)?;
        Ok(())
    }

    /// Counts places as sold.
    pub(crate) fn sold_add(&mut self, places: i64, total_micros: i64) -> Result<(), EventsError> {
        self.sold = self.moved(self.sold, places)?;
        self.gross_micros = self.moved(self.gross_micros, total_micros)?;
        Ok(())
    }

    fn moved(&self, counter: i64, by: i64) -> Result<i64, EventsError> {
        let moved = counter.checked_add(by).filter(|moved| *moved >= 0);
        moved.ok_or_else(|| self.damaged("a counter in it is impossible"))
    }

    fn damaged(&self, problem: &str) -> EventsError {
        EventsError::damaged("tiers", &self.id, problem)
    }

    /// As anyone may see it; `lapsed` places of holds that ran out count as free although they are not released yet.
    pub(crate) fn view(&self, lapsed: u32) -> Result<TierView, EventsError> {
        let quantity = self.quantity()?;
        let free = self.free().map(|free| free.saturating_add(lapsed));
        Ok(TierView {
            id: self.id,
            name: self.name.clone(),
            description: self.description.clone(),
            price: self.price()?,
            quantity,
            available: free.zip(quantity).map(|(free, quantity)| free.min(quantity)),
            per_order_limit: self.per_order_limit()?,
            sales_start: self.sales_start,
            sales_end: self.sales_end,
            perks: json_read("tiers", &self.id, &self.perks)?,
        })
    }
}
