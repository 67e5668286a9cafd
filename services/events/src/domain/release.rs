//! Reservations that nobody paid for give their places back.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_events_api::OrderState;
use imajin_kernel::Timestamp;
use imajin_kernel::id::TierId;
use imajin_store::{Conn, SealedRow, for_update};

use super::locks;
use crate::context::Context;
use crate::rows::{HELD, OrderRow, TierRow, state_text};
use crate::schema::orders;
use crate::{EventsError, log};

/// How many reservations one transaction releases: a bound on how long it holds the others up.
const BATCH: i64 = 100;

/// A locked tier with room for `places`, after giving back what lapsed if that is needed.
pub(crate) fn places_make(
    conn: &mut Conn,
    context: &Context,
    mut tier: TierRow,
    places: u32,
    now: Timestamp,
) -> Result<TierRow, EventsError> {
    while !tier.has_free(places) {
        let (after, released) = tier_release(conn, context, tier, now)?;
        tier = after;
        if released == 0 {
            let left = tier.free().unwrap_or(u32::MAX);
            return if left >= places {
                Ok(tier)
            } else {
                Err(EventsError::SoldOut { left, asked: places })
            };
        }
    }
    Ok(tier)
}

/// Releases lapsed reservations of a locked tier, [`BATCH`] at most; returns the tier and how many there were.
fn tier_release(
    conn: &mut Conn,
    context: &Context,
    mut tier: TierRow,
    now: Timestamp,
) -> Result<(TierRow, usize), EventsError> {
    let lapsed: Vec<OrderRow> = for_update!(
        conn,
        orders::table
            .filter(orders::tier_id.eq(tier.id))
            .filter(orders::state.eq(HELD))
            .filter(orders::hold_expires_at.le(now))
            .order_by((orders::hold_expires_at, orders::id))
            .limit(BATCH)
            .select(OrderRow::as_select()) => load
    )?;
    if lapsed.is_empty() {
        return Ok((tier, 0));
    }
    let released = lapsed.len();
    for order in lapsed {
        let order = order.intact(&context.sealer)?;
        tier.held_move(order.quantity.saturating_neg())?;
        let reason = "Nobody paid in time.";
        order_end(conn, context, order, OrderState::Expired, log::ORDER_EXPIRE, reason)?;
    }
    Ok((tier.save(conn, &context.sealer)?, released))
}

/// Releases lapsed reservations of all tiers, a batch at a time; returns how many. Zero means that none is left.
pub(crate) fn holds_release(conn: &mut Conn, context: &Context) -> Result<usize, EventsError> {
    let now = context.env.now();
    let tiers: Vec<TierId> = orders::table
        .filter(orders::state.eq(HELD))
        .filter(orders::hold_expires_at.le(now))
        .order_by((orders::hold_expires_at, orders::id))
        .limit(BATCH)
        .select(orders::tier_id)
        .load(conn)?;
    let mut released = 0;
    // Always in the same order, so that two processes do not wait for each other.
    for id in tiers.into_iter().collect::<BTreeSet<_>>() {
        let tier = locks::tier_lock(conn, context, id)?;
        let tier = tier.ok_or_else(|| EventsError::damaged("tiers", &id, "it is gone"))?;
        released += tier_release(conn, context, tier, now)?.1;
    }
    Ok(released)
}

/// Ends an order without tickets on the node's own account, and writes down why. The counters are the caller's.
pub(crate) fn order_end(
    conn: &mut Conn,
    context: &Context,
    mut order: OrderRow,
    state: OrderState,
    action: &str,
    reason: &str,
) -> Result<OrderRow, EventsError> {
    let body = log::OrderEnded {
        order_id: order.id,
        reason: Some(reason.to_owned()),
    };
    log::node_append(conn, context, &order.buyer_did, action, order.id, &body)?;
    state_text(state).clone_into(&mut order.state);
    order.reason = Some(reason.to_owned());
    order.updated_at = context.env.now();
    Ok(order.save(conn, &context.sealer)?)
}
