//! What other nodes should have done by now.

use diesel::prelude::*;
use imajin_kernel::Span;
use imajin_kernel::id::{CheckoutId, RemittanceId};
use imajin_store::{Conn, Literal, one_of};

use super::PAGE;
use super::facts::amount_text;
use super::kind::Kind;
use super::note::Difference;
use super::phases::Subjects;
use crate::PayError;
use crate::context::Context;
use crate::domain::remit_in::{Received, received_find};
use crate::domain::remit_out::sent_find;
use crate::domain::visa::capture_find;
use crate::rows::{CaptureState, UNCONFIRMED, UNDER_WAY};
use crate::schema::{remittances_in, remittances_out, visa_captures};

/// How long a broker, or another node, may take.
const PEER_WAIT: Span = Span::hours(1);

/// A page of what waits for too long; `None`: this phase is not about other nodes.
pub(super) fn subjects(
    conn: &mut Conn,
    context: &Context,
    phase: &str,
    cursor: &str,
) -> Result<Option<Subjects>, PayError> {
    let late = context.now().minus(PEER_WAIT);
    let names: Vec<String> = match phase {
        "promises" => visa_captures::table
            .filter(visa_captures::state.eq(Literal(CaptureState::Owed.as_str())))
            .filter(visa_captures::created_at.lt(late))
            .filter(visa_captures::checkout_id.gt(cursor))
            .order_by(visa_captures::checkout_id)
            .limit(PAGE)
            .select(visa_captures::checkout_id)
            .load(conn)?,
        "remittances" => remittances_out::table
            .filter(one_of(remittances_out::state, &UNDER_WAY))
            .filter(remittances_out::created_at.lt(late))
            .filter(remittances_out::id.gt(cursor))
            .order_by(remittances_out::id)
            .limit(PAGE)
            .select(remittances_out::id)
            .load(conn)?,
        "announcements" => {
            let rows: Vec<(String, RemittanceId)> = remittances_in::table
                .filter(remittances_in::state.eq(Literal(UNCONFIRMED)))
                .filter(remittances_in::received_at.lt(late))
                .filter(remittances_in::id.gt(cursor))
                .order_by(remittances_in::id)
                .limit(PAGE)
                .select((remittances_in::from_did, remittances_in::id))
                .load(conn)?;
            let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == PAGE);
            return Ok(Some(Subjects {
                next: rows.last().filter(|_| is_full).map(|(_, id)| id.to_string()),
                subjects: rows
                    .iter()
                    .map(|(from, id)| format!("announcement/{from}|{id}"))
                    .collect(),
            }));
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
    let late = context.now().minus(PEER_WAIT);
    let found = match kind {
        "promise" => {
            let Ok(id) = name.parse::<CheckoutId>() else {
                return Ok(None);
            };
            let row = capture_find(conn, context, id)?;
            let row = row.filter(|row| row.state == CaptureState::Owed.as_str() && row.created_at < late);
            row.map(|row| {
                let detail = format!(
                    "{} has promised {} and has not said that it pays.",
                    row.issuer,
                    amount_text(row.amount, &row.asset)
                );
                Difference::between(Kind::PromiseOverdue, &row.asset, Some(row.amount), None, detail)
            })
        }
        "remittance" => {
            let Ok(id) = name.parse::<RemittanceId>() else {
                return Ok(None);
            };
            let row = sent_find(conn, context, id)?;
            let is_open = UNDER_WAY.contains(&row.state.as_str());
            (is_open && row.created_at < late).then(|| {
                let money = amount_text(row.amount, &row.asset);
                let why = row.problem.as_deref().unwrap_or("It does not say why.");
                let detail = format!("{money} for people of {} has not arrived there. {why}", row.node_url);
                Difference::between(Kind::RemittanceOverdue, &row.asset, Some(row.amount), None, detail)
            })
        }
        "announcement" => {
            let Some((from, id)) = name.rsplit_once('|') else {
                return Ok(None);
            };
            let Ok(id) = id.parse() else { return Ok(None) };
            let from = from.to_owned();
            let row = received_find(conn, context, &Received { from, id })?;
            let row = row.filter(|row| row.state == UNCONFIRMED && row.received_at < late);
            row.map(|row| {
                let money = amount_text(row.amount, &row.asset);
                let detail = format!(
                    "{} has announced {money}; {} does not confirm it.",
                    row.from_did, row.issuer
                );
                Difference::between(Kind::RemittanceUnconfirmed, &row.asset, Some(row.amount), None, detail)
            })
        }
        _ => return Ok(None),
    };
    Ok(Some(found.into_iter().collect()))
}
