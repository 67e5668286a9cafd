//! Signed Merkle roots over the entries of a chain, and the paths that lead to them.

use diesel::prelude::*;
use imajin_did::Keyring;
use imajin_proof::inclusion::{InclusionProof, TREE_KIND, TreeHead, path, root};
use imajin_proof::{ProofError, SignedMessage};
use imajin_store::{Conn, Finding, SealedRow, Sealer};

use crate::rows::TreeRow;
use crate::schema::{ledger_entries, ledger_heads, ledger_trees};
use crate::{Entry, Ledger, LedgerError};

/// How many entries one tree covers at most: a bound on the time and the memory of a proof.
const ENTRIES_MAX: i64 = 65_536;

/// Signs the root over what this writer has booked since the last one; says whether anything was signed. Call it again
/// until it does not.
///
/// # Errors
/// [`LedgerError`], for example when an earlier root was changed outside the node.
pub fn tree_sign(conn: &mut Conn, ledger: &Ledger, keyring: &Keyring) -> Result<bool, LedgerError> {
    let head: Option<i64> = ledger_heads::table
        .find(&ledger.chain)
        .select(ledger_heads::seq)
        .first(conn)
        .optional()?;
    let before: Option<i64> = ledger_trees::table
        .filter(ledger_trees::chain.eq(&ledger.chain))
        .order_by(ledger_trees::last_seq.desc())
        .select(ledger_trees::last_seq)
        .first(conn)
        .optional()?;
    let first = before.unwrap_or(0).saturating_add(1);
    let last = head
        .unwrap_or(0)
        .min(first.saturating_add(ENTRIES_MAX).saturating_sub(1));
    if last < first {
        return Ok(false);
    }
    let hashes = hashes_of(conn, &ledger.sealer, &ledger.chain, first, last)?;
    let payload = TreeHead {
        chain: ledger.chain.clone(),
        first: number(first),
        last: number(last),
        root: hex::encode(root(&hashes)),
    };
    let (key, node) = (keyring.node_key(), keyring.node_did().clone());
    let message = SignedMessage::sign(key, node, TREE_KIND, None, ledger.now(), payload).map_err(unwritten)?;
    let row = TreeRow {
        chain: ledger.chain.clone(),
        last_seq: last,
        first_seq: first,
        document: serde_json::to_string(&message).map_err(unwritten)?,
        row_seal: Vec::new(),
    };
    row.insert(conn, &ledger.sealer)?;
    Ok(true)
}

/// The proof that an entry is in the ledger; `None` while no root over it is signed.
///
/// # Errors
/// [`LedgerError::Damaged`] when the tree or an entry in it is not as it was.
pub fn entry_proof(conn: &mut Conn, sealer: &Sealer, entry: &Entry) -> Result<Option<InclusionProof>, LedgerError> {
    let row: Option<TreeRow> = ledger_trees::table
        .filter(ledger_trees::chain.eq(&entry.chain))
        .filter(ledger_trees::last_seq.ge(entry.seq))
        .order_by(ledger_trees::last_seq)
        .select(TreeRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let row = row.intact(sealer)?;
    let damaged = || LedgerError::Damaged(Finding::changed(sealer.service(), TreeRow::TABLE, row.row_key()));
    let tree = row.message().ok_or_else(damaged)?;
    let hashes = hashes_of(conn, sealer, &row.chain, row.first_seq, row.last_seq)?;
    let index = entry
        .seq
        .checked_sub(row.first_seq)
        .and_then(|index| usize::try_from(index).ok());
    let path = index.and_then(|index| path(&hashes, index)).ok_or_else(damaged)?;
    Ok(Some(InclusionProof {
        tree,
        seq: number(entry.seq),
        hash: hex::encode(entry.hash),
        path: path.iter().map(hex::encode).collect(),
    }))
}

/// The hashes of a run of entries, all of them there.
pub(crate) fn hashes_of(
    conn: &mut Conn,
    sealer: &Sealer,
    chain: &str,
    first: i64,
    last: i64,
) -> Result<Vec<[u8; 32]>, LedgerError> {
    let hashes: Vec<Vec<u8>> = ledger_entries::table
        .filter(ledger_entries::chain.eq(chain))
        .filter(ledger_entries::seq.between(first, last))
        .order_by(ledger_entries::seq)
        .select(ledger_entries::hash)
        .load(conn)?;
    let damaged = || {
        LedgerError::Damaged(Finding::changed(
            sealer.service(),
            "ledger_entries",
            format!("{chain}/{first}"),
        ))
    };
    let read: Result<Vec<[u8; 32]>, _> = hashes.into_iter().map(TryInto::try_into).collect();
    let read = read.map_err(|_short: Vec<u8>| damaged())?;
    let count = i64::try_from(read.len()).unwrap_or(i64::MAX);
    if count != last.saturating_sub(first).saturating_add(1) {
        return Err(damaged());
    }
    Ok(read)
}

fn number(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or(0)
}

fn unwritten<E: std::error::Error + Send + Sync + 'static>(error: E) -> LedgerError {
    diesel::result::Error::SerializationError(Box::new(error)).into()
}

impl TreeRow {
    pub(crate) fn message(&self) -> Option<SignedMessage<TreeHead>> {
        serde_json::from_str(&self.document).ok()
    }

    /// Whether the node that signed it signed this root over these entries.
    pub(crate) fn fits(&self, hashes: &[[u8; 32]]) -> Result<(), ProofError> {
        let message = self.message().ok_or(ProofError::BadSignature)?;
        let key = message.from.public_key().ok_or(ProofError::NoKey)?;
        message.verify(TREE_KIND, &key)?;
        let head = &message.payload;
        let is_same = head.chain == self.chain
            && head.first == number(self.first_seq)
            && head.last == number(self.last_seq)
            && head.root == hex::encode(root(hashes));
        is_same.then_some(()).ok_or(ProofError::NotIncluded)
    }
}
