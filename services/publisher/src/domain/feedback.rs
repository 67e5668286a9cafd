//! What agents say at a gate about what they have paid for there, until their brokers have heard it.

use diesel::prelude::*;
use imajin_imagxp::Feedback;
use imajin_kernel::id::AccessId;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, Literal, SealedRow, intact_all, is_unique_violation};

use crate::PublisherError;
use crate::context::Context;
use crate::rows::feedback::{PASSED, REFUSED, WAITING};
use crate::rows::{ChargeRow, ChargeState, ClaimRow, FeedbackRow, json_text};
use crate::schema::{gate_charges, gate_claims, gate_feedback};

/// How long a broker is asked that does not know the payment yet: its visas are redeemed until a week after their end.
const WAITS_FOR: Span = Span::days(8);
/// The longest pause between two questions.
const PAUSE_MAX: Span = Span::hours(1);
/// Doubling a pause more often than that would pass the longest one by far.
const DOUBLINGS_MAX: i64 = 12;
const REASON_CHARS_MAX: usize = 1_000;
const LISTED_MAX: i64 = 200;

/// Where a feedback belongs.
#[derive(Debug, Clone)]
pub(crate) struct FeedbackPlace {
    pub(crate) site: String,
    pub(crate) agent: String,
    /// The broker of accesses of which it was not written down whose visa has paid.
    pub(crate) broker: Option<String>,
}

/// What a broker has made of a feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Passed {
    /// It was taken.
    Taken,
    /// It is refused for good.
    Refused(String),
    /// It is said again later.
    Later(String),
}

/// Keeps the last word of an agent about an access that it has paid for. Said again, it is kept as it is.
pub(crate) fn feedback_keep(
    conn: &mut Conn,
    context: &Context,
    place: &FeedbackPlace,
    feedback: &Feedback,
) -> Result<(), PublisherError> {
    let charge = charge_of(conn, context, place, feedback)?;
    let digest = feedback.digest();
    let digest = digest.map_err(|error| PublisherError::invalid("feedback", error.to_string()))?;
    let known = feedback_find(conn, context, charge.id)?;
    if known.as_ref().is_some_and(|row| row.digest == digest) {
        return Ok(());
    }
    let now = context.env.now();
    let row = FeedbackRow {
        access_id: charge.id,
        site: charge.site.clone(),
        agent: charge.agent.clone(),
        url: charge.url.clone(),
        broker: broker_of(conn, context, &charge)?
            .or_else(|| place.broker.clone())
            .ok_or_else(unknown_broker)?,
        digest,
        document: json_text(feedback)?,
        state: WAITING.to_owned(),
        reason: None,
        tries: 0,
        due_at: now,
        said_at: now,
        row_seal: Vec::new(),
    };
    if known.is_some() {
        row.save(conn, &context.sealer)?;
        return Ok(());
    }
    match conn.transaction(|conn| row.insert(conn, &context.sealer)) {
        Ok(_kept) => Ok(()),
        // Another process has heard something about the same access at this moment.
        Err(error) if is_unique_violation(&error) => Err(PublisherError::State {
            detail: "Something else is being said about this payment.".to_owned(),
            hint: "Say it again in a moment.",
        }),
        Err(error) => Err(error.into()),
    }
}

fn unknown_broker() -> PublisherError {
    PublisherError::State {
        detail: "It was not written down whose visa has paid: object at the broker.".to_owned(),
        hint: "POST to its /api/disputes.",
    }
}

/// The access that the agent has paid for by the claim that it names. Only what is paid was served.
fn charge_of(
    conn: &mut Conn,
    context: &Context,
    place: &FeedbackPlace,
    feedback: &Feedback,
) -> Result<ChargeRow, PublisherError> {
    let paid = [ChargeState::Paid.as_str(), ChargeState::Returned.as_str()];
    let query = gate_charges::table
        .filter(gate_charges::agent.eq(&place.agent))
        .filter(gate_charges::claim_digest.eq(feedback.claim_digest.to_ascii_lowercase()))
        .filter(gate_charges::site.eq(&place.site))
        .filter(gate_charges::url.eq(&feedback.url))
        .filter(gate_charges::state.eq_any(paid))
        .select(ChargeRow::as_select());
    let row: Option<ChargeRow> = query.first(conn).optional()?;
    let row = row.ok_or(PublisherError::NotFound(
        "payment of the agent here, for this url and by this claim",
    ))?;
    Ok(row.intact(&context.sealer)?)
}

/// Whose visa has paid, where that was written down.
fn broker_of(conn: &mut Conn, context: &Context, charge: &ChargeRow) -> Result<Option<String>, PublisherError> {
    let query = gate_claims::table.find(charge.id).select(ClaimRow::as_select());
    let claim: Option<ClaimRow> = query.first(conn).optional()?;
    let claim = claim.map(|claim| claim.intact(&context.sealer)).transpose()?;
    Ok(claim.and_then(|claim| claim.broker))
}

pub(crate) fn feedback_find(
    conn: &mut Conn,
    context: &Context,
    id: AccessId,
) -> Result<Option<FeedbackRow>, PublisherError> {
    let query = gate_feedback::table.find(id).select(FeedbackRow::as_select());
    let row: Option<FeedbackRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// What is to be said to brokers now, the longest due first: the next ones after one.
pub(crate) fn feedback_due(
    conn: &mut Conn,
    context: &Context,
    after: Option<(Timestamp, AccessId)>,
    limit: i64,
) -> Result<Vec<(Timestamp, AccessId)>, PublisherError> {
    let mut due = gate_feedback::table
        .filter(gate_feedback::state.eq(Literal(WAITING)))
        .filter(gate_feedback::due_at.le(context.env.now()))
        .into_boxed();
    if let Some((at, id)) = after {
        let same = gate_feedback::due_at.eq(at).and(gate_feedback::access_id.gt(id));
        due = due.filter(gate_feedback::due_at.gt(at).or(same));
    }
    Ok(due
        .order_by((gate_feedback::due_at, gate_feedback::access_id))
        .limit(limit)
        .select((gate_feedback::due_at, gate_feedback::access_id))
        .load(conn)?)
}

/// Writes down what the broker has made of it, unless the agent has said something else meanwhile. `pause` is the
/// shortest one between two questions.
pub(crate) fn feedback_passed(
    conn: &mut Conn,
    context: &Context,
    said: &FeedbackRow,
    (passed, pause): (&Passed, Span),
) -> Result<(), PublisherError> {
    let row = feedback_find(conn, context, said.access_id)?;
    let Some(mut row) = row.filter(|row| row.digest == said.digest && row.state == WAITING) else {
        return Ok(());
    };
    let now = context.env.now();
    row.tries = row.tries.saturating_add(1);
    let (state, reason) = match passed {
        Passed::Taken => (PASSED, None),
        Passed::Refused(reason) => (REFUSED, Some(reason)),
        Passed::Later(reason) if row.said_at.plus(WAITS_FOR) <= now => (REFUSED, Some(reason)),
        Passed::Later(reason) => {
            row.due_at = now.plus(pause_after(row.tries, pause));
            (WAITING, Some(reason))
        }
    };
    state.clone_into(&mut row.state);
    row.reason = reason.map(|reason| reason.chars().take(REASON_CHARS_MAX).collect());
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// Each pause is twice the one before.
fn pause_after(tries: i64, pause: Span) -> Span {
    let doublings = u32::try_from(tries.clamp(0, DOUBLINGS_MAX)).unwrap_or(0);
    let millis = pause.as_millis().saturating_mul(2_i64.saturating_pow(doublings));
    Span::millis(millis).min(PAUSE_MAX)
}

/// What agents have said at a site, newest first.
pub(crate) fn feedback_of(conn: &mut Conn, context: &Context, site: &str) -> Result<Vec<FeedbackRow>, PublisherError> {
    let rows: Vec<FeedbackRow> = gate_feedback::table
        .filter(gate_feedback::site.eq(site))
        .order_by(gate_feedback::said_at.desc())
        .limit(LISTED_MAX)
        .select(FeedbackRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// Forgets what was said before a moment.
pub(crate) fn feedback_purge(conn: &mut Conn, site: &str, before: Timestamp) -> Result<usize, PublisherError> {
    let old = gate_feedback::table
        .filter(gate_feedback::site.eq(site))
        .filter(gate_feedback::said_at.lt(before));
    Ok(diesel::delete(old).execute(conn)?)
}
