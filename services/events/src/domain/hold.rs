use diesel::prelude::*;
use imajin_events_api::{CheckoutRequest, EventStatus, OrderState};
use imajin_kernel::Timestamp;
use imajin_kernel::id::OrderId;
use imajin_store::idempotency::Outcome;
use imajin_store::{Conn, SealedRow};
use imajin_web::{Authorised, SoftTier};

use super::{locks, release};
use crate::context::{Context, IdempotencyKey};
use crate::rows::{EventRow, HELD, OrderRow, TierRow, state_text};
use crate::schema::orders;
use crate::{EventsError, log};

/// A buyer's wish for places; the order's identifier is made once, although the write may run twice.
#[derive(Clone)]
pub(crate) struct HoldRequest {
    pub(crate) id: OrderId,
    pub(crate) wish: CheckoutRequest,
    pub(crate) verified: Authorised<SoftTier>,
    pub(crate) body: Vec<u8>,
    pub(crate) idempotency: Option<IdempotencyKey>,
}

/// What became of it.
pub(crate) enum Held {
    /// The places are reserved now.
    Fresh(OrderRow),
    /// An earlier request with the same idempotency key made this order.
    Replayed(OrderRow),
}

/// Reserves places: all of them or none, and never one too many.
pub(crate) fn order_hold(conn: &mut Conn, context: &Context, request: &HoldRequest) -> Result<Held, EventsError> {
    let held = hold_or_replay(conn, context, request);
    if held
        .as_ref()
        .is_err_and(|error| !matches!(error, EventsError::Store(_)))
    {
        // A signature that was used before is refused as such, whatever else is in the way now. The nonce of any other
        // refused request is not spent: the error rolls this back.
        context.nonce_spend(conn, &request.verified)?;
    }
    held
}

fn hold_or_replay(conn: &mut Conn, context: &Context, request: &HoldRequest) -> Result<Held, EventsError> {
    let now = context.env.now();
    let buyer = request.verified.did();
    if let Some(key) = &request.idempotency
        && let Outcome::Replay { body, .. } = context.idempotency_check(conn, buyer, key, now)?
    {
        context.nonce_spend(conn, &request.verified)?;
        let order = locks::order_find(conn, context, Context::replayed_id(&body)?)?;
        return order.map(Held::Replayed).ok_or(EventsError::NotFound("order"));
    }
    let (tier, event) = tier_and_event(conn, context, request)?;
    on_sale_check(&event, now)?;
    sales_window_check(&tier, now)?;
    quantity_check(&tier, request.wish.quantity)?;
    open_holds_check(conn, context, request, now)?;
    places_check(conn, context, &tier, request, now)?;
    let tier = release::places_make(conn, context, tier, request.wish.quantity, now)?;
    let order = places_take(conn, context, tier, request, now)?;
    log::signed_append(
        conn,
        context,
        &request.verified,
        log::ORDER_HOLD,
        &order.id,
        &request.body,
    )?;
    if let Some(key) = &request.idempotency {
        context.idempotency_store(conn, buyer, key, &order.id.to_string(), now)?;
    }
    Ok(Held::Fresh(order))
}

/// The tier that is wished for, locked, and its event. What is missing is named.
fn tier_and_event(
    conn: &mut Conn,
    context: &Context,
    request: &HoldRequest,
) -> Result<(TierRow, EventRow), EventsError> {
    let wished = request.wish.event_id;
    let found = locks::tier_lock_with_event(conn, context, request.wish.tier_id)?;
    if let Some(found) = found.filter(|(tier, _event)| tier.event_id == wished) {
        return Ok(found);
    }
    let event = locks::event_find(conn, context, wished)?.ok_or(EventsError::NotFound("event"))?;
    on_sale_check(&event, context.env.now())?;
    Err(EventsError::NotFound("tier of this event"))
}

fn on_sale_check(event: &EventRow, now: Timestamp) -> Result<(), EventsError> {
    let detail = match event.status_at(now)? {
        EventStatus::Published => return Ok(()),
        EventStatus::Draft => return Err(EventsError::NotFound("event")),
        EventStatus::Paused => "The sale of this event is paused.",
        EventStatus::Cancelled => "This event was cancelled.",
        EventStatus::Completed => "This event is over.",
    };
    Err(EventsError::State {
        detail: detail.to_owned(),
        hint: "Look at the event's page for news.",
    })
}

fn sales_window_check(tier: &TierRow, now: Timestamp) -> Result<(), EventsError> {
    if let Some(start) = tier.sales_start.filter(|start| *start > now) {
        let detail = format!("The sale of this tier begins at {start}.");
        return Err(EventsError::State {
            detail,
            hint: "Come back then.",
        });
    }
    if let Some(end) = tier.sales_end.filter(|end| *end <= now) {
        let detail = format!("The sale of this tier ended at {end}.");
        return Err(EventsError::State {
            detail,
            hint: "Choose another tier.",
        });
    }
    Ok(())
}

fn quantity_check(tier: &TierRow, quantity: u32) -> Result<(), EventsError> {
    let limit = tier.per_order_limit()?;
    if (1..=limit).contains(&quantity) {
        Ok(())
    } else {
        Err(EventsError::Quantity { limit })
    }
}

fn open_holds_check(
    conn: &mut Conn,
    context: &Context,
    request: &HoldRequest,
    now: Timestamp,
) -> Result<(), EventsError> {
    let open: i64 = orders::table
        .filter(orders::buyer_did.eq(request.verified.did()))
        .filter(orders::event_id.eq(request.wish.event_id))
        .filter(orders::state.eq(HELD))
        .filter(orders::hold_expires_at.gt(now))
        .count()
        .get_result(conn)?;
    let open = u32::try_from(open).unwrap_or(u32::MAX);
    if open < context.config.open_holds_max {
        Ok(())
    } else {
        Err(EventsError::OpenHolds { open })
    }
}

/// Refuses whoever keeps more places from others than they could pay for: the places of their open reservations, and of
/// those that ended without money not long ago, so that it is no use to make them anew.
fn places_check(
    conn: &mut Conn,
    context: &Context,
    tier: &TierRow,
    request: &HoldRequest,
    now: Timestamp,
) -> Result<(), EventsError> {
    let since = now.minus(context.config.hold_pause);
    let held = orders::state.eq(HELD).and(orders::hold_expires_at.gt(since));
    let ended = [OrderState::Expired, OrderState::Cancelled].map(state_text);
    let ended = orders::state.eq_any(ended).and(orders::updated_at.gt(since));
    let places: Vec<i64> = orders::table
        .filter(orders::buyer_did.eq(request.verified.did()))
        .filter(orders::event_id.eq(request.wish.event_id))
        .filter(held.or(ended))
        .select(orders::quantity)
        .load(conn)?;
    let places = places.into_iter().fold(0_i64, i64::saturating_add);
    let places = u32::try_from(places).unwrap_or(u32::MAX);
    // As many small orders as may be open at once fit in any case.
    let most = tier
        .per_order_limit()?
        .saturating_mul(2)
        .max(context.config.open_holds_max);
    if places.saturating_add(request.wish.quantity) <= most {
        return Ok(());
    }
    Err(EventsError::HeldPlaces { places, most })
}

fn places_take(
    conn: &mut Conn,
    context: &Context,
    mut tier: TierRow,
    request: &HoldRequest,
    now: Timestamp,
) -> Result<OrderRow, EventsError> {
    let quantity = request.wish.quantity;
    let unit = tier.price()?;
    let total = unit
        .checked_mul(quantity)
        .map_err(|error| EventsError::invalid("quantity", error.to_string()))?;
    tier.held_move(i64::from(quantity))?;
    let order = OrderRow {
        id: request.id,
        event_id: tier.event_id,
        tier_id: tier.id,
        buyer_did: request.verified.did().clone(),
        quantity: i64::from(quantity),
        unit_micros: unit.amount.micros(),
        total_micros: total.amount.micros(),
        asset: total.asset.to_string(),
        state: state_text(OrderState::Held).to_owned(),
        hold_expires_at: now.plus(context.config.hold),
        checkout_id: None,
        checkout_url: None,
        receipt_id: None,
        reason: None,
        proof: log::proof_text(&request.verified)?,
        created_at: now,
        updated_at: now,
        deleted_at: None,
        row_seal: Vec::new(),
    };
    tier.save(conn, &context.sealer)?;
    Ok(order.insert(conn, &context.sealer)?)
}
