use diesel::prelude::*;
use imajin_events_api::OrderState;
use imajin_kernel::id::{OrderId, ReceiptId};
use imajin_store::Conn;

use crate::rows::state_text;
use crate::schema::orders;

/// An order whose tickets are issued, also when they were revoked since: what pay's books must agree with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FulfilledOrder {
    /// The order.
    pub id: OrderId,
    /// The receipt that pay named when it asked for the tickets.
    pub receipt: Option<ReceiptId>,
}

/// Fulfilled and refunded orders in the order of their identifiers, after `after`.
///
/// # Errors
/// Diesel's.
pub fn fulfilled_order_list(conn: &mut Conn, after: &str, limit: i64) -> QueryResult<Vec<FulfilledOrder>> {
    let rows: Vec<(OrderId, Option<ReceiptId>)> = orders::table
        .filter(orders::state.eq_any([state_text(OrderState::Fulfilled), state_text(OrderState::Refunded)]))
        .filter(orders::id.gt(after))
        .order_by(orders::id)
        .limit(limit)
        .select((orders::id, orders::receipt_id))
        .load(conn)?;
    Ok(rows
        .into_iter()
        .map(|(id, receipt)| FulfilledOrder { id, receipt })
        .collect())
}
