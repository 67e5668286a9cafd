use imajin_did::Did;
use imajin_events_api::OrderState;
use imajin_kernel::id::OrderId;
use imajin_pay_api::{GoodsQuote, GoodsRef};
use imajin_store::Conn;

use super::{locks, views};
use crate::EventsError;
use crate::context::Context;

/// The kind of goods that this service sells.
pub(crate) const ORDER_GOODS: &str = "order";

/// How pay names an order.
pub(crate) fn goods_of(order: OrderId) -> GoodsRef {
    GoodsRef {
        kind: ORDER_GOODS.to_owned(),
        id: order.to_string(),
    }
}

/// The order that goods name; `None` when they are not an order.
pub(crate) fn order_of(goods: &GoodsRef) -> Option<OrderId> {
    if goods.kind == ORDER_GOODS {
        goods.id.parse().ok()
    } else {
        None
    }
}

/// What an order costs and whom the money belongs to: from the order and the event, as they were written down.
///
/// A fulfilled order can still be asked about. Its expiry is in the past then, so nobody opens a checkout for it, and
/// a second payment would be refused at delivery.
pub(crate) fn goods_quote(conn: &mut Conn, context: &Context, goods: &GoodsRef) -> Result<GoodsQuote, EventsError> {
    let now = context.env.now();
    let id = order_of(goods).ok_or(EventsError::NotFound("order"))?;
    let order = locks::order_find(conn, context, id)?.ok_or(EventsError::NotFound("order"))?;
    match order.state_at(now)? {
        OrderState::Held | OrderState::Fulfilled | OrderState::Refunded => {}
        OrderState::Expired => return Err(EventsError::HoldExpired),
        OrderState::Cancelled | OrderState::Refused => {
            let detail = "This order was ended; there is nothing to pay for.".to_owned();
            return Err(EventsError::State {
                detail,
                hint: "Start again with a new checkout.",
            });
        }
    }
    let event = locks::event_find(conn, context, order.event_id)?;
    let event = event.ok_or_else(|| EventsError::damaged("orders", &id, "its event is gone"))?;
    let tier = locks::tier_find(conn, context, order.tier_id)?;
    let tier = tier.ok_or_else(|| EventsError::damaged("orders", &id, "its tier is gone"))?;
    let accepted: Vec<Did> = views::accepted(conn, context, &event)?;
    Ok(GoodsQuote {
        title: format!("{} × {} — {}", order.quantity()?, tier.name, event.title),
        price: order.total()?,
        buyer: Some(order.buyer_did.clone()),
        seller: event.owner_did.clone(),
        manifest: event.manifest()?,
        accepted,
        sources: Vec::new(),
        expires_at: order.hold_expires_at,
    })
}
