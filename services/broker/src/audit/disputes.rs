//! Disputes: every step as somebody has signed it, and the money as it ended.

use diesel::prelude::*;
use imajin_broker_api::{DisputeState, RuledBy};
use imajin_imagxp::{Feedback, key_from_spki};
use imajin_kernel::id::DisputeId;
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Finding, SealedRow, StoreError};

use super::{PAGE, buyer_said, find, logged_check};
use crate::domain::dispute;
use crate::log::{self, FeedbackSigned};
use crate::rows::{DisputeRow, Standing, dispute_state, ruled_by};
use crate::schema::{disputes, redemptions};

pub(super) fn disputes_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after: Option<DisputeId> = None;
    loop {
        let rows: Vec<DisputeRow> = disputes::table
            .filter(disputes::id.gt(after.map(|id| id.to_string()).unwrap_or_default()))
            .order_by(disputes::id)
            .limit(PAGE)
            .select(DisputeRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        for row in rows {
            let history = mutation::history(conn, &dispute::object(row.id))?;
            if !history.first().is_some_and(|said| feedback_agrees(&row, said)) {
                find(
                    findings,
                    DisputeRow::TABLE,
                    &row.id,
                    "the agent has signed something else",
                );
            }
            if !steps_agree(&row, &history) {
                find(
                    findings,
                    DisputeRow::TABLE,
                    &row.id,
                    "its steps are not those of the log",
                );
            }
            if !money_agrees(conn, &row)? {
                find(findings, DisputeRow::TABLE, &row.id, "its money went another way");
            }
        }
    }
    undisputed_check(conn, findings)?;
    logged_check(conn, log::DISPUTE_PREFIX, findings, |conn, name| {
        disputes::table.filter(disputes::id.eq(name)).count().get_result(conn)
    })
}

fn feedback_agrees(row: &DisputeRow, said: &Logged) -> bool {
    feedback_of(row, said).is_some_and(|feedback| {
        said.action == log::DISPUTE_SAY
            && feedback.digest().is_ok_and(|digest| digest == row.said_digest)
            && feedback.url == row.url
            && feedback.reason == row.reason
            && feedback.quality_score.to_string() == row.score
    })
}

/// What the agent has said, if it has signed it: by its request, or in itself.
fn feedback_of(row: &DisputeRow, said: &Logged) -> Option<Feedback> {
    if said.owner_did != row.agent_did.as_str() {
        return None;
    }
    let signed: Option<FeedbackSigned> = said.body.as_deref().and_then(|body| serde_json::from_slice(body).ok());
    match signed {
        Some(signed) => {
            let key = key_from_spki(&signed.key).ok()?;
            signed.feedback.verify(&[key]).ok()?;
            Some(signed.feedback)
        }
        None => Feedback::parse(&buyer_said(said, &row.agent_did)?).ok(),
    }
}

/// Whoever has taken a step has signed it, and nothing ended by nobody.
fn steps_agree(row: &DisputeRow, history: &[Logged]) -> bool {
    let took = |action: &str| history.iter().find(|logged| logged.action == action);
    let answered = took(log::DISPUTE_ANSWER).is_some_and(|logged| logged.owner_did == row.node_did.as_str());
    let ends = |by: RuledBy| row.ruled_by.as_deref() == Some(ruled_by(by));
    let ended =
        row.state == dispute_state(DisputeState::Released) || row.state == dispute_state(DisputeState::Reversed);
    answered == row.answered_at.is_some()
        && answered == row.answer.is_some()
        && ended == row.ended_at.is_some()
        && ended == row.ruled_by.is_some()
        && took(log::DISPUTE_DECIDE).is_some() == ends(RuledBy::Arbiter)
        && took(log::DISPUTE_RULE).is_some() == (ends(RuledBy::Rules) || ends(RuledBy::Deadline))
        && (!ends(RuledBy::Publisher) || answered)
}

fn money_agrees(conn: &mut Conn, row: &DisputeRow) -> Result<bool, StoreError> {
    let found: Option<(String, i64, String)> = redemptions::table
        .find((row.jti, row.receipt.as_str()))
        .select((redemptions::state, redemptions::amount, redemptions::asset))
        .first(conn)
        .optional()?;
    let may_be: &[Standing] = if row.state == dispute_state(DisputeState::Released) {
        &[Standing::Accepted, Standing::Credited]
    } else if row.state == dispute_state(DisputeState::Reversed) {
        &[Standing::Reversing, Standing::Reversed]
    } else {
        &[Standing::Disputed]
    };
    Ok(found.is_some_and(|(state, amount, asset)| {
        let stands = may_be.iter().any(|standing| standing.as_str() == state);
        stands && amount == row.amount && asset == row.asset
    }))
}

/// Nothing waits or went back without a dispute.
fn undisputed_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let disputed = [Standing::Disputed, Standing::Reversing, Standing::Reversed].map(Standing::as_str);
    let about = disputes::table
        .filter(disputes::jti.eq(redemptions::jti))
        .filter(disputes::receipt.eq(redemptions::receipt));
    let alone: Vec<String> = redemptions::table
        .filter(redemptions::state.eq_any(disputed))
        .filter(diesel::dsl::not(diesel::dsl::exists(about)))
        .select(redemptions::id)
        .load::<imajin_kernel::id::RedemptionId>(conn)?
        .into_iter()
        .map(|id| id.to_string())
        .collect();
    for id in alone {
        find(findings, "redemptions", &id, "nobody has disputed it");
    }
    Ok(())
}
