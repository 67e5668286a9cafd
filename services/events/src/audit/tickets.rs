use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_events_api::{OrderState, TicketCode};
use imajin_kernel::id::{EventId, OrderId};
use imajin_store::{Conn, Finding, StoreError};

use super::{PAGE, finding};
use crate::domain::issue::TICKET;
use crate::rows::{OrderRow, REVOKED, TicketRow, VALID, state_text};
use crate::schema::{events, orders, tickets};

/// Tickets against their signatures and their orders.
pub(super) fn check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = tickets::table
            .filter(tickets::id.gt(&after))
            .order_by(tickets::id)
            .limit(PAGE);
        let rows: Vec<TicketRow> = query.select(TicketRow::as_select()).load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id.to_string();
        let event_ids: Vec<EventId> = rows.iter().map(|row| row.event_id).collect();
        let query = events::table
            .filter(events::id.eq_any(event_ids))
            .select((events::id, events::did));
        let dids: BTreeMap<EventId, Did> = query.load::<(EventId, Did)>(conn)?.into_iter().collect();
        let order_ids: Vec<OrderId> = rows.iter().map(|row| row.order_id).collect();
        let query = orders::table
            .filter(orders::id.eq_any(order_ids))
            .select(OrderRow::as_select());
        let orders: Vec<OrderRow> = query.load(conn)?;
        let orders: BTreeMap<OrderId, OrderRow> = orders.into_iter().map(|order| (order.id, order)).collect();
        for row in &rows {
            let problem = match (dids.get(&row.event_id), orders.get(&row.order_id)) {
                (Some(did), Some(order)) => problem_of(row, did, order),
                _ => Some("its event or its order is gone"),
            };
            findings.extend(problem.map(|problem| finding("tickets", &row.id, problem)));
        }
    }
}

fn problem_of(row: &TicketRow, event: &Did, order: &OrderRow) -> Option<&'static str> {
    let Ok(document) = row.document() else {
        return Some("its document cannot be read");
    };
    let Some(key) = event.public_key() else {
        return Some("its event's DID has no key");
    };
    if document.from != *event || document.verify(TICKET, &key).is_err() {
        return Some("its document was not signed by its event");
    }
    let payload = &document.payload;
    let says_the_row = payload.ticket_id == row.id
        && payload.event_id == row.event_id
        && payload.tier_id == row.tier_id
        && payload.receipt == row.receipt_id
        && payload.to == row.holder_did
        && document.to.as_ref() == Some(&row.holder_did);
    if !says_the_row {
        return Some("its document does not say what its row says");
    }
    let (fulfilled, refunded) = (state_text(OrderState::Fulfilled), state_text(OrderState::Refunded));
    let fits_the_order = [fulfilled, refunded].contains(&order.state.as_str())
        && order.event_id == row.event_id
        && order.tier_id == row.tier_id
        && order.receipt_id == Some(row.receipt_id)
        && order.buyer_did == row.holder_did
        && order.unit().is_ok_and(|unit| unit == payload.price);
    if !fits_the_order {
        return Some("it does not fit the order that it came from");
    }
    match TicketCode::verify(&row.qr, event) {
        Ok(code) if code == TicketCode::of(payload) => {}
        Ok(_) => return Some("its QR code belongs to another ticket"),
        Err(_) => return Some("its QR code was not signed by its event"),
    }
    let due = if order.state == refunded { REVOKED } else { VALID };
    (row.status != due).then_some("its status is not the one that its order gives")
}
