//! The money of an order went back: its tickets let nobody in any more.

use diesel::prelude::*;
use imajin_events_api::OrderState;
use imajin_pay_api::GoodsReturn;
use imajin_store::{Conn, SealedRow, for_update};

use super::{locks, quote};
use crate::context::Context;
use crate::rows::{REVOKED, TicketRow, state_text};
use crate::schema::tickets;
use crate::{EventsError, log};

/// Revokes the tickets of an order whose money went back in full, and frees its places; once, however often it is told.
/// A part of the money leaves the tickets valid.
pub(crate) fn goods_return(conn: &mut Conn, context: &Context, told: &GoodsReturn) -> Result<(), EventsError> {
    let id = quote::order_of(&told.goods).ok_or(EventsError::NotFound("order"))?;
    let found = locks::order_lock_with_tier(conn, context, id)?;
    let (mut order, mut tier) = found.ok_or(EventsError::NotFound("order"))?;
    let is_its_payment = order.checkout_id == Some(told.checkout) && order.receipt_id == Some(told.receipt);
    if !told.whole || !is_its_payment || order.state_set()? != OrderState::Fulfilled {
        return Ok(());
    }
    let rows: Vec<TicketRow> = for_update!(
        &mut *conn,
        tickets::table
            .filter(tickets::order_id.eq(id))
            .order_by(tickets::ordinal)
            .select(TicketRow::as_select()) => load
    )?;
    let mut revoked = Vec::with_capacity(rows.len());
    for row in rows {
        let mut row = row.intact(&context.sealer)?;
        REVOKED.clone_into(&mut row.status);
        revoked.push(row.id);
        row.save(conn, &context.sealer)?;
    }
    let entry = log::OrderReturned {
        order_id: id,
        refund_id: told.refund,
        tickets: revoked,
    };
    log::node_append(conn, context, &order.buyer_did, log::ORDER_RETURN, id, &entry)?;
    tier.sold_add(order.quantity.saturating_neg(), order.total_micros.saturating_neg())?;
    tier.save(conn, &context.sealer)?;
    state_text(OrderState::Refunded).clone_into(&mut order.state);
    order.reason = Some("The money went back to the buyer.".to_owned());
    order.updated_at = context.env.now();
    order.save(conn, &context.sealer)?;
    Ok(())
}
