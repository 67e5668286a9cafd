//! The directory of nodes as one signed, numbered document, which any mirror can hand out and anybody can check.
//!
//! An entry has the number of the head in which it changed last. A head is signed by the registry and has a root over
//! all entries, so a page of what changed since a number, added to a copy of that number, can be checked as a whole.
//! Who shows two different heads of one number lies, and both heads together prove it.

use std::collections::BTreeMap;

use imajin_did::{Did, PublicKey};
use imajin_kernel::{Span, Timestamp};
use imajin_proof::{ProofError, SignedMessage, digest, jcs};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The `type` of the signed message around a head.
pub const DIRECTORY_KIND: &str = "directory";

/// A registry signs its directory anew after so much time, although nothing has changed.
pub const HEAD_RENEWED_AFTER: Span = Span::days(1);

/// An older head than this is not what the registry says now: somebody may hide what has changed since.
pub const HEAD_STALE_AFTER: Span = Span::days(2);

/// That a head is too old to be the newest one; nothing while it may be.
pub fn stale_text(head: &SignedHead, now: Timestamp) -> Option<String> {
    let signed_at = Timestamp::from_millis(head.timestamp);
    let is_stale = now.since(signed_at) > HEAD_STALE_AFTER;
    is_stale.then(|| {
        format!(
            "This is stale: a registry signs its directory each day, and this was signed at {signed_at}. Ask another \
             source."
        )
    })
}

/// Entries are gathered by the first byte of the digest of their node's DID.
pub const BUCKETS: usize = 256;

/// What the registry signs about its directory at a number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryHead {
    /// The number; the next head has the next one.
    pub seq: u64,
    /// Nodes with an entry.
    pub nodes: u64,
    /// The root over all entries, in hex.
    pub root: String,
    /// SHA-256 of the signed text of the head before, in hex; empty for the first one.
    pub previous: String,
}

/// A head with its signature.
pub type SignedHead = SignedMessage<DirectoryHead>;

/// What the directory says of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryEntry {
    /// The node.
    #[schema(value_type = String)]
    pub node_id: Did,
    /// The head in which this entry changed last.
    pub seq: u64,
    /// What is said; null for a node that has left.
    #[schema(value_type = Option<Object>)]
    pub entry: Option<Value>,
}

/// A part of the directory: entries in the order of their numbers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectoryPage {
    /// The newest head.
    #[schema(value_type = Object)]
    pub head: SignedHead,
    /// The entries.
    pub entries: Vec<DirectoryEntry>,
    /// Where the next page starts; none on the last one.
    pub cursor: Option<String>,
}

/// Heads that follow each other, in the order of their numbers.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DirectoryHeads {
    /// The heads.
    #[schema(value_type = Vec<Object>)]
    pub heads: Vec<SignedHead>,
}

/// Why a directory is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The head is not signed by the registry.
    #[error("the head of the directory is not signed by the registry: {0}")]
    Head(ProofError),
    /// The entries do not give the signed root.
    #[error("the entries are not those that the registry has signed under number {seq}")]
    Root {
        /// The head's number.
        seq: u64,
    },
    /// An older head than the one that was seen.
    #[error("the directory went back from number {seen} to {shown}")]
    Backwards {
        /// What was seen before.
        seen: u64,
        /// What is shown now.
        shown: u64,
    },
    /// A head is missing between one that was seen and a later one.
    #[error("the head with the number {seq} is not shown, so the directory cannot be followed")]
    Gap {
        /// The first that is missing.
        seq: u64,
    },
    /// The registry said something else under the same number.
    #[error("the registry has signed two different directories under number {}", .0.seq())]
    Equivocation(Box<Equivocation>),
    /// A text that cannot be made canonical.
    #[error("the directory cannot be read: {0}")]
    Unreadable(String),
}

/// Two heads of one number that a registry has signed and that differ: proof that it lies to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Equivocation {
    /// What one was shown.
    pub one: SignedHead,
    /// What another was shown.
    pub other: SignedHead,
}

impl Equivocation {
    /// Whether two heads prove that their signer lies; anybody can check it, without either of those who saw them.
    ///
    /// # Errors
    /// [`DirectoryError::Head`] when one of them is not signed by this key.
    pub fn of(one: &SignedHead, other: &SignedHead, key: &PublicKey) -> Result<Option<Self>, DirectoryError> {
        for head in [one, other] {
            head.verify(DIRECTORY_KIND, key).map_err(DirectoryError::Head)?;
        }
        let (first, second) = (&one.payload, &other.payload);
        // What one head says came before it is as binding as the head itself.
        let is_same_number = first.seq == second.seq && first != second;
        let is_next = |before: &SignedHead, after: &SignedHead| {
            after.payload.seq.checked_sub(1) == Some(before.payload.seq)
                && head_digest(before).is_ok_and(|digest| digest != after.payload.previous)
        };
        let lies = is_same_number || is_next(one, other) || is_next(other, one);
        Ok(lies.then(|| Self {
            one: one.clone(),
            other: other.clone(),
        }))
    }

    /// The number of the first.
    pub const fn seq(&self) -> u64 {
        self.one.payload.seq
    }
}

/// What the next head names as the one before it.
///
/// # Errors
/// When the head has no canonical form.
pub fn head_digest(head: &SignedHead) -> Result<String, DirectoryError> {
    let bytes = jcs::to_bytes(head).map_err(|error| DirectoryError::Unreadable(error.to_string()))?;
    Ok(digest::sha256_hex(&bytes))
}

/// The digest of an entry: all of it, with its number.
///
/// # Errors
/// When the entry has no canonical form.
pub fn entry_digest(entry: &DirectoryEntry) -> Result<[u8; 32], DirectoryError> {
    let bytes = jcs::to_bytes(entry).map_err(|error| DirectoryError::Unreadable(error.to_string()))?;
    Ok(digest::sha256(&bytes))
}

/// The bucket of a node.
pub fn bucket_of(node: &Did) -> usize {
    let [first, ..] = digest::sha256(node.as_str().as_bytes());
    usize::from(first)
}

/// The digest of a bucket: those of its entries, in the order of their nodes' DIDs.
pub fn bucket_digest<'d>(digests: impl IntoIterator<Item = &'d [u8]>) -> [u8; 32] {
    let all: Vec<&[u8]> = digests.into_iter().collect();
    digest::sha256(&all.concat())
}

/// The root: that of all buckets, in hex.
pub fn root_of(buckets: &[[u8; 32]]) -> String {
    digest::sha256_hex(&buckets.concat())
}

/// A copy of a registry's directory that was checked. A mirror hands out its pages.
#[derive(Debug, Clone)]
pub struct DirectoryCopy {
    key: PublicKey,
    head: Option<SignedHead>,
    entries: BTreeMap<Did, DirectoryEntry>,
}

impl DirectoryCopy {
    /// An empty copy of the directory of the registry with this key.
    pub const fn new(key: PublicKey) -> Self {
        Self {
            key,
            head: None,
            entries: BTreeMap::new(),
        }
    }

    /// The head of the copy.
    pub const fn head(&self) -> Option<&SignedHead> {
        self.head.as_ref()
    }

    /// The number up to which the copy goes: what to ask for `since`.
    pub fn seq(&self) -> u64 {
        self.head.as_ref().map_or(0, |head| head.payload.seq)
    }

    /// The nodes that are there, in the order of their DIDs, and what the registry says of them.
    pub fn nodes(&self) -> impl Iterator<Item = (&Did, &Value)> {
        let there = self.entries.values();
        there.filter_map(|entry| Some((&entry.node_id, entry.entry.as_ref()?)))
    }

    /// What the registry says of a node.
    pub fn entry(&self, node: &Did) -> Option<&Value> {
        self.entries.get(node)?.entry.as_ref()
    }

    /// Adds what has changed, all pages of it, wherever they come from. Either everything is as the registry has signed
    /// it, or the copy stays as it was.
    ///
    /// # Errors
    /// [`DirectoryError`]; with [`DirectoryError::Equivocation`] comes the proof.
    pub fn update(&mut self, pages: Vec<DirectoryPage>) -> Result<(), DirectoryError> {
        let Some(head) = pages.last().map(|page| page.head.clone()) else {
            return Ok(());
        };
        head.verify(DIRECTORY_KIND, &self.key).map_err(DirectoryError::Head)?;
        if let Some(seen) = &self.head {
            if let Some(proof) = Equivocation::of(seen, &head, &self.key)? {
                return Err(DirectoryError::Equivocation(Box::new(proof)));
            }
            if head.payload.seq < seen.payload.seq {
                return Err(DirectoryError::Backwards {
                    seen: seen.payload.seq,
                    shown: head.payload.seq,
                });
            }
        }
        let mut entries = self.entries.clone();
        for entry in pages.into_iter().flat_map(|page| page.entries) {
            entries.insert(entry.node_id.clone(), entry);
        }
        let (root, nodes) = root_and_count(entries.values())?;
        if root != head.payload.root || nodes != head.payload.nodes {
            return Err(DirectoryError::Root { seq: head.payload.seq });
        }
        self.entries = entries;
        self.head = Some(head);
        Ok(())
    }

    /// What has changed since a number, as the registry itself would answer; `None` while the copy is empty.
    pub fn page(&self, since: u64) -> Option<DirectoryPage> {
        let mut entries: Vec<DirectoryEntry> = self
            .entries
            .values()
            .filter(|entry| entry.seq > since)
            .cloned()
            .collect();
        entries.sort_by(|a, b| (a.seq, &a.node_id).cmp(&(b.seq, &b.node_id)));
        Some(DirectoryPage {
            head: self.head.clone()?,
            entries,
            cursor: None,
        })
    }
}

/// The root over entries that come in the order of their nodes' DIDs, and how many nodes are there.
fn root_and_count<'e>(entries: impl Iterator<Item = &'e DirectoryEntry>) -> Result<(String, u64), DirectoryError> {
    let mut digests = Vec::new();
    let mut nodes = 0_u64;
    for entry in entries {
        nodes = nodes.saturating_add(u64::from(entry.entry.is_some()));
        digests.push((bucket_of(&entry.node_id), entry_digest(entry)?));
    }
    Ok((
        root_of_entries(digests.iter().map(|(bucket, digest)| (*bucket, digest.as_slice()))),
        nodes,
    ))
}

/// The root over the digests of entries with their buckets, in the order of their nodes' DIDs.
pub fn root_of_entries<'d>(entries: impl Iterator<Item = (usize, &'d [u8])>) -> String {
    let mut buckets: Vec<Vec<&[u8]>> = vec![Vec::new(); BUCKETS];
    for (bucket, digest) in entries {
        if let Some(bucket) = buckets.get_mut(bucket) {
            bucket.push(digest);
        }
    }
    let digests: Vec<[u8; 32]> = buckets.into_iter().map(bucket_digest).collect();
    root_of(&digests)
}

/// Checks that heads follow each other from one that was seen: each is signed, has the next number, and names the one
/// before.
///
/// # Errors
/// [`DirectoryError::Head`] for one that is not signed, [`DirectoryError::Equivocation`] with the proof when the
/// registry has told another story before, [`DirectoryError::Gap`] when some are left out.
pub fn chain_check(seen: &SignedHead, heads: &[SignedHead], key: &PublicKey) -> Result<(), DirectoryError> {
    let mut before = seen;
    for head in heads {
        if let Some(proof) = Equivocation::of(before, head, key)? {
            return Err(DirectoryError::Equivocation(Box::new(proof)));
        }
        if head.payload.seq.checked_sub(1) != Some(before.payload.seq) {
            return Err(DirectoryError::Gap {
                seq: before.payload.seq.saturating_add(1),
            });
        }
        before = head;
    }
    Ok(())
}
