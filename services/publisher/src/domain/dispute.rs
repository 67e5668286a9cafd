//! Disputes about what agents have paid at gates: what brokers tell of them, and what this node has to show.

use diesel::prelude::*;
use imajin_imagxp::AccessEvidence;
use imajin_kernel::Timestamp;
use imajin_money::Money;
use imajin_store::{Conn, SealedRow};
use serde::Deserialize;

use crate::PublisherError;
use crate::context::Context;
use crate::rows::{ChargeRow, ClaimRow, DisputeRow, RecordRow};
use crate::schema::{gate_charges, gate_claims, gate_disputes, gate_records};

/// The state of a dispute that the publisher has not answered yet.
const OPEN: &str = "open";
/// The longest text of a broker that is kept.
const TEXT_CHARS_MAX: usize = 1_000;

/// What a broker tells of a dispute.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DisputeTold {
    pub(crate) id: String,
    receipt: String,
    amount: Money,
    url: String,
    quality_score: String,
    reason: String,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) ruled_by: Option<String>,
    #[serde(default)]
    ruling: Option<String>,
    created_at: Timestamp,
}

/// What this node has to show about an access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The agent's own claim, and that it was answered with success.
    pub(crate) evidence: Option<AccessEvidence>,
    /// Where the decision is written down.
    pub(crate) note: Option<String>,
}

/// Whether there is anything here that an agent could dispute.
pub(crate) fn has_claims(conn: &mut Conn) -> Result<bool, PublisherError> {
    let any = gate_claims::table.select(gate_claims::access_id).limit(1);
    let any: Option<String> = any.first(conn).optional()?;
    Ok(any.is_some())
}

/// Writes down what a broker tells of a dispute, if it is about an access of a gate here. `true`: there was something
/// new in it.
pub(crate) fn dispute_keep(
    conn: &mut Conn,
    context: &Context,
    broker: &str,
    told: &DisputeTold,
) -> Result<Option<(DisputeRow, bool)>, PublisherError> {
    let query = gate_charges::table
        .filter(gate_charges::receipt_id.eq(&told.receipt))
        .select(ChargeRow::as_select());
    let charge: Option<ChargeRow> = query.first(conn).optional()?;
    let Some(charge) = charge else { return Ok(None) };
    let charge = charge.intact(&context.sealer)?;
    let known = dispute_find(conn, context, broker, &told.id)?;
    let row = DisputeRow {
        broker: broker.to_owned(),
        id: told.id.clone(),
        site: charge.site,
        access_id: charge.id,
        agent: charge.agent,
        url: shortened(&told.url),
        asset: told.amount.asset.to_string(),
        amount: told.amount.amount.micros(),
        score: shortened(&told.quality_score),
        reason: shortened(&told.reason),
        state: shortened(&told.state),
        ruled_by: told.ruled_by.as_deref().map(shortened),
        ruling: told.ruling.as_deref().map(shortened),
        is_answered: known.as_ref().is_some_and(|row| row.is_answered),
        said_at: told.created_at,
        seen_at: context.env.now(),
        row_seal: Vec::new(),
    };
    let Some(known) = known else {
        return Ok(Some((row.insert(conn, &context.sealer)?, true)));
    };
    if (&known.state, &known.ruling) == (&row.state, &row.ruling) {
        return Ok(Some((known, false)));
    }
    Ok(Some((row.save(conn, &context.sealer)?, true)))
}

/// The broker has taken an answer.
pub(crate) fn dispute_answered(
    conn: &mut Conn,
    context: &Context,
    (broker, id): (&str, &str),
) -> Result<(), PublisherError> {
    let row = dispute_find(conn, context, broker, id)?;
    let mut row = row.ok_or(PublisherError::NotFound("dispute"))?;
    row.is_answered = true;
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// Disputes at a broker that it waits for an answer to, in the order of their names after one.
pub(crate) fn open_ids(conn: &mut Conn, broker: &str, after: &str, limit: i64) -> Result<Vec<String>, PublisherError> {
    let open = gate_disputes::table
        .filter(gate_disputes::broker.eq(broker))
        .filter(gate_disputes::id.gt(after))
        .filter(gate_disputes::state.eq(OPEN))
        .filter(gate_disputes::is_answered.eq(false))
        .order_by(gate_disputes::id)
        .limit(limit)
        .select(gate_disputes::id);
    Ok(open.load(conn)?)
}

pub(crate) fn dispute_find(
    conn: &mut Conn,
    context: &Context,
    broker: &str,
    id: &str,
) -> Result<Option<DisputeRow>, PublisherError> {
    let query = gate_disputes::table.find((broker, id)).select(DisputeRow::as_select());
    let row: Option<DisputeRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// What is there about a disputed access: the claim that was charged, and the record of the answer that it paid for,
/// which may be that of a later request with the same key.
pub(crate) fn dispute_shown(conn: &mut Conn, context: &Context, row: &DisputeRow) -> Result<Shown, PublisherError> {
    let query = gate_claims::table.find(row.access_id).select(ClaimRow::as_select());
    let claim: Option<ClaimRow> = query.first(conn).optional()?;
    let claim = claim.map(|claim| claim.intact(&context.sealer)).transpose()?;
    let receipt: Option<String> = gate_charges::table
        .find(row.access_id)
        .select(gate_charges::receipt_id)
        .first::<Option<String>>(conn)
        .optional()?
        .flatten();
    let record = match receipt {
        Some(receipt) => served_find(conn, context, &row.site, &receipt)?,
        None => None,
    };
    let evidence = claim.zip(record.as_ref()).and_then(|(claim, record)| {
        Some(AccessEvidence {
            payload: claim.payload,
            signature: claim.signature,
            public_key: claim.public_key,
            status: u16::try_from(record.status).ok()?,
            served_at: record.at,
            content_digest: None,
        })
    });
    let note = record.map(|record| {
        format!(
            "Answered with {} at {}: record {} of the gate {}, hash {}.",
            record.status, record.at, record.seq, record.site, record.hash
        )
    });
    Ok(Shown { evidence, note })
}

/// The first record of an answer that was given for a receipt.
fn served_find(
    conn: &mut Conn,
    context: &Context,
    site: &str,
    receipt: &str,
) -> Result<Option<RecordRow>, PublisherError> {
    let query = gate_records::table
        .filter(gate_records::site.eq(site))
        .filter(gate_records::receipt.eq(receipt))
        .filter(gate_records::status.between(200_i64, 299_i64))
        .order_by(gate_records::seq)
        .select(RecordRow::as_select());
    let record: Option<RecordRow> = query.first(conn).optional()?;
    Ok(record.map(|record| record.intact(&context.sealer)).transpose()?)
}

/// Forgets disputes from before a moment: they have long ended.
pub(crate) fn disputes_purge(conn: &mut Conn, site: &str, before: Timestamp) -> Result<usize, PublisherError> {
    let old = gate_disputes::table
        .filter(gate_disputes::site.eq(site))
        .filter(gate_disputes::said_at.lt(before));
    Ok(diesel::delete(old).execute(conn)?)
}

fn shortened(text: &str) -> String {
    let letters = text.chars().filter(|letter| !letter.is_control());
    letters.take(TEXT_CHARS_MAX).collect()
}
