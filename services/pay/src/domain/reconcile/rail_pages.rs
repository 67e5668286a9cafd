//! What is booked here about a rail, a page at a time.

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_store::{Conn, Literal};

use super::PAGE;
use super::phases::Subjects;
use crate::PayError;
use crate::rows::{RoundRow, SENT};
use crate::schema::{disputes, payout_parts, payouts, rail_messages, rail_payments, refunds};

/// A page of what is booked here, as far as the rail was asked about its time.
pub(super) fn own_subjects(
    conn: &mut Conn,
    round: &RoundRow,
    rail: &str,
    phase: &str,
    cursor: &str,
) -> Result<Subjects, PayError> {
    match phase {
        "payments" => return payments_page(conn, round, rail, cursor),
        "refunds" => return refunds_page(conn, round, rail, cursor),
        _ => {}
    }
    let names: Vec<String> = match phase {
        "disputes" => disputes::table
            .filter(disputes::rail.eq(rail))
            .filter(disputes::reference.gt(cursor))
            .filter(disputes::opened_at.ge(round.since))
            .order_by(disputes::reference)
            .limit(PAGE)
            .select(disputes::reference)
            .load(conn)?,
        _ => payout_parts::table
            .filter(payout_parts::state.eq(Literal(SENT)))
            .filter(payout_parts::reference.is_not_null())
            .filter(payout_parts::reference.assume_not_null().gt(cursor))
            .filter(payout_parts::updated_at.ge(round.since))
            .filter(payout_parts::payout_id.eq_any(payouts::table.filter(payouts::rail.eq(rail)).select(payouts::id)))
            .order_by(payout_parts::reference)
            .limit(PAGE)
            .select(payout_parts::reference.assume_not_null())
            .load(conn)?,
    };
    let kind = phase.trim_end_matches('s');
    Ok(Subjects::page(&names, |name| format!("{kind}/{name}")))
}

/// In front of the places in the second of the two lists.
const OF_SALES: &str = "sales|";

/// What went back as it came, then what went back after it was split.
fn refunds_page(conn: &mut Conn, round: &RoundRow, rail: &str, cursor: &str) -> Result<Subjects, PayError> {
    let subject = |name: &str| format!("refund/{name}");
    if let Some(last) = cursor.strip_prefix(OF_SALES) {
        let names: Vec<String> = refunds::table
            .filter(refunds::reference.is_not_null())
            .filter(refunds::reference.assume_not_null().gt(last))
            .filter(refunds::rail.eq(rail))
            .filter(refunds::created_at.ge(round.since))
            .order_by(refunds::reference)
            .limit(PAGE)
            .select(refunds::reference.assume_not_null())
            .load(conn)?;
        let page = Subjects::page(&names, subject);
        let next = page.next.map(|last| format!("{OF_SALES}{last}"));
        return Ok(Subjects { next, ..page });
    }
    let names: Vec<String> = rail_messages::table
        .filter(rail_messages::refund_reference.is_not_null())
        .filter(rail_messages::refund_reference.assume_not_null().gt(cursor))
        .filter(rail_messages::rail.eq(rail))
        .filter(rail_messages::received_at.ge(round.since))
        .order_by(rail_messages::refund_reference)
        .limit(PAGE)
        .select(rail_messages::refund_reference.assume_not_null())
        .load(conn)?;
    let page = Subjects::page(&names, subject);
    let next = page.next.or_else(|| Some(OF_SALES.to_owned()));
    Ok(Subjects { next, ..page })
}

/// Payments are many: in the order of their time, so that old ones are not even looked at.
fn payments_page(conn: &mut Conn, round: &RoundRow, rail: &str, cursor: &str) -> Result<Subjects, PayError> {
    let place = cursor
        .split_once('|')
        .and_then(|(at, last)| Some((at.parse().ok()?, last)));
    let (at, last) = place.map_or((round.since, ""), |(at, last)| (Timestamp::from_micros(at), last));
    let rows: Vec<(Timestamp, String)> = rail_payments::table
        .filter(rail_payments::rail.eq(rail))
        .filter(rail_payments::paid_at.ge(at))
        .filter(rail_payments::paid_at.gt(at).or(rail_payments::reference.gt(last)))
        .order_by((rail_payments::paid_at, rail_payments::reference))
        .limit(PAGE)
        .select((rail_payments::paid_at, rail_payments::reference))
        .load(conn)?;
    let next = rows.last().map(|(at, last)| format!("{}|{last}", at.as_micros()));
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == PAGE);
    Ok(Subjects {
        subjects: rows.into_iter().map(|(_, name)| format!("payment/{name}")).collect(),
        next: next.filter(|_| is_full),
    })
}
