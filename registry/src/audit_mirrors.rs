//! What `imajin verify` checks of the copies of other registries' directories.

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_registry_api::directory::{Equivocation, SignedHead, chain_check, entry_digest};
use imajin_store::{Conn, Finding, SealedRow, Sealer};

use crate::SERVICE;
use crate::domain::mirror::mirror_fits;
use crate::rows::{MirrorEntryRow, MirrorHeadRow, MirrorLieRow, MirrorRow};
use crate::schema::{mirror_entries, mirror_heads, mirror_lies, mirrors};

const PAGE: i64 = 256;

/// The seals of all rows.
pub(crate) fn seals_audit(conn: &mut Conn, sealer: &Sealer, findings: &mut Vec<Finding>) -> QueryResult<()> {
    MirrorRow::audit(conn, sealer, findings)?;
    MirrorEntryRow::audit(conn, sealer, findings)?;
    MirrorHeadRow::audit(conn, sealer, findings)?;
    MirrorLieRow::audit(conn, sealer, findings)
}

/// Each copy is what its registry has signed, and each proof of a lie is one.
pub(crate) fn mirrors_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<MirrorRow> = mirrors::table
        .order_by(mirrors::registry_did)
        .select(MirrorRow::as_select())
        .load(conn)?;
    for row in rows {
        let did = &row.registry_did;
        let mut report = |table, row: String, problem| findings.push(Finding::new(SERVICE, table, row, problem));
        let Some(key) = did.public_key() else {
            report("mirrors", did.to_string(), "it is of nobody who can sign");
            continue;
        };
        if !mirror_fits(conn, &row)? || !digests_fit(conn, did)? {
            report("mirrors", did.to_string(), "it is not what the registry has signed");
        }
        if !heads_fit(conn, &row, &key)? {
            report(
                "mirror_heads",
                did.to_string(),
                "they are not signed, or do not follow each other",
            );
        }
        for lie in lies_load(conn, did)? {
            let is_proof = lie.view().is_ok_and(|lie| proves(&lie.proof, &key));
            if !is_proof {
                report("mirror_lies", format!("{did}/{}", lie.seq), "it proves nothing");
            }
        }
    }
    Ok(())
}

fn proves(proof: &Equivocation, key: &PublicKey) -> bool {
    Equivocation::of(&proof.one, &proof.other, key).is_ok_and(|proof| proof.is_some())
}

fn lies_load(conn: &mut Conn, registry: &Did) -> QueryResult<Vec<MirrorLieRow>> {
    mirror_lies::table
        .filter(mirror_lies::registry_did.eq(registry))
        .order_by(mirror_lies::seq)
        .select(MirrorLieRow::as_select())
        .load(conn)
}

fn digests_fit(conn: &mut Conn, registry: &Did) -> QueryResult<bool> {
    let mut after = String::new();
    loop {
        let rows: Vec<MirrorEntryRow> = mirror_entries::table
            .filter(mirror_entries::registry_did.eq(registry))
            .filter(mirror_entries::node_did.gt(&after))
            .order_by(mirror_entries::node_did)
            .limit(PAGE)
            .select(MirrorEntryRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(true) };
        last.node_did.as_str().clone_into(&mut after);
        let fits = |row: &MirrorEntryRow| {
            let computed = row.view().ok().and_then(|entry| entry_digest(&entry).ok());
            computed.is_some_and(|digest| digest.as_slice() == row.digest)
        };
        if !rows.iter().all(fits) {
            return Ok(false);
        }
    }
}

/// The heads that are kept follow each other, and the copy's is among them, or from before. Of a copy that is far
/// behind there are some after its own.
fn heads_fit(conn: &mut Conn, mirror: &MirrorRow, key: &PublicKey) -> QueryResult<bool> {
    let (mut after, mut before) = (0, None);
    let Ok(own) = mirror.signed() else { return Ok(false) };
    let mut is_among = own.is_none();
    loop {
        let rows: Vec<MirrorHeadRow> = mirror_heads::table
            .filter(mirror_heads::registry_did.eq(&mirror.registry_did))
            .filter(mirror_heads::seq.gt(after))
            .order_by(mirror_heads::seq)
            .limit(PAGE)
            .select(MirrorHeadRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else {
            return Ok(is_among);
        };
        after = last.seq;
        let heads: Result<Vec<_>, _> = rows.iter().map(MirrorHeadRow::signed).collect();
        let Ok(heads) = heads else { return Ok(false) };
        let numbered = rows
            .iter()
            .zip(&heads)
            .all(|(row, head)| u64::try_from(row.seq) == Ok(head.payload.seq));
        let follow = match (&before, heads.split_first()) {
            (Some(seen), _) => chain_check(seen, &heads, key),
            (None, Some((first, rest))) => chain_check(first, rest, key),
            (None, None) => Ok(()),
        };
        if !numbered || follow.is_err() {
            return Ok(false);
        }
        let is_from_before = |own: &SignedHead| {
            let first = heads.first().map_or(0, |first| first.payload.seq);
            before.is_none() && own.payload.seq < first
        };
        is_among = match &own {
            None => false,
            Some(own) => is_among || heads.contains(own) || is_from_before(own),
        };
        before = heads.last().cloned();
    }
}
