//! Which of several histories counts.

use std::collections::BTreeMap;

use imajin_kernel::Timestamp;

use crate::{Change, Entry, EntryHash, KeyLogError, RECOVERY_WINDOW};

/// An entry that follows the one before it by right. Others may follow the same one.
pub(crate) struct Node<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) change: Change,
    /// The earliest receipt of a trusted witness, in milliseconds.
    pub(crate) since: Option<i64>,
}

/// All entries of a log, by what they follow.
pub(crate) struct Tree<'a> {
    pub(crate) nodes: BTreeMap<EntryHash, Node<'a>>,
    pub(crate) children: BTreeMap<Option<EntryHash>, Vec<EntryHash>>,
    pub(crate) now: Timestamp,
}

/// The entries that count, the first one first.
pub(crate) struct Path {
    pub(crate) entries: Vec<EntryHash>,
    /// More follow the last one, and none of them is the right one yet.
    pub(crate) contested: bool,
}

enum Choice {
    Nobody,
    One(EntryHash),
    Contested,
}

impl Tree<'_> {
    /// From the beginning to the head.
    pub(crate) fn path(&self) -> Result<Path, KeyLogError> {
        let mut entries = Vec::new();
        loop {
            let contested = match self.choose(entries.last().copied())? {
                Choice::One(next) => {
                    entries.push(next);
                    continue;
                }
                Choice::Nobody => false,
                Choice::Contested => true,
            };
            return Ok(Path { entries, contested });
        }
    }

    /// Takes the pin into account: a head that was seen before may be displaced by a recovery, and by nothing else.
    pub(crate) fn path_pinned(&self, pin: EntryHash) -> Result<Path, KeyLogError> {
        let mut path = self.path()?;
        let mut lost = pin;
        // From the pin back to where it left the path.
        loop {
            if path.entries.contains(&lost) {
                break;
            }
            let node = self.nodes.get(&lost).ok_or(KeyLogError::PinLost)?;
            let parent = node.entry.prev;
            let place = parent.map_or(Some(0), |parent| {
                let found = path.entries.iter().position(|entry| *entry == parent);
                found.map(|place| place.saturating_add(1))
            });
            if let Some(place) = place {
                let is_recovery = |hash: &EntryHash| self.nodes.get(hash).is_some_and(|node| node.change.is_recovery());
                let by_right = path.entries.get(place).is_some_and(is_recovery);
                if !by_right && place < path.entries.len() {
                    path.entries.truncate(place);
                    path.contested = true;
                }
                break;
            }
            let Some(parent) = parent else { break };
            lost = parent;
        }
        Ok(path)
    }

    fn choose(&self, prev: Option<EntryHash>) -> Result<Choice, KeyLogError> {
        let Some(children) = self.children.get(&prev) else {
            return Ok(Choice::Nobody);
        };
        let is_recovery = |hash: &&EntryHash| self.nodes.get(hash).is_some_and(|node| node.change.is_recovery());
        let (recoveries, others): (Vec<&EntryHash>, Vec<&EntryHash>) = children.iter().partition(is_recovery);
        if recoveries.is_empty() {
            return Ok(self.settle(&others));
        }
        let choice = self.settle(&recoveries);
        if let Choice::One(recovery) = choice {
            let deadline = self.nodes.get(&recovery).and_then(|node| node.since);
            let deadline = deadline
                .unwrap_or(self.now.as_millis())
                .saturating_sub(RECOVERY_WINDOW.as_millis());
            for other in others {
                if self.counts_before(*other, deadline) {
                    return Err(KeyLogError::RecoveryTooLate);
                }
            }
        }
        Ok(choice)
    }

    /// One of several entries of equal right that follow the same one.
    fn settle(&self, candidates: &[&EntryHash]) -> Choice {
        if let [only] = candidates {
            return Choice::One(**only);
        }
        let mut seen: Vec<(i64, EntryHash)> = candidates
            .iter()
            .filter_map(|hash| Some((self.nodes.get(hash)?.since?, **hash)))
            .collect();
        seen.sort_unstable();
        match seen.as_slice() {
            [] => Choice::Contested,
            [(_since, only)] => Choice::One(*only),
            [(first, hash), (second, _), ..] => {
                if second.saturating_sub(*first) >= RECOVERY_WINDOW.as_millis() {
                    Choice::One(*hash)
                } else {
                    Choice::Contested
                }
            }
        }
    }

    /// Whether an entry, or one that follows it, has counted at the deadline or before.
    fn counts_before(&self, from: EntryHash, deadline: i64) -> bool {
        let mut open = vec![from];
        while let Some(hash) = open.pop() {
            let since = self.nodes.get(&hash).and_then(|node| node.since);
            if since.is_some_and(|since| since <= deadline) {
                return true;
            }
            open.extend(self.children.get(&Some(hash)).into_iter().flatten());
        }
        false
    }
}
