//! The directory after its database was restored from a backup: what copies have shown of it, and putting it back.
//!
//! A restored database has an older log than what mirrors have seen. If it went on from there it would sign a second
//! history of the same numbers, and every mirror would hold the proof of that for good.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_registry_api::directory::{
    DirectoryEntry, DirectoryError, Equivocation, SignedHead, bucket_of, entry_digest,
};
use imajin_registry_api::{DirectoryResumed, DirectoryTrouble};
use imajin_store::{Conn, SealedRow, for_update};
use url::Url;

use super::catch_up::{self, expiry, revocation_of, said};
use super::directory::{bucket_write, entry_change, head_fetch, head_newest, root_compute};
use super::mirror::Shown;
use super::order::Order;
use super::register::attested_last;
use crate::RegistryError;
use crate::context::Context;
use crate::rows::{EntryRow, HeadRow, NodeRow, ShownRow};
use crate::schema::{directory_entries, directory_shown, nodes};

/// The action of the mutation log.
pub(crate) const DIRECTORY_RESUME: &str = "directory.resume";

pub(crate) const DIRECTORY_OBJECT: &str = "directory";

/// Nodes that are looked at in one go.
const STRAYS_BATCH: i64 = 200;

/// The newest number of the log; 0 before the first head.
pub(crate) fn own_seq(conn: &mut Conn) -> QueryResult<i64> {
    Ok(head_newest(conn)?.map_or(0, |row| row.seq))
}

/// What a copy has that the log does not, if anything is known of it.
pub(crate) fn trouble(conn: &mut Conn) -> Result<Option<DirectoryTrouble>, RegistryError> {
    let mut forked = None;
    for row in shown_rows(conn)? {
        match trouble_of(conn, row)? {
            // That something can be put back comes first: nothing is signed until then.
            Some(trouble) if !trouble.is_forked => return Ok(Some(trouble)),
            trouble => forked = forked.or(trouble),
        }
    }
    Ok(forked)
}

/// What copies have shown, the newest first.
fn shown_rows(conn: &mut Conn) -> QueryResult<Vec<ShownRow>> {
    directory_shown::table
        .order_by(directory_shown::seq.desc())
        .select(ShownRow::as_select())
        .load(conn)
}

/// What a head that was shown says of the log; nothing when it is there.
fn trouble_of(conn: &mut Conn, row: ShownRow) -> Result<Option<DirectoryTrouble>, RegistryError> {
    let shown = row.signed()?;
    let seq = shown.payload.seq;
    if head_fetch(conn, seq)?.as_ref() == Some(&shown) {
        return Ok(None);
    }
    let newest = head_newest(conn)?.map(|row| row.signed()).transpose()?;
    let own = newest.as_ref().map_or(0, |head| head.payload.seq);
    let contradicts = |own: &SignedHead| {
        let key = own.from.public_key();
        key.is_some_and(|key| Equivocation::of(own, &shown, &key).is_ok_and(|proof| proof.is_some()))
    };
    Ok(Some(DirectoryTrouble {
        shown: seq,
        own,
        source: row.source,
        seen_at: row.seen_at,
        is_forked: seq <= own || newest.as_ref().is_some_and(contradicts),
    }))
}

/// Whether copies have more of the log than there is here, and it can be put back: until then nothing is signed, and
/// nobody gets what may be somebody's already.
pub(crate) fn is_behind(conn: &mut Conn) -> Result<bool, RegistryError> {
    Ok(trouble(conn)?.is_some_and(|trouble| !trouble.is_forked))
}

/// Notes a head of this registry, whose signature was checked, that a copy shows; what is wrong then, if anything. The
/// newest one that goes on where the log ends is kept, and one that contradicts the log.
pub(crate) fn shown_note(
    conn: &mut Conn,
    context: &Context,
    head: &SignedHead,
    source: &Url,
) -> Result<Option<DirectoryTrouble>, RegistryError> {
    if head_fetch(conn, head.payload.seq)?.as_ref() == Some(head) {
        return Ok(None);
    }
    let seq = i64::try_from(head.payload.seq).unwrap_or(i64::MAX);
    let row = ShownRow {
        seq,
        head: text_of(head)?,
        source: source.to_string(),
        seen_at: context.env.now(),
        row_seal: Vec::new(),
    };
    let is_forked = |trouble: Option<DirectoryTrouble>| trouble.map(|trouble| trouble.is_forked);
    let forked = is_forked(trouble_of(conn, row.clone())?);
    let mut is_known = false;
    for known in shown_rows(conn)? {
        let of_known = is_forked(trouble_of(conn, known.clone())?);
        let is_replaced = match (forked, of_known) {
            (Some(true), Some(true)) => false,
            (Some(false), Some(false)) => known.seq < seq,
            // Whoever shows another story is no reason to wait for the rest of it.
            (Some(true), Some(false)) => known.source == row.source,
            (Some(false), Some(true)) => known.seq == seq,
            (None, _) | (_, None) => true,
        };
        if is_replaced {
            diesel::delete(directory_shown::table.find(known.seq)).execute(conn)?;
        } else {
            is_known |= of_known == forked || known.seq == seq;
        }
    }
    if !is_known {
        row.insert(conn, &context.sealer)?;
    }
    trouble(conn)
}

/// Puts back what a copy has, if the entries then are those under its head. The chain of `shown` goes on where the log
/// ends, which was with the number `from`.
pub(crate) fn log_resume(
    conn: &mut Conn,
    context: &Context,
    order: &Order,
    (from, shown): (i64, &Shown),
) -> Result<DirectoryResumed, RegistryError> {
    order.append(conn, context, DIRECTORY_RESUME, DIRECTORY_OBJECT)?;
    if own_seq(conn)? != from {
        return Err(RegistryError::SignedMeanwhile);
    }
    let entries = entries_after(from, shown)?;
    let mut buckets = BTreeSet::new();
    for entry in entries.values() {
        buckets.insert(entry_put(conn, context, entry)?);
    }
    for bucket in buckets {
        bucket_write(conn, context, bucket)?;
    }
    let head = &shown.head.payload;
    if root_compute(conn)? != (head.root.clone(), head.nodes) {
        return Err(RegistryError::Untrue(DirectoryError::Root { seq: head.seq }));
    }
    let mut revoked = Vec::new();
    for entry in entries.values() {
        if catch_up::entry_follow(conn, context, entry)? {
            revoked.push(entry.node_id.clone());
        }
    }
    let rows: Result<Vec<HeadRow>, RegistryError> = shown.chain.iter().map(head_row).collect();
    HeadRow::insert_all(rows?, conn, &context.sealer)?;
    let known = i64::try_from(head.seq).unwrap_or(i64::MAX);
    diesel::delete(directory_shown::table.filter(directory_shown::seq.le(known))).execute(conn)?;
    Ok(DirectoryResumed {
        seq: head.seq,
        heads: count(shown.chain.len()),
        entries: count(entries.len()),
        revoked,
    })
}

/// The entries by their nodes. The root is over what was signed after `from`, once for each node: what is beside that
/// nobody has signed.
fn entries_after(from: i64, shown: &Shown) -> Result<BTreeMap<&Did, &DirectoryEntry>, RegistryError> {
    let newest = shown.head.payload.seq;
    let mut entries = BTreeMap::new();
    for entry in &shown.entries {
        let is_new = i64::try_from(entry.seq).is_ok_and(|seq| seq > from) && entry.seq <= newest;
        if !is_new || entries.insert(&entry.node_id, entry).is_some() {
            return Err(RegistryError::Untrue(DirectoryError::Root { seq: newest }));
        }
    }
    Ok(entries)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn text_of(head: &SignedHead) -> Result<String, RegistryError> {
    serde_json::to_string(head).map_err(|error| RegistryError::Fault(error.to_string()))
}

fn head_row(head: &SignedHead) -> Result<HeadRow, RegistryError> {
    Ok(HeadRow {
        seq: i64::try_from(head.payload.seq).unwrap_or(i64::MAX),
        head: text_of(head)?,
        signed_at: Timestamp::from_millis(head.timestamp),
        row_seal: Vec::new(),
    })
}

/// Writes down what the directory said of a node last; returns its bucket. What has changed since then in the database
/// is for the next head.
fn entry_put(conn: &mut Conn, context: &Context, entry: &DirectoryEntry) -> Result<i64, RegistryError> {
    let found = entry_lock(conn, &entry.node_id)?;
    let known = found.map(|row| row.intact(&context.sealer)).transpose()?;
    // What the directory has a later attestation of must not go back to the one before.
    let is_later = attested_ms(entry) > attested_last(conn, &entry.node_id)?;
    let row = EntryRow {
        node_did: entry.node_id.clone(),
        bucket: i64::try_from(bucket_of(&entry.node_id)).unwrap_or_default(),
        entry: entry.entry.as_ref().map(ToString::to_string),
        digest: entry_digest(entry)?.to_vec(),
        seq: i64::try_from(entry.seq).unwrap_or(i64::MAX),
        is_changed: known.as_ref().is_some_and(|row| row.is_changed) && !is_later,
        row_seal: Vec::new(),
    };
    let bucket = row.bucket;
    match known {
        Some(_) => row.save(conn, &context.sealer)?,
        None => row.insert(conn, &context.sealer)?,
    };
    Ok(bucket)
}

fn entry_lock(conn: &mut Conn, did: &Did) -> QueryResult<Option<EntryRow>> {
    for_update!(
        conn,
        directory_entries::table.find(did).select(EntryRow::as_select()) => first
    )
    .optional()
}

/// Why the directory says that a node is off. Of one that the database does not call so it came back with the
/// directory: the operator took it off after the backup.
pub(crate) fn revoked_before(conn: &mut Conn, did: &Did) -> Result<Option<String>, RegistryError> {
    let row: Option<EntryRow> = directory_entries::table
        .find(did)
        .filter(directory_entries::is_changed.eq(false))
        .select(EntryRow::as_select())
        .first(conn)
        .optional()?;
    let Some(entry) = row.map(|row| row.view()).transpose()? else {
        return Ok(None);
    };
    Ok(revocation_of(&entry).map(|(_at, reason)| reason.to_owned()))
}

/// Whether the directory has a later attestation of a node than the database, which was restored from a backup then.
pub(crate) fn attested_later(conn: &mut Conn, node: &NodeRow) -> Result<bool, RegistryError> {
    let row: Option<EntryRow> = directory_entries::table
        .find(&node.node_did)
        .select(EntryRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(false) };
    let entry = RegistryError::damage_pass(row.view())?;
    Ok(entry.as_ref().and_then(attested_ms) > Some(node.attested_ms))
}

/// When a node signed what an entry has of it, by the node's clock.
fn attested_ms(entry: &DirectoryEntry) -> Option<i64> {
    said(entry, "attestation")?.get("timestamp")?.as_i64()
}

/// Nodes that came back with the directory, are not registered here, and whose registration has run out: they have
/// left.
pub(crate) fn strays_due(conn: &mut Conn, now: Timestamp) -> Result<Vec<Did>, RegistryError> {
    let (mut due, mut after) = (Vec::new(), String::new());
    loop {
        // Of those who are registered, or have left already, no entry is read.
        let strays: Vec<EntryRow> = directory_entries::table
            .left_join(nodes::table)
            .filter(nodes::node_did.nullable().is_null())
            .filter(directory_entries::entry.is_not_null())
            .filter(directory_entries::is_changed.eq(false))
            .filter(directory_entries::node_did.gt(&after))
            .order_by(directory_entries::node_did)
            .limit(STRAYS_BATCH)
            .select(EntryRow::as_select())
            .load(conn)?;
        let Some(last) = strays.last() else { return Ok(due) };
        last.node_did.as_str().clone_into(&mut after);
        for row in strays {
            let entry = RegistryError::damage_pass(row.view())?;
            if entry.as_ref().and_then(expiry).is_some_and(|ends| ends <= now) {
                due.push(row.node_did);
            }
        }
    }
}

/// Lets the next head say that they have left.
pub(crate) fn strays_retire(conn: &mut Conn, context: &Context, strays: &[Did]) -> Result<(), RegistryError> {
    for did in strays {
        RegistryError::damage_pass(entry_change(conn, context, did))?;
    }
    Ok(())
}
