//! What answers would cost.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::{QuestionId, QuoteId};
use imajin_kernel::{Span, Timestamp};
use imajin_money::Money;
use imajin_store::{Conn, SealedRow, for_update};

use crate::QueryError;
use crate::context::{Change, Context};
use crate::rows::QuoteRow;
use crate::schema::quotes;

/// The action in the mutation log.
pub(crate) const QUOTE_ISSUE: &str = "quote.issue";

/// The name of a quote in the log.
pub(crate) fn quote_object(id: &QuoteId) -> String {
    format!("quote/{id}")
}

/// A quote that is asked for, with its price.
#[derive(Debug, Clone)]
pub(crate) struct NewQuote {
    pub(crate) change: Change,
    pub(crate) leader: Did,
    pub(crate) query_sha256: String,
    pub(crate) tokens_max: u32,
    pub(crate) ceiling: Money,
    pub(crate) good_for: Span,
}

pub(crate) fn quote_issue(conn: &mut Conn, context: &Context, new: &NewQuote) -> Result<QuoteRow, QueryError> {
    let (id, now): (QuoteId, Timestamp) = (context.env.new_id(), context.now());
    let proof = new.change.log(conn, context, QUOTE_ISSUE, quote_object(&id))?;
    let row = QuoteRow {
        id,
        owner_did: new.change.did(),
        leader_did: new.leader.clone(),
        query_sha256: new.query_sha256.clone(),
        tokens_max: i64::from(new.tokens_max),
        asset: new.ceiling.asset.to_string(),
        ceiling: new.ceiling.amount.micros(),
        proof,
        created_at: now,
        expires_at: now.plus(new.good_for),
        question_id: None,
        row_seal: Vec::new(),
    };
    Ok(row.insert(conn, &context.sealer)?)
}

/// What a quote is wanted for.
#[derive(Debug, Clone)]
pub(crate) struct QuoteWanted {
    pub(crate) id: QuoteId,
    pub(crate) asker: Did,
    pub(crate) leader: Did,
    pub(crate) query_sha256: String,
}

/// A quote that can be used now for this question.
pub(crate) fn quote_usable(conn: &mut Conn, context: &Context, wanted: &QuoteWanted) -> Result<QuoteRow, QueryError> {
    let row: Option<QuoteRow> =
        for_update!(conn, quotes::table.find(wanted.id).select(QuoteRow::as_select()) => first).optional()?;
    let is_own = |row: &QuoteRow| row.owner_did == wanted.asker && row.leader_did == wanted.leader;
    let row = row.filter(is_own).ok_or(QueryError::NotFound("quote of yours"))?;
    let row = row.intact(&context.sealer)?;
    if row.query_sha256 != wanted.query_sha256 {
        return Err(QueryError::Conflict("This quote is for another question."));
    }
    if row.question_id.is_some() {
        return Err(QueryError::Conflict("This quote was used: ask for a new one."));
    }
    if row.expires_at <= context.now() {
        return Err(QueryError::Over("This quote has expired: ask for a new one."));
    }
    Ok(row)
}

/// Uses a quote for a question.
pub(crate) fn quote_use(
    conn: &mut Conn,
    context: &Context,
    wanted: &QuoteWanted,
    question: QuestionId,
) -> Result<(), QueryError> {
    let mut row = quote_usable(conn, context, wanted)?;
    row.question_id = Some(question);
    row.save(conn, &context.sealer)?;
    Ok(())
}
