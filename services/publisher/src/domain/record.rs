//! Records of what a gate has decided: one chain for each site, signed batch by batch, forgotten after their time.

use diesel::prelude::*;
use imajin_gate::{AccessRecord, RECORD_VERSION, RECORDS_KIND, RecordsHead, record_digest, record_link};
use imajin_kernel::Timestamp;
use imajin_proof::SignedMessage;
use imajin_proof::jcs::JcsError;
use imajin_store::{Conn, SealedRow, for_update, is_unique_violation};
use serde_json::{Value, json};

use crate::PublisherError;
use crate::context::Context;
use crate::rows::{ChainRow, HeadRow, RecordRow};
use crate::schema::{gate_chains, gate_heads, gate_records};

/// What stands in the place of a hash before the first record.
const NOTHING: &str = "";

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
    // Kept for each batch: the way from a record to what was signed is short.
    let head = HeadRow {
        site: site.to_owned(),
        seq: chain.seq,
        head: chain.head.clone(),
        row_seal: Vec::new(),
    };
    head.insert(conn, &context.sealer)?;
    chain.updated_at = context.env.now();
    chain.save(conn, &context.sealer)?;
    Ok(())
}

/// How much of an address is written down: anybody may send long ones, for nothing.
const URL_CHARS_MAX: usize = 2_048;
/// How much of one that somebody has sent who has proven nothing.
const STRANGER_URL_CHARS_MAX: usize = 256;

fn row_of(site: &str, seq: i64, record: &AccessRecord) -> RecordRow {
    let url_chars = if record.agent.is_some() {
        URL_CHARS_MAX
    } else {
        STRANGER_URL_CHARS_MAX
    };
    RecordRow {
        site: site.to_owned(),
        seq,
        at: record.at,
        agent: record.agent.clone(),
        thumbprint: record.thumbprint.clone(),
        url: record.url.chars().take(url_chars).collect(),
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
        version: Some(RECORD_VERSION),
        binding: record.binding.map(|binding| binding.as_str().to_owned()),
        visa_broker: record.visa.as_ref().map(|visa| visa.broker.clone()),
        visa_id: record.visa.as_ref().map(|visa| visa.id.clone()),
        visa_bearer: record.visa.as_ref().and_then(|visa| visa.is_bearer.then_some(true)),
        hash: String::new(),
        row_seal: Vec::new(),
    }
}

/// What names a record, and all before it.
pub(crate) fn record_hash(previous: &str, row: &RecordRow) -> Result<String, PublisherError> {
    let mut document = record_document(row)?;
    let hash = match row.version {
        Some(RECORD_VERSION) => {
            let digest = record_digest(&document).map_err(|error| unwritable(&error))?;
            record_link(previous, &digest)
        }
        Some(_) => return Err(PublisherError::damaged("gate_records", &row.seq, "its version is none")),
        // As records were hashed before there were versions.
        None => {
            if let Some(members) = document.as_object_mut() {
                members.insert("previous".to_owned(), json!(previous));
            }
            record_digest(&document)
        }
    };
    hash.map_err(|error| unwritable(&error))
}

/// A record as it is hashed.
pub(crate) fn record_document(row: &RecordRow) -> Result<Value, PublisherError> {
    let document = serde_json::to_value(row);
    let mut document = document.map_err(|error| PublisherError::Fault(error.to_string()))?;
    if let Some(members) = document.as_object_mut() {
        members.remove("hash");
        members.remove("row_seal");
    }
    Ok(document)
}

fn unwritable(error: &JcsError) -> PublisherError {
    PublisherError::Fault(format!("a record has no canonical form: {error}"))
}

fn head_sign(context: &Context, chain: &ChainRow) -> Result<String, PublisherError> {
    let head = RecordsHead {
        site: chain.site.clone(),
        seq: chain.seq,
        hash: chain.hash.clone(),
    };
    let (keyring, now) = (&context.keyring, context.env.now());
    let node = keyring.node_did().clone();
    let signed = SignedMessage::sign(keyring.node_key(), node, RECORDS_KIND, None, now, head);
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
    (before, limit): (Timestamp, usize),
) -> Result<usize, PublisherError> {
    let Some(mut chain) = chain_lock(conn, context, site)? else {
        return Ok(0);
    };
    let oldest: Vec<RecordRow> = gate_records::table
        .filter(gate_records::site.eq(site))
        .order_by(gate_records::seq)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
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
    let heads = gate_heads::table
        .filter(gate_heads::site.eq(site))
        .filter(gate_heads::seq.le(last.seq));
    diesel::delete(heads).execute(conn)?;
    (chain.base_seq, chain.base_hash) = (last.seq, last.hash);
    chain.save(conn, &context.sealer)?;
    Ok(forgotten)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What seals and hashes of rows from before there were versions were made over must stay as it was.
    #[test]
    fn records_from_before_are_hashed_as_they_were() {
        let row = RecordRow {
            site: "site".to_owned(),
            seq: 7,
            at: Timestamp::from_millis(1_772_323_200_250),
            agent: None,
            thumbprint: None,
            url: "https://site.example/".to_owned(),
            purpose: None,
            visitor: "LIKELY_HUMAN".to_owned(),
            refusal: None,
            reason: "a browser".to_owned(),
            claim_digest: None,
            asset: None,
            paid: None,
            receipt: None,
            status: 200,
            is_dry: false,
            version: None,
            binding: None,
            visa_broker: None,
            visa_id: None,
            visa_bearer: None,
            hash: String::new(),
            row_seal: Vec::new(),
        };
        let document = json!({
            "site": "site", "seq": 7, "at": row.at, "agent": null, "thumbprint": null, "url": "https://site.example/",
            "purpose": null, "visitor": "LIKELY_HUMAN", "refusal": null, "reason": "a browser", "claim_digest": null,
            "asset": null, "paid": null, "receipt": null, "status": 200, "is_dry": false, "previous": "ab",
        });
        assert_eq!(record_hash("ab", &row).unwrap(), record_digest(&document).unwrap());
        let newer = RecordRow {
            version: Some(RECORD_VERSION),
            ..row.clone()
        };
        assert_ne!(record_hash("ab", &newer).unwrap(), record_hash("ab", &row).unwrap());
        let unknown = RecordRow {
            version: Some(3),
            ..row
        };
        assert!(record_hash("ab", &unknown).is_err());
    }
}
