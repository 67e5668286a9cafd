//! Copies of other registries' directories: what is kept, and what is handed out.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_registry_api::directory::{
    DirectoryEntry, DirectoryError, DirectoryPage, Equivocation, SignedHead, bucket_of, entry_digest, root_of_entries,
    stale_text,
};
use imajin_registry_api::{MirrorView, MirroredNode};
use imajin_store::{Conn, SealedRow};
use url::Url;

use super::directory::{Asked, Place, cut};
pub(crate) use super::mirror_heads::heads_keep;
use crate::RegistryError;
use crate::context::Context;
use crate::rows::{MirrorEntryRow, MirrorHeadRow, MirrorLieRow, MirrorRow};
use crate::schema::{mirror_entries, mirror_heads, mirror_lies, mirrors};

/// Proofs that are shown of one registry: one is enough.
const LIES_SHOWN: i64 = 20;
/// Copies that are asked about a node.
const LOOKUP_MAX: i64 = 20;

/// What a copy holds when its source is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    pub(crate) head: Option<SignedHead>,
}

impl Standing {
    pub(crate) fn seq(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.payload.seq)
    }
}

/// What the source showed, checked so far as it can be without the copy's entries.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) head: SignedHead,
    /// The heads from the copy's to this one; of a new copy only this one.
    pub(crate) chain: Vec<SignedHead>,
    pub(crate) entries: Vec<DirectoryEntry>,
}

fn row_find(conn: &mut Conn, context: &Context, registry: &Did) -> Result<Option<MirrorRow>, RegistryError> {
    let row: Option<MirrorRow> = mirrors::table
        .find(registry)
        .select(MirrorRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Where the copy of a registry's directory stands; an empty one is made, and moved to another address.
pub(crate) fn mirror_open(
    conn: &mut Conn,
    context: &Context,
    registry: &Did,
    url: &Url,
) -> Result<Standing, RegistryError> {
    let Some(mut row) = row_find(conn, context, registry)? else {
        let row = MirrorRow {
            registry_did: registry.clone(),
            url: url.to_string(),
            head: None,
            seq: 0,
            checked_at: context.env.now(),
            problem: None,
            row_seal: Vec::new(),
        };
        row.insert(conn, &context.sealer)?;
        return Ok(Standing::default());
    };
    let head = row.signed()?;
    if row.url != url.as_str() {
        row.url = url.to_string();
        row.save(conn, &context.sealer)?;
    }
    Ok(Standing { head })
}

/// Takes over what has changed, if the entries then are those that the registry has signed.
pub(crate) fn mirror_update(
    conn: &mut Conn,
    context: &Context,
    registry: &Did,
    shown: &Shown,
) -> Result<(), RegistryError> {
    let mut row = row_find(conn, context, registry)?.ok_or(RegistryError::Unknown)?;
    let seq = i64::try_from(shown.head.payload.seq).unwrap_or(i64::MAX);
    if row.seq >= seq {
        // Another process was first.
        return Ok(());
    }
    let fresh = fresh_rows(registry, &shown.entries)?;
    root_check(conn, registry, &fresh, &shown.head)?;
    let nodes: Vec<Did> = fresh.keys().cloned().collect();
    for node in &nodes {
        diesel::delete(mirror_entries::table.find((registry, node))).execute(conn)?;
    }
    MirrorEntryRow::insert_all(fresh.into_values().collect(), conn, &context.sealer)?;
    heads_keep(conn, context, registry, &shown.chain)?;
    row.head = Some(text_of(&shown.head)?);
    row.seq = seq;
    row.checked_at = context.env.now();
    row.problem = None;
    row.save(conn, &context.sealer)?;
    Ok(())
}

pub(super) fn text_of<T: serde::Serialize>(value: &T) -> Result<String, RegistryError> {
    serde_json::to_string(value).map_err(|error| RegistryError::Fault(error.to_string()))
}

fn fresh_rows(registry: &Did, entries: &[DirectoryEntry]) -> Result<BTreeMap<Did, MirrorEntryRow>, RegistryError> {
    let mut rows = BTreeMap::new();
    for entry in entries {
        let row = MirrorEntryRow {
            registry_did: registry.clone(),
            node_did: entry.node_id.clone(),
            bucket: i64::try_from(bucket_of(&entry.node_id)).unwrap_or_default(),
            entry: entry.entry.as_ref().map(ToString::to_string),
            digest: entry_digest(entry)?.to_vec(),
            seq: i64::try_from(entry.seq).unwrap_or(i64::MAX),
            row_seal: Vec::new(),
        };
        rows.insert(entry.node_id.clone(), row);
    }
    Ok(rows)
}

/// What the root is made of.
struct Leaf {
    bucket: usize,
    digest: Vec<u8>,
    is_there: bool,
}

impl Leaf {
    fn new(bucket: i64, digest: Vec<u8>, is_there: bool) -> Self {
        let bucket = usize::try_from(bucket).unwrap_or(usize::MAX);
        Self {
            bucket,
            digest,
            is_there,
        }
    }
}

/// Whether entries are those under a head.
fn root_fits(leaves: &BTreeMap<Did, Leaf>, head: &SignedHead) -> bool {
    let there = leaves.values().filter(|leaf| leaf.is_there).count();
    let digests = leaves.values().map(|leaf| (leaf.bucket, leaf.digest.as_slice()));
    root_of_entries(digests) == head.payload.root && u64::try_from(there) == Ok(head.payload.nodes)
}

fn leaves_load(conn: &mut Conn, registry: &Did) -> QueryResult<BTreeMap<Did, Leaf>> {
    let known: Vec<(Did, i64, Vec<u8>, bool)> = mirror_entries::table
        .filter(mirror_entries::registry_did.eq(registry))
        .select((
            mirror_entries::node_did,
            mirror_entries::bucket,
            mirror_entries::digest,
            mirror_entries::entry.is_not_null(),
        ))
        .load(conn)?;
    let leaf = |(did, bucket, digest, is_there)| (did, Leaf::new(bucket, digest, is_there));
    Ok(known.into_iter().map(leaf).collect())
}

fn root_check(
    conn: &mut Conn,
    registry: &Did,
    fresh: &BTreeMap<Did, MirrorEntryRow>,
    head: &SignedHead,
) -> Result<(), RegistryError> {
    let mut leaves = leaves_load(conn, registry)?;
    for (did, row) in fresh {
        let leaf = Leaf::new(row.bucket, row.digest.clone(), row.entry.is_some());
        leaves.insert(did.clone(), leaf);
    }
    if root_fits(&leaves, head) {
        return Ok(());
    }
    let seq = head.payload.seq;
    Err(RegistryError::Untrue(DirectoryError::Root { seq }))
}

/// Whether the entries of a copy are those under its head; of an empty one there are none.
pub(crate) fn mirror_fits(conn: &mut Conn, row: &MirrorRow) -> QueryResult<bool> {
    let leaves = leaves_load(conn, &row.registry_did)?;
    Ok(match row.signed() {
        Ok(Some(head)) => root_fits(&leaves, &head) && u64::try_from(row.seq) == Ok(head.payload.seq),
        Ok(None) => leaves.is_empty() && row.seq == 0,
        Err(_unreadable) => false,
    })
}

/// Notes that the source was asked, and why nothing was taken.
pub(crate) fn mirror_checked(
    conn: &mut Conn,
    context: &Context,
    registry: &Did,
    problem: Option<&str>,
) -> Result<(), RegistryError> {
    let mut row = row_find(conn, context, registry)?.ok_or(RegistryError::Unknown)?;
    row.checked_at = context.env.now();
    row.problem = problem.map(str::to_owned);
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// Keeps a proof that the registry lies; whether it is the first of its number.
pub(crate) fn lie_keep(
    conn: &mut Conn,
    context: &Context,
    registry: &Did,
    (proof, source): (&Equivocation, &Url),
) -> Result<bool, RegistryError> {
    let seq = i64::try_from(proof.seq()).unwrap_or(i64::MAX);
    let known: i64 = mirror_lies::table.find((registry, seq)).count().get_result(conn)?;
    if known > 0 {
        return Ok(false);
    }
    let row = MirrorLieRow {
        registry_did: registry.clone(),
        seq,
        proof: text_of(proof)?,
        source: source.to_string(),
        found_at: context.env.now(),
        row_seal: Vec::new(),
    };
    row.insert(conn, &context.sealer)?;
    Ok(true)
}

/// The newest head of a copy.
pub(crate) fn newest(conn: &mut Conn, context: &Context, registry: &Did) -> Result<Option<SignedHead>, RegistryError> {
    let row = row_find(conn, context, registry)?;
    Ok(row.map(|row| row.signed()).transpose()?.flatten())
}

/// A head that was seen of a number.
pub(crate) fn head_fetch(conn: &mut Conn, registry: &Did, seq: u64) -> Result<Option<SignedHead>, RegistryError> {
    let Ok(seq) = i64::try_from(seq) else { return Ok(None) };
    let row: Option<MirrorHeadRow> = mirror_heads::table
        .find((registry, seq))
        .select(MirrorHeadRow::as_select())
        .first(conn)
        .optional()?;
    row.as_ref().map(MirrorHeadRow::signed).transpose()
}

/// The last head that was seen; of a copy that is far behind it is after the copy's own.
pub(crate) fn head_last(conn: &mut Conn, registry: &Did) -> Result<Option<SignedHead>, RegistryError> {
    let row: Option<MirrorHeadRow> = mirror_heads::table
        .filter(mirror_heads::registry_did.eq(registry))
        .order_by(mirror_heads::seq.desc())
        .select(MirrorHeadRow::as_select())
        .first(conn)
        .optional()?;
    row.as_ref().map(MirrorHeadRow::signed).transpose()
}

/// Heads that were seen after a number.
pub(crate) fn heads_after(
    conn: &mut Conn,
    registry: &Did,
    after: i64,
    limit: i64,
) -> Result<Vec<SignedHead>, RegistryError> {
    let rows: Vec<MirrorHeadRow> = mirror_heads::table
        .filter(mirror_heads::registry_did.eq(registry))
        .filter(mirror_heads::seq.gt(after))
        .order_by(mirror_heads::seq)
        .limit(limit)
        .select(MirrorHeadRow::as_select())
        .load(conn)?;
    rows.iter().map(MirrorHeadRow::signed).collect()
}

/// A page of what changed since a number, as the registry itself would answer. `None` while there is no copy.
pub(crate) fn page(
    conn: &mut Conn,
    context: &Context,
    registry: &Did,
    asked: &Asked,
) -> Result<Option<DirectoryPage>, RegistryError> {
    let Some(head) = newest(conn, context, registry)? else {
        return Ok(None);
    };
    let mut query = mirror_entries::table
        .filter(mirror_entries::registry_did.eq(registry))
        .filter(mirror_entries::seq.gt(asked.after()))
        .order_by((mirror_entries::seq, mirror_entries::node_did))
        .limit(asked.rows())
        .select(MirrorEntryRow::as_select())
        .into_boxed();
    if let Some((seq, did)) = asked.begin()? {
        query = query.filter(
            mirror_entries::seq
                .gt(seq)
                .or(mirror_entries::seq.eq(seq).and(mirror_entries::node_did.gt(did))),
        );
    }
    let mut rows: Vec<MirrorEntryRow> = query.load(conn)?;
    let cursor = cut(&mut rows, asked, |row| Place {
        seq: row.seq,
        did: &row.node_did,
        length: row.entry.as_ref().map_or(0, String::len),
    });
    let entries: Result<Vec<DirectoryEntry>, RegistryError> = rows.iter().map(MirrorEntryRow::view).collect();
    Ok(Some(DirectoryPage {
        head,
        entries: entries?,
        cursor,
    }))
}

/// All copies with what is known about their registries.
pub(crate) fn mirror_list(conn: &mut Conn, now: Timestamp) -> Result<Vec<MirrorView>, RegistryError> {
    let rows: Vec<MirrorRow> = mirrors::table
        .order_by(mirrors::registry_did)
        .select(MirrorRow::as_select())
        .load(conn)?;
    rows.iter().map(|row| mirror_view(conn, row, now)).collect()
}

fn mirror_view(conn: &mut Conn, row: &MirrorRow, now: Timestamp) -> Result<MirrorView, RegistryError> {
    let lies: Vec<MirrorLieRow> = mirror_lies::table
        .filter(mirror_lies::registry_did.eq(&row.registry_did))
        .order_by(mirror_lies::seq.desc())
        .limit(LIES_SHOWN)
        .select(MirrorLieRow::as_select())
        .load(conn)?;
    let head = row.signed()?;
    let unreadable = |_error| RegistryError::damaged("mirrors", row.registry_did.as_str(), "it cannot be read");
    let lies: Result<_, RegistryError> = lies.iter().map(MirrorLieRow::view).collect();
    Ok(MirrorView {
        registry: row.registry_did.clone(),
        url: row.url.parse().map_err(unreadable)?,
        seq: head.as_ref().map_or(0, |head| head.payload.seq),
        nodes: head.as_ref().map_or(0, |head| head.payload.nodes),
        signed_at: head.as_ref().map(|head| Timestamp::from_millis(head.timestamp)),
        checked_at: row.checked_at,
        problem: row
            .problem
            .clone()
            .or_else(|| head.as_ref().and_then(|head| stale_text(head, now))),
        lies: lies?,
    })
}

/// What the copies say of a node.
pub(crate) fn mirror_lookup(conn: &mut Conn, node: &Did) -> Result<Vec<MirroredNode>, RegistryError> {
    let rows: Vec<(MirrorEntryRow, Timestamp)> = mirror_entries::table
        .inner_join(mirrors::table)
        .filter(mirror_entries::node_did.eq(node.canonical()))
        .order_by((mirrors::checked_at.desc(), mirrors::registry_did))
        .limit(LOOKUP_MAX)
        .select((MirrorEntryRow::as_select(), mirrors::checked_at))
        .load(conn)?;
    let nodes: Result<Vec<Option<MirroredNode>>, RegistryError> =
        rows.iter().map(|(row, checked_at)| row.node(*checked_at)).collect();
    Ok(nodes?.into_iter().flatten().collect())
}
