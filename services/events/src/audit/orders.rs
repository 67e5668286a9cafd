use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_events_api::{CheckoutRequest, OrderState};
use imajin_kernel::id::TicketId;
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Finding, StoreError};

use super::{PAGE, finding};
use crate::log::{self, OrderFulfilled};
use crate::rows::{OrderRow, state_text};
use crate::schema::{orders, tickets};

/// Orders against the log and against their tickets.
pub(super) fn check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = orders::table
            .filter(orders::id.gt(&after))
            .order_by(orders::id)
            .limit(PAGE);
        let rows: Vec<OrderRow> = query.select(OrderRow::as_select()).load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id.to_string();
        for row in &rows {
            let history = mutation::history(conn, &row.id.to_string())?;
            let query = tickets::table
                .filter(tickets::order_id.eq(row.id))
                .order_by(tickets::ordinal);
            let issued: Vec<(TicketId, i64)> = query.select((tickets::id, tickets::ordinal)).load(conn)?;
            for problem in problems(row, &history, &issued) {
                findings.push(finding("orders", &row.id, problem));
            }
        }
    }
}

fn problems(row: &OrderRow, history: &[Logged], issued: &[(TicketId, i64)]) -> Vec<&'static str> {
    let mut problems = Vec::new();
    let Some((held, last)) = history
        .first()
        .zip(history.last())
        .filter(|(first, _)| first.action == log::ORDER_HOLD)
    else {
        return vec!["the log does not say who placed it"];
    };
    if !is_as_wished(row, held) {
        problems.push("it does not say what its buyer signed");
    }
    let state = match last.action.as_str() {
        log::ORDER_HOLD => Some(OrderState::Held),
        log::ORDER_CANCEL => Some(OrderState::Cancelled),
        log::ORDER_EXPIRE => Some(OrderState::Expired),
        log::ORDER_REFUSE => Some(OrderState::Refused),
        log::ORDER_FULFIL => Some(OrderState::Fulfilled),
        log::ORDER_RETURN => Some(OrderState::Refunded),
        _ => None,
    };
    if state.map(state_text) != Some(row.state.as_str()) {
        problems.push("its state is not the one that was last logged");
    }
    if row.unit_micros.checked_mul(row.quantity) != Some(row.total_micros) {
        problems.push("its total is not its price times its places");
    }
    match state {
        Some(OrderState::Fulfilled) => problems.extend(delivery_problems(row, last, issued)),
        Some(OrderState::Refunded) => {
            let fulfilled = history.iter().rev().find(|entry| entry.action == log::ORDER_FULFIL);
            match fulfilled {
                Some(fulfilled) => problems.extend(delivery_problems(row, fulfilled, issued)),
                None => problems.push("its money went back, and no tickets were issued for it"),
            }
        }
        _ if issued.is_empty() => {}
        _ => problems.push("it has tickets although it was not fulfilled"),
    }
    problems
}

fn is_as_wished(row: &OrderRow, held: &Logged) -> bool {
    let Some(body) = held.body.as_deref() else { return true };
    let wish: Result<CheckoutRequest, _> = serde_json::from_slice(body);
    held.owner_did == row.buyer_did.as_str()
        && wish.is_ok_and(|wish| {
            wish.event_id == row.event_id && wish.tier_id == row.tier_id && i64::from(wish.quantity) == row.quantity
        })
}

fn delivery_problems(row: &OrderRow, last: &Logged, issued: &[(TicketId, i64)]) -> Option<&'static str> {
    let ordinals = issued.iter().map(|(_, ordinal)| *ordinal);
    if !ordinals.eq(1..=row.quantity) {
        return Some("it has not exactly one ticket for each of its places");
    }
    let body = last.body.as_deref()?;
    let Ok(logged) = serde_json::from_slice::<OrderFulfilled>(body) else {
        return Some("what was logged about its delivery cannot be read");
    };
    let issued: BTreeSet<TicketId> = issued.iter().map(|(id, _)| *id).collect();
    let agrees = logged.order_id == row.id
        && Some(logged.checkout_id) == row.checkout_id
        && Some(logged.receipt_id) == row.receipt_id
        && logged.tickets.iter().copied().collect::<BTreeSet<_>>() == issued;
    (!agrees).then_some("its checkout, receipt or tickets are not those that were logged")
}
