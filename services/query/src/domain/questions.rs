//! The life of a question: each function is one durable step.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::{CheckoutId, QuestionId, ReceiptId};
use imajin_kernel::{Problem, Span, Timestamp};
use imajin_mjn::Evidence;
use imajin_money::Money;
use imajin_query_api::{AnswerBody, OwnQuestions, QuestionView};
use imajin_store::{Conn, SealedRow, for_update};
use serde::{Deserialize, Serialize};

use super::leaders::terms_of;
use super::quotes::{QuoteWanted, quote_use};
use crate::QueryError;
use crate::context::{Context, json_text};
use crate::rows::{QuestionRow, QuestionState};
use crate::schema::questions;

/// The actions in the mutation log.
pub(crate) const QUESTION_PLACE: &str = "question.place";
pub(crate) const QUESTION_FORGET: &str = "question.forget";

/// Questions that are named at once.
const SWEEP_ROWS: i64 = 100;

/// Questions of a list.
const LIST_ROWS: i64 = 100;

/// The name of a question in the log.
pub(crate) fn question_object(id: &QuestionId) -> String {
    format!("question/{id}")
}

/// What the node writes down of a question; the audit compares it with the row.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QuestionPlaced {
    pub(crate) question: QuestionId,
    pub(crate) asker: Did,
    pub(crate) leader: Did,
    pub(crate) query_sha256: String,
    pub(crate) ceiling: Money,
    pub(crate) evidence: Evidence,
}

impl QuestionPlaced {
    pub(crate) fn of(row: &QuestionRow) -> Result<Self, QueryError> {
        let evidence = serde_json::from_str(&row.evidence)
            .map_err(|_error| QueryError::damaged(QuestionRow::TABLE, &row.id, "its evidence cannot be read"))?;
        Ok(Self {
            question: row.id,
            asker: row.owner_did.clone(),
            leader: row.leader_did.clone(),
            query_sha256: row.query_sha256.clone(),
            ceiling: row.ceiling()?,
            evidence,
        })
    }
}

/// A question that trust and consent permit.
#[derive(Debug, Clone)]
pub(crate) struct NewQuestion {
    pub(crate) asker: Did,
    pub(crate) leader: Did,
    pub(crate) key: String,
    pub(crate) body_sha256: String,
    pub(crate) query_sha256: String,
    pub(crate) quote: Option<QuoteWanted>,
    pub(crate) tokens_max: u32,
    pub(crate) ceiling: Money,
    pub(crate) evidence: Evidence,
    pub(crate) answer_within: Span,
    /// How many questions of one asker, and of all, the leader answers in a day.
    pub(crate) asker_daily_max: u32,
    pub(crate) daily_max: u32,
}

/// Writes a question down, if it is not one too many.
pub(crate) fn question_place(conn: &mut Conn, context: &Context, new: &NewQuestion) -> Result<QuestionRow, QueryError> {
    let (id, now): (QuestionId, Timestamp) = (context.env.new_id(), context.now());
    if question_by_key(conn, context, &new.asker, &new.key)?.is_some() {
        return Err(QueryError::InFlight);
    }
    caps_check(conn, new, now)?;
    if let Some(quote) = &new.quote {
        quote_use(conn, context, quote, id)?;
    }
    let row = QuestionRow {
        id,
        owner_did: new.asker.clone(),
        leader_did: new.leader.clone(),
        idempotency_key: new.key.clone(),
        body_sha256: new.body_sha256.clone(),
        query_sha256: new.query_sha256.clone(),
        quote_id: new.quote.as_ref().map(|quote| quote.id),
        tokens_max: i64::from(new.tokens_max),
        asset: new.ceiling.asset.to_string(),
        ceiling: new.ceiling.amount.micros(),
        evidence: json_text(&new.evidence)?,
        state: QuestionState::Placed.as_str().to_owned(),
        checkout_id: None,
        receipt_id: None,
        answer: None,
        fee: None,
        failure: None,
        created_at: now,
        deadline_at: now.plus(new.answer_within),
        updated_at: now,
        row_seal: Vec::new(),
    };
    let body = json_text(&QuestionPlaced::of(&row)?)?;
    context.node_log(conn, &new.asker, QUESTION_PLACE, question_object(&id), body)?;
    Ok(row.insert(conn, &context.sealer)?)
}

/// Not what was refused before an engine was asked: an answer that failed has cost as much as one that did not. One
/// that costs something has a hold by then, and before one that is free there is nothing to refuse.
#[diesel::dsl::auto_type(no_type_alias)]
fn has_cost_work() -> _ {
    let failed: &'static str = QuestionState::Failed.as_str();
    questions::state
        .ne(failed)
        .or(questions::checkout_id.is_not_null())
        .or(questions::ceiling.eq(0_i64))
}

fn caps_check(conn: &mut Conn, new: &NewQuestion, now: Timestamp) -> Result<(), QueryError> {
    let since = now.minus(Span::days(1));
    let of_leader = || {
        questions::table
            .filter(questions::leader_did.eq(&new.leader))
            .filter(questions::created_at.gt(since))
            .filter(has_cost_work())
    };
    let asked: i64 = of_leader()
        .filter(questions::owner_did.eq(&new.asker))
        .count()
        .get_result(conn)?;
    if asked >= i64::from(new.asker_daily_max) {
        let most = new.asker_daily_max;
        return Err(QueryError::Limit(format!(
            "You have asked {asked} questions here within a day, and {most} are the most: come back tomorrow."
        )));
    }
    let all: i64 = of_leader().count().get_result(conn)?;
    if all >= i64::from(new.daily_max) {
        let detail = "As many questions as this leader answers in a day were asked: come back tomorrow.";
        return Err(QueryError::Limit(detail.to_owned()));
    }
    Ok(())
}

/// The question of an asker under an idempotency key.
pub(crate) fn question_by_key(
    conn: &mut Conn,
    context: &Context,
    asker: &Did,
    key: &str,
) -> Result<Option<QuestionRow>, QueryError> {
    let row: Option<QuestionRow> = questions::table
        .filter(questions::owner_did.eq(asker))
        .filter(questions::idempotency_key.eq(key))
        .select(QuestionRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

pub(crate) fn question_find(
    conn: &mut Conn,
    context: &Context,
    id: QuestionId,
) -> Result<Option<QuestionRow>, QueryError> {
    let row: Option<QuestionRow> = questions::table
        .find(id)
        .select(QuestionRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

fn question_lock(conn: &mut Conn, context: &Context, id: QuestionId) -> Result<QuestionRow, QueryError> {
    let row: Option<QuestionRow> =
        for_update!(conn, questions::table.find(id).select(QuestionRow::as_select()) => first).optional()?;
    Ok(row.ok_or(QueryError::NotFound("question"))?.intact(&context.sealer)?)
}

/// A question that must be in this state, locked.
fn question_in(
    conn: &mut Conn,
    context: &Context,
    id: QuestionId,
    state: QuestionState,
) -> Result<QuestionRow, QueryError> {
    let row = question_lock(conn, context, id)?;
    if row.state()? == state {
        return Ok(row);
    }
    Err(QueryError::Conflict("This question was given up: ask it again."))
}

/// The money is held, or none is due.
pub(crate) fn question_held(
    conn: &mut Conn,
    context: &Context,
    id: QuestionId,
    held: Option<(CheckoutId, ReceiptId)>,
) -> Result<QuestionRow, QueryError> {
    let mut row = question_in(conn, context, id, QuestionState::Placed)?;
    row.checkout_id = held.map(|(checkout, _)| checkout);
    row.receipt_id = held.map(|(_, receipt)| receipt);
    row.state_set(QuestionState::Held, context.now());
    Ok(row.save(conn, &context.sealer)?)
}

/// The answer is there. One that is free is settled with it.
pub(crate) fn question_answered(
    conn: &mut Conn,
    context: &Context,
    answer: &AnswerBody,
) -> Result<QuestionRow, QueryError> {
    let mut row = question_in(conn, context, answer.question, QuestionState::Held)?;
    row.answer = Some(json_text(answer)?);
    row.fee = Some(answer.fee.map_or(0, |fee| fee.amount.micros()));
    let state = if row.is_free() {
        QuestionState::Settled
    } else {
        QuestionState::Answered
    };
    row.state_set(state, context.now());
    Ok(row.save(conn, &context.sealer)?)
}

/// What the answer has cost was taken.
pub(crate) fn question_settled(conn: &mut Conn, context: &Context, id: QuestionId) -> Result<QuestionRow, QueryError> {
    let mut row = question_lock(conn, context, id)?;
    if row.state()? == QuestionState::Answered {
        row.state_set(QuestionState::Settled, context.now());
        row = row.save(conn, &context.sealer)?;
    }
    Ok(row)
}

/// There will be no answer; `false` when there is one already.
pub(crate) fn question_fail(
    conn: &mut Conn,
    context: &Context,
    id: QuestionId,
    problem: &Problem,
) -> Result<bool, QueryError> {
    let mut row = question_lock(conn, context, id)?;
    if !matches!(row.state()?, QuestionState::Placed | QuestionState::Held) {
        return Ok(false);
    }
    row.failure = Some(json_text(problem)?);
    row.state_set(QuestionState::Failed, context.now());
    row.save(conn, &context.sealer)?;
    Ok(true)
}

/// What the sweeper goes on with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Left {
    /// Questions whose time is over without an answer.
    Overdue,
    /// Questions whose answers are there and not paid for.
    Unsettled,
}

/// Questions that were left, in the order of their ids after one.
pub(crate) fn questions_left(
    conn: &mut Conn,
    context: &Context,
    left: Left,
    after: QuestionId,
) -> Result<Vec<QuestionId>, QueryError> {
    let mut query = questions::table.filter(questions::id.gt(after)).into_boxed();
    query = match left {
        Left::Overdue => {
            let open = [QuestionState::Placed, QuestionState::Held].map(QuestionState::as_str);
            let is_over = questions::deadline_at.le(context.now());
            query.filter(questions::state.eq_any(open)).filter(is_over)
        }
        Left::Unsettled => query.filter(questions::state.eq(QuestionState::Answered.as_str())),
    };
    let query = query.order_by(questions::id).limit(SWEEP_ROWS);
    Ok(query.select(questions::id).load(conn)?)
}

/// What somebody has asked and was asked.
pub(crate) fn questions_of(conn: &mut Conn, context: &Context, did: &Did) -> Result<OwnQuestions, QueryError> {
    let asked: Vec<QuestionRow> = questions::table
        .filter(questions::owner_did.eq(did))
        .order_by((questions::created_at.desc(), questions::id))
        .limit(LIST_ROWS)
        .select(QuestionRow::as_select())
        .load(conn)?;
    let answered: Vec<QuestionRow> = questions::table
        .filter(questions::leader_did.eq(did))
        .order_by((questions::created_at.desc(), questions::id))
        .limit(LIST_ROWS)
        .select(QuestionRow::as_select())
        .load(conn)?;
    let views = |rows: Vec<QuestionRow>| -> Result<Vec<QuestionView>, QueryError> {
        rows.into_iter()
            .map(|row| row.intact(&context.sealer)?.view())
            .collect()
    };
    Ok(OwnQuestions {
        terms: terms_of(conn, context, did)?,
        asked: views(asked)?,
        answered: views(answered)?,
    })
}
