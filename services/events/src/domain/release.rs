//! Reservations that nobody paid for give their places back.

use diesel::prelude::*;
use imajin_events_api::OrderState;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{OrderId, TierId};
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

/// Releases lapsed reservations of a locked tier, [`BATCH`] at most; returns the tier and how many there were. One that
/// was changed outside the node keeps its places, and holds no other one up.
fn tier_release(
    conn: &mut Conn,
    context: &Context,
    mut tier: TierRow,
    now: Timestamp,
) -> Result<(TierRow, usize), EventsError> {
    let (mut released, mut after) = (0_usize, None);
    while released == 0 {
        let lapsed = lapsed_of(conn, tier.id, now, after)?;
        let Some(last) = lapsed.last() else {
            return Ok((tier, 0));
        };
        after = Some((last.hold_expires_at, last.id));
        for order in lapsed {
            let order = match order.intact(&context.sealer) {
                Ok(order) => order,
                Err(error) => {
                    tracing::error!(%error, "a lapsed reservation was not released");
                    continue;
                }
            };
            tier.held_move(order.quantity.saturating_neg())?;
            let reason = "Nobody paid in time.";
            order_end(conn, context, order, OrderState::Expired, log::ORDER_EXPIRE, reason)?;
            released = released.saturating_add(1);
        }
    }
    Ok((tier.save(conn, &context.sealer)?, released))
}

/// Lapsed reservations of a tier, locked: the next ones after one.
fn lapsed_of(
    conn: &mut Conn,
    tier: TierId,
    now: Timestamp,
    after: Option<(Timestamp, OrderId)>,
) -> Result<Vec<OrderRow>, EventsError> {
    let (since, id) = after.unwrap_or((Timestamp::from_seconds(0), OrderId::from_bytes([0; 16])));
    let behind = orders::hold_expires_at
        .gt(since)
        .or(orders::hold_expires_at.eq(since).and(orders::id.gt(id)));
    let lapsed: Vec<OrderRow> = for_update!(
        conn,
        orders::table
            .filter(orders::tier_id.eq(tier))
            .filter(orders::state.eq(HELD))
            .filter(orders::hold_expires_at.le(now))
            .filter(behind)
            .order_by((orders::hold_expires_at, orders::id))
            .limit(BATCH)
            .select(OrderRow::as_select()) => load
    )?;
    Ok(lapsed)
}

/// Tiers with lapsed reservations, the next ones after one.
pub(crate) fn tiers_lapsed(conn: &mut Conn, now: Timestamp, after: Option<TierId>) -> Result<Vec<TierId>, EventsError> {
    let lapsed = orders::table
        .filter(orders::state.eq(HELD))
        .filter(orders::hold_expires_at.le(now))
        .filter(orders::tier_id.gt(after.unwrap_or(TierId::from_bytes([0; 16]))))
        .order_by(orders::tier_id)
        .select(orders::tier_id)
        .distinct()
        .limit(BATCH);
    Ok(lapsed.load(conn)?)
}

/// Releases lapsed reservations of one tier, a batch at a time; returns how many. Zero means that none is left.
pub(crate) fn holds_release(conn: &mut Conn, context: &Context, tier: TierId) -> Result<usize, EventsError> {
    let locked = locks::tier_lock(conn, context, tier)?;
    let locked = locked.ok_or_else(|| EventsError::damaged("tiers", &tier, "it is gone"))?;
    Ok(tier_release(conn, context, locked, context.env.now())?.1)
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
