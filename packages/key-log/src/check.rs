//! From entries and receipts to a tree whose every step is by right.

use std::collections::BTreeMap;

use imajin_kernel::Timestamp;

use crate::log::Witnesses;
use crate::tree::{Node, Tree};
use crate::{
    CLOCK_TOLERANCE, Change, ENTRIES_MAX, Entry, EntryHash, KeyLog, KeyLogError, RECEIPT_KIND, RECEIPTS_MAX, Receipt,
};

/// Checks every entry against the one before it, and every receipt.
pub(crate) fn tree<'a>(log: &'a KeyLog, now: Timestamp, witnesses: Witnesses<'_>) -> Result<Tree<'a>, KeyLogError> {
    let first = log
        .entries
        .first()
        .ok_or(KeyLogError::Limit("a log has at least one entry"))?;
    if log.entries.len() > ENTRIES_MAX {
        return Err(KeyLogError::Limit("a log has at most 1000 entries"));
    }
    let mut known: BTreeMap<EntryHash, &Entry> = BTreeMap::new();
    for entry in &log.entries {
        if entry.did != first.did {
            return Err(KeyLogError::OtherDid);
        }
        entry.form_check()?;
        if known.insert(entry.hash()?, entry).is_some() {
            return Err(KeyLogError::Known);
        }
    }
    let times = times(&log.receipts, &known, now, witnesses)?;
    let mut tree = Tree {
        nodes: BTreeMap::new(),
        children: BTreeMap::new(),
        now,
    };
    for (hash, entry) in &known {
        let change = match entry.prev {
            None => Change::first(entry)?,
            Some(prev) => Change::following(known.get(&prev).ok_or(KeyLogError::PrevUnknown)?, entry)?,
        };
        let since = times.get(hash).copied();
        tree.nodes.insert(*hash, Node { entry, change, since });
        tree.children.entry(entry.prev).or_default().push(*hash);
    }
    Ok(tree)
}

/// The earliest time of a trusted receipt, by entry.
fn times(
    receipts: &[Receipt],
    known: &BTreeMap<EntryHash, &Entry>,
    now: Timestamp,
    witnesses: Witnesses<'_>,
) -> Result<BTreeMap<EntryHash, i64>, KeyLogError> {
    let mut times: BTreeMap<EntryHash, i64> = BTreeMap::new();
    let mut counts: BTreeMap<EntryHash, usize> = BTreeMap::new();
    let latest = now.plus(CLOCK_TOLERANCE).as_millis();
    for receipt in receipts {
        let hash = receipt.payload.entry;
        let entry = known.get(&hash).ok_or(KeyLogError::ReceiptOfNothing)?;
        if receipt.payload.did != entry.did || receipt.payload.seq != entry.seq || receipt.timestamp < 0 {
            return Err(KeyLogError::Receipt);
        }
        let count = counts.entry(hash).or_default();
        *count = count.saturating_add(1);
        if *count > RECEIPTS_MAX {
            return Err(KeyLogError::Limit("an entry has at most 64 receipts"));
        }
        // A witness in the future has not seen it yet.
        if receipt_is_trusted(receipt, witnesses)? && receipt.timestamp <= latest {
            let earliest = times.entry(hash).or_insert(receipt.timestamp);
            *earliest = receipt.timestamp.min(*earliest);
        }
    }
    Ok(times)
}

/// Whether a receipt is by a witness that is trusted here. One that is by nobody at all is an error.
pub(crate) fn receipt_is_trusted(receipt: &Receipt, witnesses: Witnesses<'_>) -> Result<bool, KeyLogError> {
    let trusted = witnesses(&receipt.from);
    let is_trusted = !trusted.is_empty();
    let keys = if is_trusted {
        trusted
    } else {
        receipt.from.public_key().into_iter().collect()
    };
    // Of a witness whose keys are in a document elsewhere nothing is known, and nothing is believed.
    if !keys.is_empty() && receipt.verify_any(RECEIPT_KIND, &keys).is_err() {
        return Err(KeyLogError::Receipt);
    }
    Ok(is_trusted)
}
