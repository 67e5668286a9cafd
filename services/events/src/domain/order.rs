//! What happens to an order between its reservation and its tickets.

use imajin_did::Did;
use imajin_events_api::OrderState;
use imajin_kernel::id::OrderId;
use imajin_pay_api::CheckoutView;
use imajin_store::{Conn, SealedRow};
use imajin_web::Verified;

use super::{locks, release};
use crate::context::Context;
use crate::rows::{OrderRow, state_text};
use crate::{EventsError, log};

/// Writes down where the order is paid, and keeps its places for as long as that takes, within the cap.
pub(crate) fn checkout_note(
    conn: &mut Conn,
    context: &Context,
    id: OrderId,
    checkout: &CheckoutView,
) -> Result<OrderRow, EventsError> {
    let mut order = locks::order_lock(conn, context, id)?.ok_or(EventsError::NotFound("order"))?;
    // Paid, expired or cancelled in the meantime: then the places are no longer this function's.
    if order.state_set()? != OrderState::Held {
        return Ok(order);
    }
    let now = context.env.now();
    let cap = order.created_at.plus(context.config.hold_max);
    let until = checkout.expires_at.min(cap);
    if order.hold_expires_at > now && until > order.hold_expires_at {
        order.hold_expires_at = until;
    }
    order.checkout_id = Some(checkout.id);
    order.checkout_url = Some(checkout.url.clone());
    order.updated_at = now;
    Ok(order.save(conn, &context.sealer)?)
}

/// The buyer gives the places back. The checkout, if there was one, is closed already.
pub(crate) fn order_cancel(
    conn: &mut Conn,
    context: &Context,
    id: OrderId,
    (verified, buyers): (&Verified, &[Did]),
    body: &[u8],
) -> Result<OrderRow, EventsError> {
    let found = locks::order_lock_with_tier(conn, context, id)?;
    let (mut order, mut tier) = found.ok_or(EventsError::NotFound("order"))?;
    buyer_require(&order, buyers)?;
    match order.state_set()? {
        OrderState::Held => log::signed_append(conn, context, verified, log::ORDER_CANCEL, &id, body)?,
        OrderState::Fulfilled => {
            return Err(EventsError::State {
                detail: "This order is paid and its tickets are issued.".to_owned(),
                hint: "Ask the organiser for a refund.",
            });
        }
        OrderState::Expired | OrderState::Cancelled | OrderState::Refused | OrderState::Refunded => {
            context.nonce_spend(conn, verified)?;
            return Ok(order);
        }
    }
    tier.held_move(order.quantity.saturating_neg())?;
    tier.save(conn, &context.sealer)?;
    state_text(OrderState::Cancelled).clone_into(&mut order.state);
    order.reason = Some("The buyer gave the places back.".to_owned());
    order.updated_at = context.env.now();
    Ok(order.save(conn, &context.sealer)?)
}

/// Refuses everybody but the buyer, for whom alone the order exists.
pub(crate) fn buyer_require(order: &OrderRow, buyers: &[Did]) -> Result<(), EventsError> {
    if buyers.contains(&order.buyer_did) {
        Ok(())
    } else {
        Err(EventsError::NotFound("order"))
    }
}

/// Gives the places of an order back that cannot be paid for, whatever pay is asked.
pub(crate) fn order_withdraw(
    conn: &mut Conn,
    context: &Context,
    id: OrderId,
    reason: &str,
) -> Result<OrderRow, EventsError> {
    let found = locks::order_lock_with_tier(conn, context, id)?;
    let (order, mut tier) = found.ok_or(EventsError::NotFound("order"))?;
    if order.state_set()? != OrderState::Held {
        return Ok(order);
    }
    tier.held_move(order.quantity.saturating_neg())?;
    tier.save(conn, &context.sealer)?;
    release::order_end(conn, context, order, OrderState::Cancelled, log::ORDER_CANCEL, reason)
}
