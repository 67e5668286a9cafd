use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_events_api::OrderState;
use imajin_kernel::id::TierId;
use imajin_store::{Conn, Finding, StoreError};

use super::{PAGE, finding};
use crate::rows::{HELD, TierRow, state_text};
use crate::schema::{orders, tiers};

#[derive(Default, PartialEq, Eq)]
struct Counted {
    held: i64,
    sold: i64,
    gross_micros: i64,
}

/// The counters of each tier against its orders.
pub(super) fn check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = tiers::table
            .filter(tiers::id.gt(&after))
            .order_by(tiers::id)
            .limit(PAGE);
        let rows: Vec<TierRow> = query.select(TierRow::as_select()).load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id.to_string();
        let mut counted = count(conn, &rows.iter().map(|row| row.id).collect::<Vec<_>>())?;
        for row in &rows {
            let counters = Counted {
                held: row.held,
                sold: row.sold,
                gross_micros: row.gross_micros,
            };
            if counted.remove(&row.id).unwrap_or_default() != counters {
                findings.push(finding("tiers", &row.id, "its counters are not the sums of its orders"));
            }
            if row
                .quantity
                .is_some_and(|quantity| row.sold.saturating_add(row.held) > quantity)
            {
                findings.push(finding(
                    "tiers",
                    &row.id,
                    "more places are sold and held than there are",
                ));
            }
        }
    }
}

fn count(conn: &mut Conn, ids: &[TierId]) -> Result<BTreeMap<TierId, Counted>, StoreError> {
    let mut counted: BTreeMap<TierId, Counted> = BTreeMap::new();
    let mut after = String::new();
    loop {
        let query = orders::table
            .filter(orders::tier_id.eq_any(ids))
            .filter(orders::state.eq_any([HELD, state_text(OrderState::Fulfilled)]))
            .filter(orders::id.gt(&after))
            .order_by(orders::id)
            .limit(PAGE)
            .select((
                orders::id,
                orders::tier_id,
                orders::state,
                orders::quantity,
                orders::total_micros,
            ));
        let rows: Vec<(String, TierId, String, i64, i64)> = query.load(conn)?;
        let Some((last, ..)) = rows.last() else {
            return Ok(counted);
        };
        after.clone_from(last);
        for (_id, tier, state, quantity, total_micros) in rows {
            let sums = counted.entry(tier).or_default();
            if state == HELD {
                sums.held = sums.held.saturating_add(quantity);
            } else {
                sums.sold = sums.sold.saturating_add(quantity);
                sums.gross_micros = sums.gross_micros.saturating_add(total_micros);
            }
        }
    }
}
