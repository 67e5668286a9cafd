//! What is not kept for ever: quotes once nobody can use them, questions that came to nothing, uses, copies of others'
//! logs and documents that were removed once they have been evidence for long enough. What people have signed about
//! their own things, and whatever belongs to a payment, is never forgotten here.
//!
//! The log says until when rows were forgotten, so that the audit knows which of them may be missing. Of a question the
//! log does not say how it ended, so it says of each that was forgotten that it was.

use diesel::prelude::*;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, intact_all, mutation};
use serde::{Deserialize, Serialize};

use super::questions::{QUESTION_FORGET, question_object};
use crate::QueryError;
use crate::context::{Context, json_text};
use crate::rows::{QuestionRow, QuestionState};
use crate::schema::{documents, questions, quotes, records, uses};

/// The action in the mutation log.
const FORGET: &str = "evidence.forget";
/// Rows that are deleted in one transaction.
const BATCH_ROWS: i64 = 500;
/// The same where each row is logged, or large.
const BATCH_ROWS_HEAVY: i64 = 50;
/// A row is logged a little later than it says that it was made.
const LOGGED_WITHIN: Span = Span::minutes(1);

/// Tables of which old rows are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forgotten {
    /// Quotes: each was good for some minutes, and once.
    Quotes,
    /// What was told about people.
    Uses,
    /// Copies of logs that are kept elsewhere. One's own log stays.
    Copies,
    /// Questions without an answer: nothing was charged for them.
    Failed,
    /// Documents that were removed.
    Removed,
}

#[derive(Debug, Serialize, Deserialize)]
struct Forgot {
    /// Rows that were made before then may be missing.
    before: Timestamp,
}

impl Forgotten {
    pub(crate) const fn table(self) -> &'static str {
        match self {
            Self::Quotes => "quotes",
            Self::Uses => "uses",
            Self::Copies => "records",
            Self::Failed => "questions",
            Self::Removed => "documents",
        }
    }

    /// The name of the forgetting in the log.
    fn object(self) -> String {
        format!("forgotten/{}", self.table())
    }

    const fn batch_rows(self) -> i64 {
        match self {
            Self::Quotes | Self::Uses | Self::Copies => BATCH_ROWS,
            Self::Failed | Self::Removed => BATCH_ROWS_HEAVY,
        }
    }
}

/// Until when the rows of a table were forgotten; `None` while none were.
pub(crate) fn forgotten_before(conn: &mut Conn, what: Forgotten) -> Result<Option<Timestamp>, QueryError> {
    let last = mutation::last_body(conn, &what.object())?.filter(|last| last.action == FORGET);
    let body = last.and_then(|last| last.body);
    let said: Option<Forgot> = body.and_then(|body| serde_json::from_slice(&body).ok());
    Ok(said.map(|said| said.before))
}

/// Whether a row that was logged then may be missing.
pub(crate) fn may_be_missing(before: Option<Timestamp>, logged_at: Timestamp) -> bool {
    before.is_some_and(|before| logged_at <= before.plus(LOGGED_WITHIN))
}

/// Forgets some of the rows from before a moment; says whether there are more.
pub(crate) fn forget_some(
    conn: &mut Conn,
    context: &Context,
    what: Forgotten,
    before: Timestamp,
) -> Result<bool, QueryError> {
    let rows = what.batch_rows();
    let deleted = match what {
        Forgotten::Quotes => {
            let old = quotes::table.filter(quotes::created_at.lt(before));
            let ids: Vec<String> = old.limit(rows).select(quotes::id).load(conn)?;
            diesel::delete(quotes::table.filter(quotes::id.eq_any(ids))).execute(conn)?
        }
        Forgotten::Uses => {
            let old = uses::table.filter(uses::created_at.lt(before));
            let ids: Vec<String> = old.limit(rows).select(uses::id).load(conn)?;
            diesel::delete(uses::table.filter(uses::id.eq_any(ids))).execute(conn)?
        }
        Forgotten::Copies => {
            let old = records::table.filter(records::created_at.lt(before));
            let old = old.filter(records::read_from.is_not_null());
            let digests: Vec<String> = old.limit(rows).select(records::digest).load(conn)?;
            diesel::delete(records::table.filter(records::digest.eq_any(digests))).execute(conn)?
        }
        Forgotten::Failed => failed_forget(conn, context, before, rows)?,
        Forgotten::Removed => removed_forget(conn, before, rows)?,
    };
    if deleted > 0 && forgotten_before(conn, what)?.is_none_or(|known| known < before) {
        let (node, body) = (context.keyring.node_did().canonical(), json_text(&Forgot { before })?);
        context.node_log(conn, &node, FORGET, what.object(), body)?;
    }
    Ok(i64::try_from(deleted).is_ok_and(|deleted| deleted >= rows))
}

/// Forgets questions that failed before a moment. The log takes the node's word that they did, so each is looked at
/// first: one that was made to look so by hand stays for the audit.
fn failed_forget(conn: &mut Conn, context: &Context, before: Timestamp, rows: i64) -> Result<usize, QueryError> {
    // By the index of open questions: a question fails at its deadline, or before it unless the node was away.
    let old: Vec<QuestionRow> = questions::table
        .filter(questions::state.eq(QuestionState::Failed.as_str()))
        .filter(questions::deadline_at.lt(before))
        .filter(questions::updated_at.lt(before))
        .limit(rows)
        .select(QuestionRow::as_select())
        .load(conn)?;
    let mut ids = Vec::with_capacity(old.len());
    for row in intact_all(old, &context.sealer)? {
        let object = question_object(&row.id);
        context.node_log(conn, &row.owner_did, QUESTION_FORGET, object, "{}".to_owned())?;
        ids.push(row.id);
    }
    Ok(diesel::delete(questions::table.filter(questions::id.eq_any(ids))).execute(conn)?)
}

/// Forgets documents that were removed before a moment. An answer that is not paid for yet is priced by the manifests
/// of what it quotes, which were all there when its question came.
fn removed_forget(conn: &mut Conn, before: Timestamp, rows: i64) -> Result<usize, QueryError> {
    let open = QuestionState::OPEN.map(QuestionState::as_str);
    let oldest: Option<Timestamp> = questions::table
        .filter(questions::state.eq_any(open))
        .order_by(questions::created_at)
        .select(questions::created_at)
        .first(conn)
        .optional()?;
    let before = oldest.map_or(before, |oldest| oldest.min(before));
    let old = documents::table.filter(documents::deleted_at.lt(before));
    let ids: Vec<String> = old.limit(rows).select(documents::id).load(conn)?;
    Ok(diesel::delete(documents::table.filter(documents::id.eq_any(ids))).execute(conn)?)
}
