//! The signed directory: which entries changed, what the next head says, and what is handed out.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_registry_api::directory::{
    BUCKETS, DIRECTORY_KIND, DirectoryEntry, DirectoryHead, DirectoryPage, HEAD_RENEWED_AFTER, SignedHead,
    bucket_digest, bucket_of, entry_digest, head_digest, root_of,
};
use imajin_store::{Conn, SealedRow, for_update};
use serde_json::{Value, json};

use super::resume;
use crate::RegistryError;
use crate::context::Context;
use crate::names::host_of;
use crate::rows::{BucketRow, EntryRow, HeadRow, NodeRow};
use crate::schema::{directory_buckets, directory_entries, directory_heads, dns_names, nodes};

/// Entries that one head changes at most: other writes wait meanwhile.
const CHANGES_MAX: i64 = 100;
/// The length of a page when nobody asks for another, and the longest.
const PAGE_DEFAULT: u32 = 500;
const PAGE_MAX: u32 = 1000;
/// The bytes of the entries of a page, but for a single longer one: whoever reads it stops at 4 MiB, and long entries
/// must not keep everybody from reading the others.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// Notes that the next head has to say something else about a node. The caller has locked the node's row, if there is
/// one.
pub(crate) fn entry_change(conn: &mut Conn, context: &Context, did: &Did) -> Result<(), RegistryError> {
    // Locked: a head that another process is signing reads the mark and takes it away.
    let known: Option<EntryRow> = for_update!(
        conn,
        directory_entries::table.find(did).select(EntryRow::as_select()) => first
    )
    .optional()?;
    let Some(row) = known else {
        let row = EntryRow {
            node_did: did.clone(),
            bucket: i64::try_from(bucket_of(did)).unwrap_or_default(),
            entry: None,
            digest: Vec::new(),
            seq: 0,
            is_changed: true,
            row_seal: Vec::new(),
        };
        row.insert(conn, &context.sealer)?;
        return Ok(());
    };
    let mut row = row.intact(&context.sealer)?;
    if !row.is_changed {
        row.is_changed = true;
        row.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// Notes nodes that the directory does not know: those that registered before it was there. Returns how many.
pub(crate) fn missing_note(conn: &mut Conn, context: &Context) -> Result<usize, RegistryError> {
    let missing: Vec<Did> = nodes::table
        .left_join(directory_entries::table)
        .filter(directory_entries::node_did.nullable().is_null())
        .order_by(nodes::node_did)
        .limit(CHANGES_MAX)
        .select(nodes::node_did)
        .load(conn)?;
    for did in &missing {
        entry_change(conn, context, did)?;
    }
    Ok(missing.len())
}

/// Signs the next head over what has changed; returns how many entries that were. The first head is signed even if
/// there is none, and one a day: who is shown an old one knows that something may be hidden. Nothing is signed while a
/// copy has more of this registry's log than there is here: it would be another story of the same numbers.
pub(crate) fn head_sign(conn: &mut Conn, context: &Context) -> Result<usize, RegistryError> {
    if resume::is_behind(conn)? {
        return Ok(0);
    }
    let before = head_newest(conn)?;
    let previous = before.as_ref().map(HeadRow::signed).transpose()?;
    let seq = before.as_ref().map_or(0, |row| row.seq).saturating_add(1);
    let (mut count, mut buckets) = (0_usize, BTreeSet::new());
    let mut after = String::new();
    loop {
        let changed = changed_lock(conn, &after)?;
        let Some(last) = changed.last() else { break };
        last.node_did.as_str().clone_into(&mut after);
        for row in changed {
            let bucket = row.bucket;
            // Of a damaged row the directory goes on saying what it said.
            if RegistryError::damage_pass(entry_write(conn, context, row, seq))?.is_some() {
                buckets.insert(bucket);
                count = count.saturating_add(1);
            }
        }
        if count > 0 {
            break;
        }
    }
    let now = context.env.now();
    if count == 0 && before.is_some_and(|before| now.since(before.signed_at) < HEAD_RENEWED_AFTER) {
        return Ok(0);
    }
    for bucket in buckets {
        bucket_write(conn, context, bucket)?;
    }
    let (root, nodes) = root_compute(conn)?;
    let head = DirectoryHead {
        seq: u64::try_from(seq).unwrap_or_default(),
        nodes,
        root,
        previous: previous.as_ref().map(head_digest).transpose()?.unwrap_or_default(),
    };
    let (key, from) = (context.keyring.node_key(), context.keyring.node_did().clone());
    let signed = SignedHead::sign(key, from, DIRECTORY_KIND, None, now, head)?;
    let row = HeadRow {
        seq,
        head: serde_json::to_string(&signed).map_err(|error| RegistryError::Fault(error.to_string()))?,
        signed_at: now,
        row_seal: Vec::new(),
    };
    row.insert(conn, &context.sealer)?;
    Ok(count)
}

/// Some entries that have changed, behind a node.
fn changed_lock(conn: &mut Conn, after: &str) -> QueryResult<Vec<EntryRow>> {
    for_update!(
        conn,
        directory_entries::table
            .filter(directory_entries::is_changed)
            .filter(directory_entries::node_did.gt(after))
            .order_by(directory_entries::node_did)
            .limit(CHANGES_MAX)
            .select(EntryRow::as_select()) => load
    )
}

fn entry_write(conn: &mut Conn, context: &Context, row: EntryRow, seq: i64) -> Result<(), RegistryError> {
    let mut row = row.intact(&context.sealer)?;
    let node: Option<NodeRow> = nodes::table
        .find(&row.node_did)
        .select(NodeRow::as_select())
        .first(conn)
        .optional()?;
    let node = node.map(|node| node.intact(&context.sealer)).transpose()?;
    let entry = match node {
        Some(node) if is_there(conn, &node)? => Some(entry_value(&node, context)?),
        _ => None,
    };
    row.entry = entry.as_ref().map(ToString::to_string);
    row.seq = seq;
    row.is_changed = false;
    row.digest = entry_digest(&row.view()?)?.to_vec();
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// Who was taken off stays, with the reason; who left is gone.
fn is_there(conn: &mut Conn, node: &NodeRow) -> QueryResult<bool> {
    let named: i64 = dns_names::table
        .filter(dns_names::node_did.eq(&node.node_did))
        .filter(dns_names::withdrawn_at.is_null())
        .count()
        .get_result(conn)?;
    Ok(node.revoked_at.is_some() || named > 0)
}

/// What anybody may know that does not change with each heartbeat, and the attestation by which it can be checked
/// without the registry.
fn entry_value(node: &NodeRow, context: &Context) -> Result<Value, RegistryError> {
    if node.revoked_at.is_some() {
        return Ok(json!({
            "hostname": node.hostname,
            "revokedAt": node.revoked_at.map(imajin_kernel::Timestamp::as_millis),
            "revokedReason": node.revoked_reason,
        }));
    }
    let attestation: Value = serde_json::from_str(&node.proof)
        .map_err(|_error| RegistryError::damaged("nodes", node.node_did.as_str(), "its attestation cannot be read"))?;
    Ok(json!({
        "hostname": node.hostname,
        "subdomain": host_of(&node.hostname, &context.zone),
        "registeredAt": node.created_at.as_millis(),
        "expiresAt": node.expires_at.as_millis(),
        "attestation": attestation,
    }))
}

/// The digest of the entries of a bucket, in the order of their names by bytes, whatever the database's order is; and
/// how many nodes are there.
pub(crate) fn bucket_compute(conn: &mut Conn, bucket: i64) -> QueryResult<([u8; 32], i64)> {
    // Of a large directory these are hundreds of nodes, most of which have not changed: no more is read than is needed.
    let mut rows: Vec<(String, Vec<u8>, bool)> = directory_entries::table
        .filter(directory_entries::bucket.eq(bucket))
        .filter(directory_entries::seq.gt(0))
        .select((
            directory_entries::node_did,
            directory_entries::digest,
            directory_entries::entry.is_not_null(),
        ))
        .load(conn)?;
    rows.sort_unstable();
    let there = rows.iter().filter(|(_did, _digest, is_there)| *is_there).count();
    let digest = bucket_digest(rows.iter().map(|(_did, digest, _is_there)| digest.as_slice()));
    Ok((digest, i64::try_from(there).unwrap_or(i64::MAX)))
}

pub(super) fn bucket_write(conn: &mut Conn, context: &Context, bucket: i64) -> Result<(), RegistryError> {
    let (digest, nodes) = bucket_compute(conn, bucket)?;
    let row = BucketRow {
        bucket,
        digest: digest.to_vec(),
        nodes,
        row_seal: Vec::new(),
    };
    let is_known: i64 = directory_buckets::table.find(bucket).count().get_result(conn)?;
    if is_known == 0 {
        row.insert(conn, &context.sealer)?;
    } else {
        row.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// The root over all buckets, and how many nodes are there.
pub(crate) fn root_compute(conn: &mut Conn) -> Result<(String, u64), RegistryError> {
    let rows: Vec<BucketRow> = directory_buckets::table.select(BucketRow::as_select()).load(conn)?;
    let mut digests = vec![bucket_digest([]); BUCKETS];
    let mut nodes = 0_i64;
    for row in rows {
        let place = usize::try_from(row.bucket)
            .ok()
            .and_then(|bucket| digests.get_mut(bucket));
        let digest: Option<[u8; 32]> = row.digest.as_slice().try_into().ok();
        let (Some(place), Some(digest)) = (place, digest) else {
            return Err(RegistryError::damaged(
                "directory_buckets",
                &row.bucket.to_string(),
                "it cannot be read",
            ));
        };
        *place = digest;
        nodes = nodes.saturating_add(row.nodes);
    }
    Ok((root_of(&digests), u64::try_from(nodes).unwrap_or_default()))
}

/// The newest head.
pub(crate) fn head_newest(conn: &mut Conn) -> QueryResult<Option<HeadRow>> {
    directory_heads::table
        .order_by(directory_heads::seq.desc())
        .select(HeadRow::as_select())
        .first(conn)
        .optional()
}

/// The head of a number.
pub(crate) fn head_fetch(conn: &mut Conn, seq: u64) -> Result<Option<SignedHead>, RegistryError> {
    let Ok(seq) = i64::try_from(seq) else { return Ok(None) };
    let row: Option<HeadRow> = directory_heads::table
        .find(seq)
        .select(HeadRow::as_select())
        .first(conn)
        .optional()?;
    row.as_ref().map(HeadRow::signed).transpose()
}

/// The heads after a number.
pub(crate) fn heads_after(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<SignedHead>, RegistryError> {
    let rows: Vec<HeadRow> = directory_heads::table
        .filter(directory_heads::seq.gt(after))
        .order_by(directory_heads::seq)
        .limit(limit)
        .select(HeadRow::as_select())
        .load(conn)?;
    rows.iter().map(HeadRow::signed).collect()
}

/// What is asked of a directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) since: u64,
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<String>,
}

impl Asked {
    /// The number after which entries are wanted.
    pub(crate) fn after(&self) -> i64 {
        i64::try_from(self.since).unwrap_or(i64::MAX)
    }

    fn limit(&self) -> u32 {
        self.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
    }

    /// How many rows are loaded: one more than are shown.
    pub(crate) fn rows(&self) -> i64 {
        i64::from(self.limit()).saturating_add(1)
    }

    /// The entry behind which the page begins.
    pub(crate) fn begin(&self) -> Result<Option<(i64, String)>, RegistryError> {
        self.cursor.as_deref().map(cursor_parse).transpose()
    }
}

/// Where a row stands in a page.
pub(crate) struct Place<'a> {
    pub(crate) seq: i64,
    pub(crate) did: &'a Did,
    /// The bytes of its entry.
    pub(crate) length: usize,
}

/// Cuts the rows off that are too many for a page, or too long with those before; where the next page begins, if there
/// are any. One row always stays.
pub(crate) fn cut<R>(rows: &mut Vec<R>, asked: &Asked, place: impl Fn(&R) -> Place<'_>) -> Option<String> {
    let limit = usize::try_from(asked.limit()).unwrap_or(usize::MAX);
    let mut bytes = 0_usize;
    let fitting = rows.iter().take(limit).take_while(|row| {
        bytes = bytes.saturating_add(place(row).length);
        bytes <= PAGE_BYTES_MAX
    });
    let kept = fitting.count().max(1);
    let more = rows.len() > kept;
    rows.truncate(kept);
    let last = place(rows.last().filter(|_| more)?);
    Some(format!("{}.{}", last.seq, last.did))
}

/// A page of what changed since a number, in the order of numbers: what changes meanwhile comes later, so all pages up
/// to the last are one directory. `None` before the first head.
pub(crate) fn page(conn: &mut Conn, asked: &Asked) -> Result<Option<DirectoryPage>, RegistryError> {
    let Some(head) = head_newest(conn)? else {
        return Ok(None);
    };
    let mut query = directory_entries::table
        .filter(directory_entries::seq.gt(asked.after()))
        .order_by((directory_entries::seq, directory_entries::node_did))
        .limit(asked.rows())
        .select(EntryRow::as_select())
        .into_boxed();
    if let Some((seq, did)) = asked.begin()? {
        query = query.filter(
            directory_entries::seq
                .gt(seq)
                .or(directory_entries::seq.eq(seq).and(directory_entries::node_did.gt(did))),
        );
    }
    let mut rows: Vec<EntryRow> = query.load(conn)?;
    let cursor = cut(&mut rows, asked, |row| Place {
        seq: row.seq,
        did: &row.node_did,
        length: row.entry.as_ref().map_or(0, String::len),
    });
    let entries: Result<Vec<DirectoryEntry>, RegistryError> = rows.iter().map(EntryRow::view).collect();
    Ok(Some(DirectoryPage {
        head: head.signed()?,
        entries: entries?,
        cursor,
    }))
}

fn cursor_parse(text: &str) -> Result<(i64, String), RegistryError> {
    let parts = text.split_once('.').and_then(|(seq, did)| {
        let seq: i64 = seq.parse().ok().filter(|seq| *seq >= 0)?;
        did.parse::<Did>().ok()?;
        Some((seq, did.to_owned()))
    });
    parts.ok_or_else(|| RegistryError::shape("cursor", "it is none that this registry gave out"))
}
