//! Records of what a gate has decided: one chain for each site, signed batch by batch, forgotten after their time.

use diesel::prelude::*;
use imajin_gate::AccessRecord;
use imajin_kernel::Timestamp;
use imajin_proof::digest::sha256_hex;
use imajin_proof::{SignedMessage, jcs};
use imajin_store::{Conn, SealedRow, for_update, is_unique_violation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::PublisherError;
use crate::context::Context;
use crate::rows::{ChainRow, RecordRow};
use crate::schema::{gate_chains, gate_records};

/// The type of the message with which a node signs the newest record of a site.
pub(crate) const HEAD_KIND: &str = "access-records";
/// What stands in the place of a hash before the first record.
const NOTHING: &str = "";

/// What a node says about the newest record of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChainHead {
    pub(crate) site: String,
    pub(crate) seq: i64,
    pub(crate) hash: String,
}

/// Adds records to the chain of a site, and signs the last one.
pub(crate) fn records_append(
    conn: &mut Conn,
    context: &Context,
    site: &str,
    records: &[AccessRecord],
) -> Result<(), PublisherError> {
    let mut chain = chain_ensure(conn, context, site)?;
    let mut rows = Vec::with_capacity(records.len());
    for record in records {
        chain.seq = chain.seq.saturating_add(1);
        let mut row = row_of(site, chain.seq, record);
        row.hash = record_hash(&chain.hash, &row)?;
        chain.hash.clone_from(&row.hash);
        rows.push(row);
    }
    for row in rows {
        row.insert(conn, &context.sealer)?;
    }
    chain.head = head_sign(context, &chain)?;
    chain.updated_at = context.env.now();
    chain.save(conn, &context.sealer)?;
    Ok(())
}

/// How much of an address is written down: anybody may send long ones, for nothing.
const URL_CHARS_MAX: usize = 2_048;

fn row_of(site: &str, seq: i64, record: &AccessRecord) -> RecordRow {
    RecordRow {
        site: site.to_owned(),
        seq,
        at: record.at,
        agent: record.agent.clone(),
        thumbprint: record.thumbprint.clone(),
        url: record.url.chars().take(URL_CHARS_MAX).collect(),
        purpose: record.purpose.map(|purpose| purpose.as_str().to_owned()),
        visitor: record.visitor.as_str().to_owned(),
        refusal: record.refusal.map(|refusal| refusal.as_str().to_owned()),
        reason: record.reason.clone(),
        claim_digest: record.claim_digest.clone(),
        asset: record.paid.map(|paid| paid.asset.to_string()),
        paid: record.paid.map(|paid| paid.amount.micros()),
        receipt: record.receipt.clone(),
        status: i64::from(record.status),
        is_dry: record.is_dry,
        hash: String::new(),
        row_seal: Vec::new(),
    }
}

/// What names a record, and all before it.
pub(crate) fn record_hash(previous: &str, row: &RecordRow) -> Result<String, PublisherError> {
    let document = record_document(previous, row)?;
    let bytes = jcs::value_to_bytes(&document);
    let bytes = bytes.map_err(|error| PublisherError::Fault(format!("a record has no canonical form: {error}")))?;
    Ok(sha256_hex(&bytes))
}

/// A record as it is hashed.
fn record_document(previous: &str, row: &RecordRow) -> Result<Value, PublisherError> {
    let document = serde_json::to_value(row);
    let mut document = document.map_err(|error| PublisherError::Fault(error.to_string()))?;
    if let Some(members) = document.as_object_mut() {
        members.remove("hash");
        members.remove("row_seal");
        members.insert("previous".to_owned(), json!(previous));
    }
    Ok(document)
}

fn head_sign(context: &Context, chain: &ChainRow) -> Result<String, PublisherError> {
    let head = ChainHead {
        site: chain.site.clone(),
        seq: chain.seq,
        hash: chain.hash.clone(),
    };
    let (keyring, now) = (&context.keyring, context.env.now());
    let node = keyring.node_did().clone();
    let signed = SignedMessage::sign(keyring.node_key(), node, HEAD_KIND, None, now, head);
    let signed = signed.map_err(|error| PublisherError::Fault(format!("a head could not be signed: {error}")))?;
    crate::rows::json_text(&signed)
}

/// The chain of a site, locked; made when it is needed first.
fn chain_ensure(conn: &mut Conn, context: &Context, site: &str) -> Result<ChainRow, PublisherError> {
    if let Some(chain) = chain_lock(conn, context, site)? {
        return Ok(chain);
    }
    let chain = ChainRow {
        site: site.to_owned(),
        base_seq: 0,
        base_hash: NOTHING.to_owned(),
        seq: 0,
        hash: NOTHING.to_owned(),
        head: String::new(),
        updated_at: context.env.now(),
        row_seal: Vec::new(),
    };
    match conn.transaction(|conn| chain.insert(conn, &context.sealer)) {
        Ok(chain) => Ok(chain),
        // Another process was faster.
        Err(error) if is_unique_violation(&error) => {
            chain_lock(conn, context, site)?.ok_or_else(|| PublisherError::from(error))
        }
        Err(error) => Err(error.into()),
    }
}

fn chain_lock(conn: &mut Conn, context: &Context, site: &str) -> Result<Option<ChainRow>, PublisherError> {
    let row: Option<ChainRow> = for_update!(
        conn,
        gate_chains::table.find(site).select(ChainRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Forgets the records of a site from before a moment, at most `limit` at once; the chain goes on from there.
pub(crate) fn records_purge(
    conn: &mut Conn,
    context: &Context,
    site: &str,
    (before, limit): (Timestamp, i64),
) -> Result<usize, PublisherError> {
    let Some(mut chain) = chain_lock(conn, context, site)? else {
        return Ok(0);
    };
    let oldest: Vec<RecordRow> = gate_records::table
        .filter(gate_records::site.eq(site))
        .order_by(gate_records::seq)
        .limit(limit)
        .select(RecordRow::as_select())
        .load(conn)?;
    let Some(last) = oldest.into_iter().take_while(|row| row.at < before).last() else {
        return Ok(0);
    };
    let last = last.intact(&context.sealer)?;
    let old = gate_records::table
        .filter(gate_records::site.eq(site))
        .filter(gate_records::seq.le(last.seq));
    let forgotten = diesel::delete(old).execute(conn)?;
    (chain.base_seq, chain.base_hash) = (last.seq, last.hash);
    chain.save(conn, &context.sealer)?;
    Ok(forgotten)
}
