//! What should have gone back by now: what a rail does not send, and what it refuses, which takes a person.

use diesel::prelude::*;
use imajin_kernel::Span;
use imajin_kernel::id::RefundId;
use imajin_store::{Conn, Literal, outbox};

use super::PAGE;
use super::facts::amount_text;
use super::kind::Kind;
use super::note::Difference;
use super::own::message_row;
use super::phases::Subjects;
use crate::PayError;
use crate::context::Context;
use crate::domain::dispute::dispute_standing;
use crate::domain::refund::RAIL_REFUND;
use crate::domain::refund_list::{refund_find, refunds_of};
use crate::rows::{MessageResult, RefundRow, RefundState};
use crate::schema::{rail_messages, refunds};

/// How long a rail may take to send money back.
const REFUND_WAIT: Span = Span::hours(1);
/// How long a refund that was refused is shown: after that, nobody waits for it.
const REFUSED_SHOWN: Span = Span::days(30);

/// A page of what may hang; `None`: this phase is about something else.
pub(super) fn subjects(
    conn: &mut Conn,
    context: &Context,
    phase: &str,
    cursor: &str,
) -> Result<Option<Subjects>, PayError> {
    let now = context.now();
    let names: Vec<String> = match phase {
        "refunds" => rail_messages::table
            .filter(rail_messages::result.eq(Literal(MessageResult::Refunded.as_str())))
            .filter(rail_messages::refund_reference.is_null())
            .filter(rail_messages::id.gt(cursor))
            .order_by(rail_messages::id)
            .limit(PAGE)
            .select(rail_messages::id)
            .load(conn)?,
        "sale_refunds" => {
            let late = refunds::state
                .eq(RefundState::Waiting.as_str())
                .and(refunds::created_at.lt(now.minus(REFUND_WAIT)));
            let refused = refunds::state
                .eq(RefundState::Failed.as_str())
                .and(refunds::created_at.gt(now.minus(REFUSED_SHOWN)));
            refunds::table
                .filter(late.or(refused))
                .filter(refunds::id.gt(cursor))
                .order_by(refunds::id)
                .limit(PAGE)
                .select(refunds::id)
                .load(conn)?
        }
        _ => return Ok(None),
    };
    let kind = phase.trim_end_matches('s');
    Ok(Some(Subjects::page(&names, |name| format!("{kind}/{name}"))))
}

/// What is different about one of them; `None`: it is none of them.
pub(super) fn differences_of(
    conn: &mut Conn,
    context: &Context,
    (kind, name): (&str, &str),
) -> Result<Option<Vec<Difference>>, PayError> {
    let found = match kind {
        "refund" => payment(conn, context, name)?,
        "sale_refund" => sale(conn, context, name)?,
        _ => return Ok(None),
    };
    Ok(Some(found.into_iter().collect()))
}

/// A payment for which nothing was sold.
fn payment(conn: &mut Conn, context: &Context, name: &str) -> Result<Option<Difference>, PayError> {
    let late = message_row(conn, context, name)?.filter(|row| {
        let booked_at = row.processed_at.unwrap_or(row.received_at);
        row.result == MessageResult::Refunded.as_str()
            && row.refund_reference.is_none()
            && booked_at.plus(REFUND_WAIT) < context.now()
    });
    let Some(row) = late else { return Ok(None) };
    overdue(conn, context, name, &row.rail, row.amount, &row.asset).map(Some)
}

/// A refund that a seller or the operator asked for.
fn sale(conn: &mut Conn, context: &Context, name: &str) -> Result<Option<Difference>, PayError> {
    let Ok(id) = name.parse::<RefundId>() else {
        return Ok(None);
    };
    let Some(row) = refund_find(conn, context, id)? else {
        return Ok(None);
    };
    let now = context.now();
    if row.is(RefundState::Waiting) && row.created_at.plus(REFUND_WAIT) < now {
        return overdue(conn, context, name, &row.rail, row.amount, &row.asset).map(Some);
    }
    let is_shown = row.is(RefundState::Failed) && row.created_at.plus(REFUSED_SHOWN) > now;
    if !is_shown || is_seen_to(conn, context, &row)? {
        return Ok(None);
    }
    let money = amount_text(row.amount, &row.asset);
    let why = row.problem.as_deref().unwrap_or("It does not say why.");
    let detail = format!(
        "{} refuses to send {money} of receipt {} back. {why}",
        row.rail, row.receipt_id
    );
    let found = Difference::between(Kind::RefundRefused, &row.asset, Some(row.amount), Some(0), detail);
    Ok(Some(found))
}

/// Whether the buyer has got the money since: by another refund, or from their bank.
fn is_seen_to(conn: &mut Conn, context: &Context, row: &RefundRow) -> Result<bool, PayError> {
    if dispute_standing(conn, &row.rail, &row.payment)?.is_some() {
        return Ok(true);
    }
    let others = refunds_of(conn, context, row.checkout_id)?;
    Ok(others
        .iter()
        .any(|other| other.id > row.id && !other.is(RefundState::Failed)))
}

fn overdue(
    conn: &mut Conn,
    context: &Context,
    name: &str,
    rail: &str,
    units: i64,
    asset: &str,
) -> Result<Difference, PayError> {
    let money = amount_text(units, asset);
    let item = outbox::pending_find(conn, &context.sealer, RAIL_REFUND, name)?;
    let why = item.and_then(|item| item.last_error);
    let why = why.map(|why| format!(" Last time: {why}")).unwrap_or_default();
    let detail = format!("{money} went back in the ledger, and {rail} has not sent it back.{why}");
    Ok(Difference::between(
        Kind::RefundOverdue,
        asset,
        Some(units),
        None,
        detail,
    ))
}
