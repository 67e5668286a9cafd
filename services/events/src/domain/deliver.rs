use diesel::prelude::*;
use imajin_did::SecretKey;
use imajin_events_api::OrderState;
use imajin_kernel::id::{OrderId, TicketId};
use imajin_pay_api::{Delivery, DeliveryOutcome};
use imajin_store::{Conn, SealedRow};

use super::issue::{Issue, tickets_issue};
use super::{locks, quote, release};
use crate::context::Context;
use crate::rows::{EventRow, OrderRow, TicketRow, TierRow, state_text};
use crate::schema::tickets;
use crate::{EventsError, log};

/// Hands over the tickets of a paid order, or says why the money goes back.
///
/// Every answer is final. It is either written down with the order or follows from what never changes, so the same
/// delivery gets the same answer however often it comes. `key` is the key of the order's event.
pub(crate) fn goods_deliver(
    conn: &mut Conn,
    context: &Context,
    key: &SecretKey,
    delivery: &Delivery,
) -> Result<DeliveryOutcome, EventsError> {
    let Some(id) = quote::order_of(&delivery.goods) else {
        return Ok(refused("There is no such order."));
    };
    let Some((order, tier)) = locks::order_lock_with_tier(conn, context, id)? else {
        return Ok(refused("There is no such order."));
    };
    let event = locks::event_find(conn, context, order.event_id)?;
    let event = event.ok_or_else(|| EventsError::damaged("orders", &id, "its event is gone"))?;
    if order.buyer_did != delivery.payer.canonical() {
        return Ok(refused("Somebody else than the buyer paid."));
    }
    if order.total()? != delivery.gross {
        return Ok(refused("The amount paid is not the price of the order."));
    }
    match order.state_set()? {
        // What went back afterwards changes nothing of what was delivered.
        OrderState::Fulfilled | OrderState::Refunded if order.checkout_id == Some(delivery.checkout) => {
            let references = ticket_ids(conn, id)?.iter().map(ToString::to_string).collect();
            Ok(DeliveryOutcome::Delivered { references })
        }
        OrderState::Fulfilled | OrderState::Refunded => Ok(refused("This order was paid already.")),
        OrderState::Refused => Ok(refused(order.reason.as_deref().unwrap_or("The order was refused."))),
        OrderState::Cancelled => Ok(refused("The order was cancelled before it was paid.")),
        // Places of a hold that ran out, but that nobody has released, are still counted as this order's.
        OrderState::Held => fulfil(conn, context, key, Parts { event, tier, order }, delivery),
        OrderState::Expired => places_retake(conn, context, key, Parts { event, tier, order }, delivery),
    }
}

struct Parts {
    event: EventRow,
    tier: TierRow,
    order: OrderRow,
}

fn refused(reason: &str) -> DeliveryOutcome {
    DeliveryOutcome::Refused {
        reason: reason.to_owned(),
    }
}

/// The money came after the places were given back: takes others, if there are any.
fn places_retake(
    conn: &mut Conn,
    context: &Context,
    key: &SecretKey,
    parts: Parts,
    delivery: &Delivery,
) -> Result<DeliveryOutcome, EventsError> {
    let Parts { event, tier, order } = parts;
    let now = context.env.now();
    if event.ends_at <= now {
        let reason = "The payment came when the event was over.";
        return refuse(conn, context, order, delivery, reason);
    }
    match release::places_make(conn, context, tier, order.quantity()?, now) {
        Ok(mut tier) => {
            tier.held_move(order.quantity)?;
            fulfil(conn, context, key, Parts { event, tier, order }, delivery)
        }
        Err(EventsError::SoldOut { .. }) => {
            let reason = "The payment came after the reservation had expired, and the places were sold to others.";
            refuse(conn, context, order, delivery, reason)
        }
        Err(error) => Err(error),
    }
}

fn refuse(
    conn: &mut Conn,
    context: &Context,
    mut order: OrderRow,
    delivery: &Delivery,
    reason: &str,
) -> Result<DeliveryOutcome, EventsError> {
    order.checkout_id = Some(delivery.checkout);
    release::order_end(conn, context, order, OrderState::Refused, log::ORDER_REFUSE, reason)?;
    Ok(refused(reason))
}

fn fulfil(
    conn: &mut Conn,
    context: &Context,
    key: &SecretKey,
    parts: Parts,
    delivery: &Delivery,
) -> Result<DeliveryOutcome, EventsError> {
    let Parts {
        event,
        mut tier,
        mut order,
    } = parts;
    let issue = Issue {
        event: &event,
        tier: &tier,
        order: &order,
        receipt: delivery.receipt,
        paid_at: delivery.paid_at,
    };
    let tickets = tickets_issue(context, key, &issue)?;
    let tickets = TicketRow::insert_all(tickets, conn, &context.sealer)?;
    let ids: Vec<TicketId> = tickets.iter().map(|ticket| ticket.id).collect();
    let references = ids.iter().map(ToString::to_string).collect();
    let entry = log::OrderFulfilled {
        order_id: order.id,
        checkout_id: delivery.checkout,
        receipt_id: delivery.receipt,
        tickets: ids,
    };
    log::node_append(conn, context, &order.buyer_did, log::ORDER_FULFIL, order.id, &entry)?;
    tier.held_move(order.quantity.saturating_neg())?;
    tier.sold_add(order.quantity, order.total_micros)?;
    tier.save(conn, &context.sealer)?;
    state_text(OrderState::Fulfilled).clone_into(&mut order.state);
    order.checkout_id = Some(delivery.checkout);
    order.receipt_id = Some(delivery.receipt);
    order.reason = None;
    order.updated_at = context.env.now();
    order.save(conn, &context.sealer)?;
    Ok(DeliveryOutcome::Delivered { references })
}

/// The tickets of an order, in the order of its places.
pub(crate) fn ticket_ids(conn: &mut Conn, order: OrderId) -> Result<Vec<TicketId>, EventsError> {
    let query = tickets::table
        .filter(tickets::order_id.eq(order))
        .order_by(tickets::ordinal);
    Ok(query.select(tickets::id).load(conn)?)
}

/// The event that an order is for.
pub(crate) fn event_of(conn: &mut Conn, context: &Context, id: OrderId) -> Result<Option<EventRow>, EventsError> {
    match locks::order_find(conn, context, id)? {
        Some(order) => locks::event_find(conn, context, order.event_id),
        None => Ok(None),
    }
}
