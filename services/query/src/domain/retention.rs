//! What is not kept for ever: quotes once nobody can use them, uses and copies of others' logs once they have been
//! evidence for long enough. What people have signed about their own things, and whatever belongs to a payment, is
//! never forgotten here.
//!
//! The log says until when rows were forgotten, so that the audit knows which of them may be missing.

use diesel::prelude::*;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, mutation};
use serde::{Deserialize, Serialize};

use crate::QueryError;
use crate::context::{Context, json_text};
use crate::schema::{quotes, records, uses};

/// The action in the mutation log.
const FORGET: &str = "evidence.forget";
/// Rows that are deleted in one transaction.
const BATCH_ROWS: i64 = 500;
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
        }
    }

    /// The name of the forgetting in the log.
    fn object(self) -> String {
        format!("forgotten/{}", self.table())
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
    let deleted = match what {
        Forgotten::Quotes => {
            let old = quotes::table.filter(quotes::created_at.lt(before));
            let ids: Vec<String> = old.limit(BATCH_ROWS).select(quotes::id).load(conn)?;
            diesel::delete(quotes::table.filter(quotes::id.eq_any(ids))).execute(conn)?
        }
        Forgotten::Uses => {
            let old = uses::table.filter(uses::created_at.lt(before));
            let ids: Vec<String> = old.limit(BATCH_ROWS).select(uses::id).load(conn)?;
            diesel::delete(uses::table.filter(uses::id.eq_any(ids))).execute(conn)?
        }
        Forgotten::Copies => {
            let old = records::table.filter(records::created_at.lt(before));
            let old = old.filter(records::read_from.is_not_null());
            let digests: Vec<String> = old.limit(BATCH_ROWS).select(records::digest).load(conn)?;
            diesel::delete(records::table.filter(records::digest.eq_any(digests))).execute(conn)?
        }
    };
    if deleted > 0 && forgotten_before(conn, what)?.is_none_or(|known| known < before) {
        let (node, body) = (context.keyring.node_did().canonical(), json_text(&Forgot { before })?);
        context.node_log(conn, &node, FORGET, what.object(), body)?;
    }
    Ok(i64::try_from(deleted).is_ok_and(|deleted| deleted >= BATCH_ROWS))
}
