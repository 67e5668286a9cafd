//! Rows by their keys: to read, and locked to change. Each is refused when it was changed outside the node.

use diesel::prelude::*;
use imajin_kernel::id::{EventId, OrderId, TierId};
use imajin_store::{Conn, SealedRow, for_update};

use crate::EventsError;
use crate::context::Context;
use crate::rows::{EventRow, OrderRow, TierRow};
use crate::schema::{events, orders, tiers};

pub(crate) fn event_find(conn: &mut Conn, context: &Context, id: EventId) -> Result<Option<EventRow>, EventsError> {
    let query = events::table
        .find(id)
        .filter(events::deleted_at.is_null())
        .select(EventRow::as_select());
    let row: Option<EventRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

pub(crate) fn event_lock(conn: &mut Conn, context: &Context, id: EventId) -> Result<Option<EventRow>, EventsError> {
    let row: Option<EventRow> = for_update!(
        conn,
        events::table.find(id).filter(events::deleted_at.is_null()).select(EventRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

pub(crate) fn tier_find(conn: &mut Conn, context: &Context, id: TierId) -> Result<Option<TierRow>, EventsError> {
    let row: Option<TierRow> = tiers::table
        .find(id)
        .select(TierRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

pub(crate) fn tier_lock(conn: &mut Conn, context: &Context, id: TierId) -> Result<Option<TierRow>, EventsError> {
    let row: Option<TierRow> =
        for_update!(conn, tiers::table.find(id).select(TierRow::as_select()) => first).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A tier, locked, with its event: one statement, because every hold begins with it.
pub(crate) fn tier_lock_with_event(
    conn: &mut Conn,
    context: &Context,
    id: TierId,
) -> Result<Option<(TierRow, EventRow)>, EventsError> {
    let rows: Option<(TierRow, EventRow)> = for_update!(
        conn,
        tiers::table
            .inner_join(events::table)
            .filter(tiers::id.eq(id))
            .filter(events::deleted_at.is_null())
            .select((TierRow::as_select(), EventRow::as_select())) => first
    )
    .optional()?;
    let Some((tier, event)) = rows else { return Ok(None) };
    Ok(Some((tier.intact(&context.sealer)?, event.intact(&context.sealer)?)))
}

pub(crate) fn order_find(conn: &mut Conn, context: &Context, id: OrderId) -> Result<Option<OrderRow>, EventsError> {
    let row: Option<OrderRow> = orders::table
        .find(id)
        .select(OrderRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

pub(crate) fn order_lock(conn: &mut Conn, context: &Context, id: OrderId) -> Result<Option<OrderRow>, EventsError> {
    let row: Option<OrderRow> =
        for_update!(conn, orders::table.find(id).select(OrderRow::as_select()) => first).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// An order with its tier, both locked in the order that every function keeps: the tier first.
pub(crate) fn order_lock_with_tier(
    conn: &mut Conn,
    context: &Context,
    id: OrderId,
) -> Result<Option<(OrderRow, TierRow)>, EventsError> {
    let Some(order) = order_find(conn, context, id)? else {
        return Ok(None);
    };
    let tier = tier_lock(conn, context, order.tier_id)?;
    let tier = tier.ok_or_else(|| EventsError::damaged("orders", &id, "its tier is gone"))?;
    // It may have changed while the tier was waited for.
    let order = order_lock(conn, context, id)?;
    Ok(order.map(|order| (order, tier)))
}
