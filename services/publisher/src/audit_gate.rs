//! What `imajin verify` checks about the gates of this node: records and what was paid.

use diesel::prelude::*;
use imajin_did::Keyring;
use imajin_gate::{RECORDS_KIND, RecordsHead};
use imajin_proof::SignedMessage;
use imajin_store::{Conn, Finding, StoreError};

use crate::audit::finding;
use crate::domain::record::record_hash;
use crate::rows::{ChainRow, ChargeRow, ChargeState, HeadRow, RecordRow};
use crate::schema::{gate_chains, gate_charges, gate_heads, gate_records};

/// How many rows are looked at together.
const PAGE: i64 = 256;

/// Each chain is whole, from where it begins to what the node has signed; each receipt in it is that of a charge.
pub(crate) fn gates_check(conn: &mut Conn, keyring: &Keyring, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let chains: Vec<ChainRow> = gate_chains::table.select(ChainRow::as_select()).load(conn)?;
    for chain in &chains {
        chain_check(conn, keyring, chain, findings)?;
    }
    let sites: Vec<String> = chains.into_iter().map(|chain| chain.site).collect();
    let strays: i64 = gate_records::table
        .filter(gate_records::site.ne_all(sites))
        .count()
        .get_result(conn)?;
    if strays > 0 {
        findings.push(finding("gate_chains", "", "the row is missing"));
    }
    charges_check(conn, findings)
}

fn chain_check(
    conn: &mut Conn,
    keyring: &Keyring,
    chain: &ChainRow,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    if !head_agrees(keyring, chain) {
        let problem = "the node has not signed its newest record";
        findings.push(finding("gate_chains", &chain.site, problem));
    }
    let (mut seq, mut hash) = (chain.base_seq, chain.base_hash.clone());
    let mut version = None;
    loop {
        let rows: Vec<RecordRow> = gate_records::table
            .filter(gate_records::site.eq(&chain.site))
            .filter(gate_records::seq.gt(seq))
            .order_by(gate_records::seq)
            .limit(PAGE)
            .select(RecordRow::as_select())
            .load(conn)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let name = format!("{}/{}", row.site, row.seq);
            if row.seq != seq.saturating_add(1) {
                findings.push(finding("gate_records", &name, "a record before it is missing"));
            } else if record_hash(&hash, &row).ok().as_ref() != Some(&row.hash) {
                findings.push(finding(
                    "gate_records",
                    &name,
                    "its hash does not follow from the record",
                ));
            }
            receipt_check(conn, &row, findings)?;
            (seq, hash, version) = (row.seq, row.hash, row.version);
        }
    }
    let newest = heads_check(conn, chain, findings)?;
    // Without it nothing shows the records since the one that is there.
    if version.is_some() && newest != Some(chain.seq) {
        findings.push(finding("gate_heads", &chain.site, "the newest one is missing"));
    }
    if seq != chain.seq || hash != chain.hash {
        findings.push(finding("gate_chains", &chain.site, "its newest records are missing"));
    }
    Ok(())
}

/// What was signed batch by batch is about the records that are there. Up to which one was signed last.
fn heads_check(conn: &mut Conn, chain: &ChainRow, findings: &mut Vec<Finding>) -> Result<Option<i64>, StoreError> {
    let mut newest = None;
    loop {
        let heads: Vec<HeadRow> = gate_heads::table
            .filter(gate_heads::site.eq(&chain.site))
            .filter(gate_heads::seq.gt(newest.unwrap_or(i64::MIN)))
            .order_by(gate_heads::seq)
            .limit(PAGE)
            .select(HeadRow::as_select())
            .load(conn)?;
        let Some(last) = heads.last() else {
            return Ok(newest);
        };
        newest = Some(last.seq);
        for row in heads {
            let record = gate_records::table
                .find((&row.site, row.seq))
                .select(gate_records::hash);
            let hash: Option<String> = record.first(conn).optional()?;
            let head = serde_json::from_str::<SignedMessage<RecordsHead>>(&row.head).ok();
            let is_this = head.is_some_and(|head| {
                let said = &head.payload;
                (&said.site, said.seq, Some(&said.hash)) == (&row.site, row.seq, hash.as_ref())
            });
            if !is_this {
                let name = format!("{}/{}", row.site, row.seq);
                findings.push(finding("gate_heads", &name, "it is about another record"));
            }
        }
    }
}

fn head_agrees(keyring: &Keyring, chain: &ChainRow) -> bool {
    let Ok(head) = serde_json::from_str::<SignedMessage<RecordsHead>>(&chain.head) else {
        return false;
    };
    let said = &head.payload;
    (&said.site, said.seq, &said.hash) == (&chain.site, chain.seq, &chain.hash)
        && head.from == *keyring.node_did()
        && head.verify(RECORDS_KIND, &keyring.node_key().public()).is_ok()
}

fn receipt_check(conn: &mut Conn, row: &RecordRow, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let Some(receipt) = row.receipt.as_ref().filter(|_| row.paid.is_some()) else {
        return Ok(());
    };
    let known: i64 = gate_charges::table
        .filter(gate_charges::receipt_id.eq(receipt))
        .filter(gate_charges::site.eq(&row.site))
        .count()
        .get_result(conn)?;
    if known == 0 {
        let name = format!("{}/{}", row.site, row.seq);
        findings.push(finding("gate_records", &name, "what was paid for it is missing"));
    }
    Ok(())
}

fn charges_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let rows: Vec<ChargeRow> = gate_charges::table
            .filter(gate_charges::id.gt(&after))
            .order_by(gate_charges::id)
            .limit(PAGE)
            .select(ChargeRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id.to_string();
        for row in rows {
            let has_receipt = row.receipt_id.is_some() && row.checkout_id.is_some();
            let problem = match row.state() {
                Err(_unknown) => Some("the state is none"),
                Ok(ChargeState::Paid | ChargeState::Returned) if !has_receipt => Some("it is paid and has no receipt"),
                Ok(_) if row.price().is_err() => Some("the price is none"),
                Ok(_) => None,
            };
            if let Some(problem) = problem {
                findings.push(finding("gate_charges", row.id.as_str(), problem));
            }
        }
    }
}
