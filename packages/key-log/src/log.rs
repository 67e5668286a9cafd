use std::collections::{BTreeMap, BTreeSet};

use imajin_did::{Did, PublicKey};
use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};

use crate::tree::{Path, Tree};
use crate::{
    CLOCK_TOLERANCE, Change, ENTRIES_MAX, Entry, EntryHash, KeyLogError, KeyState, RECEIPTS_MAX, Receipt, Status, check,
};

/// The keys of a witness, for those that are trusted; none for the others.
pub type Witnesses<'a> = &'a dyn Fn(&Did) -> Vec<PublicKey>;

/// The history of one identity's keys, in any order, with what witnesses said about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLog {
    /// The entries. Several may follow the same one.
    pub entries: Vec<Entry>,
    /// The receipts.
    #[serde(default)]
    pub receipts: Vec<Receipt>,
}

/// Two versions of a log, put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// All entries of both, and the receipts of trusted witnesses.
    pub log: KeyLog,
    /// What it says.
    pub state: KeyState,
    /// What is to be pinned now: the head, or while the identity is contested what was pinned before.
    pub pin: Option<EntryHash>,
    /// Whether anything is new.
    pub changed: bool,
}

impl KeyLog {
    /// Recomputes every hash, signature and right, and says which keys count.
    ///
    /// # Errors
    /// [`KeyLogError`] when any entry or receipt does not count.
    pub fn verify(&self, now: Timestamp, witnesses: Witnesses<'_>) -> Result<KeyState, KeyLogError> {
        let tree = check::tree(self, now, witnesses)?;
        let path = tree.path()?;
        state(&tree, &path)
    }

    /// The same for somebody who saw a version before, whose head was `pin`: a version in which it was displaced by
    /// anything but a recovery makes the identity contested.
    ///
    /// # Errors
    /// [`KeyLogError::PinLost`] when the log does not have that head any more; otherwise as for [`KeyLog::verify`].
    pub fn verify_pinned(
        &self,
        pin: EntryHash,
        now: Timestamp,
        witnesses: Witnesses<'_>,
    ) -> Result<KeyState, KeyLogError> {
        let tree = check::tree(self, now, witnesses)?;
        let path = tree.path_pinned(pin)?;
        state(&tree, &path)
    }

    /// Adds a new entry, which must become the head. Whoever accepts by this alone never witnesses two entries after
    /// the same one, but for a recovery that displaces the other.
    ///
    /// # Errors
    /// [`KeyLogError::WrongTime`] when its time is not that of `now`, [`KeyLogError::Known`] when the log has it,
    /// [`KeyLogError::Forked`] when another one follows the same entry; otherwise as for [`KeyLog::verify`]. The log
    /// stays as it was.
    pub fn append(
        &mut self,
        entry: Entry,
        now: Timestamp,
        witnesses: Witnesses<'_>,
    ) -> Result<(Change, KeyState), KeyLogError> {
        let hash = entry.hash()?;
        for known in &self.entries {
            if known.hash()? == hash {
                return Err(KeyLogError::Known);
            }
        }
        let tolerance = CLOCK_TOLERANCE.as_millis();
        if entry.at.abs_diff(now.as_millis()) > tolerance.unsigned_abs() {
            return Err(KeyLogError::WrongTime);
        }
        if self.entries.len() >= ENTRIES_MAX {
            return Err(KeyLogError::Limit("a log has at most 1000 entries"));
        }
        // Its own proofs first: whoever has no key of this identity must not make us verify a long log.
        entry.form_check()?;
        self.change_of(&entry)?;
        self.entries.push(entry);
        let outcome = self.appended(hash, now, witnesses);
        if outcome.is_err() {
            self.entries.pop();
        }
        outcome
    }

    /// What an entry changes: it is put to the one that it names, and to nothing else.
    ///
    /// # Errors
    /// [`KeyLogError`] when it may not follow that one, or the log does not have it.
    pub fn change_of(&self, entry: &Entry) -> Result<Change, KeyLogError> {
        if self.entries.first().is_some_and(|first| first.did != entry.did) {
            return Err(KeyLogError::OtherDid);
        }
        match entry.prev {
            None => Change::first(entry),
            Some(prev) => Change::following(self.entry(prev).ok_or(KeyLogError::PrevUnknown)?, entry),
        }
    }

    fn appended(
        &self,
        hash: EntryHash,
        now: Timestamp,
        witnesses: Witnesses<'_>,
    ) -> Result<(Change, KeyState), KeyLogError> {
        let tree = check::tree(self, now, witnesses)?;
        let path = tree.path()?;
        let node = tree.nodes.get(&hash).filter(|_node| path.entries.last() == Some(&hash));
        match node {
            Some(node) if !path.contested => Ok((node.change, state(&tree, &path)?)),
            _ => Err(KeyLogError::Forked),
        }
    }

    /// Puts another version of the same log to this one, which may be empty. `pin` is the head of the version that
    /// was seen first, and moves with it.
    ///
    /// # Errors
    /// [`KeyLogError::WrongTime`] for a new entry from the future: nothing could follow it before that time has come.
    /// Otherwise as for [`KeyLog::verify_pinned`]: a version with anything wrong in it changes nothing.
    pub fn merge(
        &self,
        pin: Option<EntryHash>,
        other: &Self,
        now: Timestamp,
        witnesses: Witnesses<'_>,
    ) -> Result<Merged, KeyLogError> {
        let mut log = self.clone();
        let mut known = BTreeSet::new();
        for entry in &self.entries {
            known.insert(entry.hash()?);
        }
        let latest = now.plus(CLOCK_TOLERANCE).as_millis();
        for entry in &other.entries {
            if known.insert(entry.hash()?) {
                if entry.at > latest {
                    return Err(KeyLogError::WrongTime);
                }
                log.entries.push(entry.clone());
            }
        }
        for receipt in &other.receipts {
            let hash = receipt.payload.entry;
            let of_entry = || log.receipts.iter().filter(|known| known.payload.entry == hash);
            let is_new = !of_entry().any(|known| known.from == receipt.from) && of_entry().count() < RECEIPTS_MAX;
            // Receipts of strangers are neither believed nor kept: anybody can make any number of them.
            if is_new && check::receipt_is_trusted(receipt, witnesses)? {
                log.receipts.push(receipt.clone());
            }
        }
        let state = match pin {
            Some(pin) => log.verify_pinned(pin, now, witnesses)?,
            None => log.verify(now, witnesses)?,
        };
        let pin = if state.status == Status::Contested {
            pin
        } else {
            state.head
        };
        let changed = (log.entries.len(), log.receipts.len()) != (self.entries.len(), self.receipts.len());
        Ok(Merged {
            log,
            state,
            pin,
            changed,
        })
    }

    /// The entries from the beginning to the head, the first one first.
    pub fn path_to(&self, head: EntryHash) -> Vec<&Entry> {
        let by_hash = self.by_hash();
        let mut path = Vec::new();
        let mut next = Some(head);
        while let Some(entry) = next.and_then(|hash| by_hash.get(&hash)) {
            path.push(*entry);
            next = entry.prev;
        }
        path.reverse();
        path
    }

    /// The same without what somebody who has `known` need not keep: new entries beside the path to `head` for which no
    /// trusted witness speaks. Whoever ever had a key of the identity can make any number of them, and fill the log.
    #[must_use]
    pub fn without_strays(&self, known: &Self, head: Option<EntryHash>) -> Self {
        let mut kept: BTreeSet<EntryHash> = known.by_hash().into_keys().collect();
        let by_hash = self.by_hash();
        let spoken_for = self.receipts.iter().map(|receipt| receipt.payload.entry);
        for start in spoken_for.chain(head) {
            let mut next = Some(start);
            while let Some(hash) = next.filter(|hash| kept.insert(*hash)) {
                next = by_hash.get(&hash).and_then(|entry| entry.prev);
            }
        }
        let mut log = self.clone();
        log.entries
            .retain(|entry| entry.hash().is_ok_and(|hash| kept.contains(&hash)));
        log
    }

    fn by_hash(&self) -> BTreeMap<EntryHash, &Entry> {
        let named = |entry| Some((Entry::hash(entry).ok()?, entry));
        self.entries.iter().filter_map(named).collect()
    }

    /// The entry with this hash.
    pub fn entry(&self, hash: EntryHash) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.hash() == Ok(hash))
    }

    /// Every key that any entry has ever listed: what an old signature may have been made with.
    pub fn keys_ever(&self) -> BTreeSet<PublicKey> {
        self.entries
            .iter()
            .flat_map(|entry| entry.keys.iter().copied())
            .collect()
    }
}

/// What a path says.
fn state(tree: &Tree<'_>, path: &Path) -> Result<KeyState, KeyLogError> {
    let head = path.entries.last().and_then(|head| tree.nodes.get(head));
    let mut state = match head {
        Some(node) => KeyState {
            since: node.since,
            ..node.entry.state()?
        },
        // Two first entries: they agree in the key.
        None => tree
            .nodes
            .values()
            .next()
            .and_then(|node| KeyState::implicit(&node.entry.did))
            .ok_or(KeyLogError::DidForm)?,
    };
    if path.contested {
        state.status = Status::Contested;
    }
    Ok(state)
}
