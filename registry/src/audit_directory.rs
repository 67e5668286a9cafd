//! What `imajin verify` checks of the signed directory.

use diesel::prelude::*;
use imajin_did::Keyring;
use imajin_registry_api::directory::{DIRECTORY_KIND, SignedHead, entry_digest, head_digest};
use imajin_store::{Conn, Finding};

use crate::SERVICE;
use crate::domain::directory::{bucket_compute, head_newest, root_compute};
use crate::rows::{BucketRow, EntryRow, HeadRow};
use crate::schema::{directory_buckets, directory_entries, directory_heads};

const PAGE: i64 = 256;

/// Each head is signed and names the one before; the newest one is over the entries that are there.
pub(crate) fn directory_audit(conn: &mut Conn, keyring: &Keyring, findings: &mut Vec<Finding>) -> QueryResult<()> {
    heads_audit(conn, keyring, findings)?;
    let buckets: Vec<BucketRow> = directory_buckets::table.select(BucketRow::as_select()).load(conn)?;
    for bucket in buckets {
        if !bucket_fits(conn, &bucket)? {
            let problem = "it does not agree with the entries in it";
            let row = bucket.bucket.to_string();
            findings.push(Finding::new(SERVICE, "directory_buckets", row, problem));
        }
    }
    let Some(newest) = head_newest(conn)? else {
        return Ok(());
    };
    let signed = newest.signed().ok();
    let computed = root_compute(conn).ok();
    let fits = signed
        .zip(computed)
        .is_some_and(|(head, (root, nodes))| head.payload.root == root && head.payload.nodes == nodes);
    if !fits {
        let problem = "it is not over the entries of the directory";
        findings.push(Finding::new(
            SERVICE,
            "directory_heads",
            newest.seq.to_string(),
            problem,
        ));
    }
    Ok(())
}

fn heads_audit(conn: &mut Conn, keyring: &Keyring, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let (mut after, mut before) = (0, None::<SignedHead>);
    loop {
        let rows: Vec<HeadRow> = directory_heads::table
            .filter(directory_heads::seq.gt(after))
            .order_by(directory_heads::seq)
            .limit(PAGE)
            .select(HeadRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        let expected = after;
        after = last.seq;
        for (row, seq) in rows.iter().zip(expected.saturating_add(1)..) {
            let signed = row.signed().ok();
            let fits = signed
                .as_ref()
                .is_some_and(|head| head_fits(head, before.as_ref(), keyring));
            if !fits || row.seq != seq {
                let problem = "it is not signed, or does not follow the head before";
                findings.push(Finding::new(SERVICE, "directory_heads", row.seq.to_string(), problem));
            }
            before = signed;
        }
    }
}

fn head_fits(head: &SignedHead, before: Option<&SignedHead>, keyring: &Keyring) -> bool {
    let previous = before.map(head_digest).transpose().ok();
    head.verify(DIRECTORY_KIND, &keyring.node_key().public()).is_ok()
        && previous.is_some_and(|previous| previous.unwrap_or_default() == head.payload.previous)
}

fn bucket_fits(conn: &mut Conn, bucket: &BucketRow) -> QueryResult<bool> {
    let (digest, nodes) = bucket_compute(conn, bucket.bucket)?;
    if digest.as_slice() != bucket.digest || nodes != bucket.nodes {
        return Ok(false);
    }
    let rows: Vec<EntryRow> = directory_entries::table
        .filter(directory_entries::bucket.eq(bucket.bucket))
        .filter(directory_entries::seq.gt(0))
        .select(EntryRow::as_select())
        .load(conn)?;
    let entry_fits = |row: &EntryRow| {
        let computed = row.view().ok().and_then(|entry| entry_digest(&entry).ok());
        computed.is_some_and(|digest| digest.as_slice() == row.digest)
    };
    Ok(rows.iter().all(entry_fits))
}
