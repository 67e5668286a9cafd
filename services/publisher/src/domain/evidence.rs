//! What shows one decision of a gate to others.

use diesel::prelude::*;
use imajin_gate::{RECORD_VERSION, RecordEvidence, record_digest};
use imajin_proof::jcs::JcsError;
use imajin_store::{Conn, SealedRow, intact_all};

use super::record::record_document;
use crate::PublisherError;
use crate::context::Context;
use crate::rows::{ChainRow, HeadRow, RecordRow};
use crate::schema::{gate_chains, gate_heads, gate_records};

/// A record of a site, its place in the chain, and what the node has signed about it.
pub(crate) fn evidence_of(
    conn: &mut Conn,
    context: &Context,
    site: &str,
    seq: i64,
) -> Result<RecordEvidence, PublisherError> {
    let row = record_find(conn, context, site, seq)?.ok_or(PublisherError::NotFound("record"))?;
    if row.version != Some(RECORD_VERSION) {
        return Err(PublisherError::State {
            detail: "This record is from before records could be shown one by one.".to_owned(),
            hint: "`imajin verify` checks it together with all others.",
        });
    }
    let head = gate_heads::table
        .filter(gate_heads::site.eq(site))
        .filter(gate_heads::seq.ge(seq))
        .order_by(gate_heads::seq)
        .select(HeadRow::as_select())
        .first(conn)
        .optional()?;
    let damaged = |problem: &str| PublisherError::damaged("gate_records", &format!("{site}/{seq}"), problem);
    let head: HeadRow = head.ok_or_else(|| damaged("the signature of its batch is missing"))?;
    let head = head.intact(&context.sealer)?;
    let following: Vec<RecordRow> = gate_records::table
        .filter(gate_records::site.eq(site))
        .filter(gate_records::seq.gt(seq))
        .filter(gate_records::seq.le(head.seq))
        .order_by(gate_records::seq)
        .select(RecordRow::as_select())
        .load(conn)?;
    let unwritable = |error: JcsError| damaged(&error.to_string());
    let mut digests = Vec::with_capacity(following.len());
    for row in intact_all(following, &context.sealer)? {
        digests.push(record_digest(&record_document(&row)?).map_err(unwritable)?);
    }
    let evidence = RecordEvidence {
        previous: previous_of(conn, context, &row)?,
        record: record_document(&row)?,
        following: digests,
        head: serde_json::from_str(&head.head).map_err(|_error| damaged("the signature of its batch is none"))?,
    };
    // What does not show anything is not handed out.
    evidence.link_check().map_err(|error| damaged(&error.to_string()))?;
    Ok(evidence)
}

fn record_find(conn: &mut Conn, context: &Context, site: &str, seq: i64) -> Result<Option<RecordRow>, PublisherError> {
    let found = gate_records::table
        .find((site, seq))
        .select(RecordRow::as_select())
        .first(conn);
    let found: Option<RecordRow> = found.optional()?;
    Ok(found.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// The hash of the record before, which may have been forgotten after its time.
fn previous_of(conn: &mut Conn, context: &Context, row: &RecordRow) -> Result<String, PublisherError> {
    let before = row.seq.saturating_sub(1);
    if let Some(previous) = record_find(conn, context, &row.site, before)? {
        return Ok(previous.hash);
    }
    let chain: ChainRow = gate_chains::table
        .find(&row.site)
        .select(ChainRow::as_select())
        .first(conn)?;
    let chain = chain.intact(&context.sealer)?;
    if chain.base_seq == before {
        return Ok(chain.base_hash);
    }
    Err(PublisherError::damaged(
        "gate_records",
        &format!("{}/{}", row.site, row.seq),
        "a record before it is missing",
    ))
}
