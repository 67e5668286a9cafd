//! The public behaviour of `imajin-key-log`: what counts, what is refused, and what no thief can do.
#![cfg(test)]

mod forks;
mod forms;
mod histories;
mod merging;
mod properties;
mod rules;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::{Span, Timestamp};
use imajin_key_log::{Change, Entry, EntryDraft, KeyHash, KeyLog, KeyLogError, KeyState, receipt_sign};

/// 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

#[expect(clippy::unnecessary_wraps, reason = "the form in which entries take it")]
fn hidden(key: &SecretKey) -> Option<KeyHash> {
    Some(KeyHash::of(&key.public()))
}

/// Trusts the nodes with the seeds 200 to 203.
fn witnesses(did: &Did) -> Vec<PublicKey> {
    static NODES: LazyLock<BTreeMap<Did, PublicKey>> =
        LazyLock::new(|| (200..=203).map(key).map(|node| (node.did(), node.public())).collect());
    NODES.get(did).copied().into_iter().collect()
}

fn at(hours: i64) -> Timestamp {
    NOW.plus(Span::hours(hours))
}

/// A person with a phone (1), a key kept back (2), a recovery key on paper (9), and the node 200 as a witness.
struct Person {
    log: KeyLog,
    now: Timestamp,
}

impl Person {
    fn new() -> Self {
        let mut person = Self {
            log: KeyLog::default(),
            now: NOW,
        };
        let draft = EntryDraft::inception(&key(1).public(), hidden(&key(2)), Some(key(9).public()), NOW);
        person.accept(draft.sign(&[&key(1)]).unwrap()).unwrap();
        person
    }

    /// What the home node does: append, and witness.
    #[expect(clippy::needless_pass_by_value, reason = "what is accepted is no longer changed")]
    fn accept(&mut self, entry: Entry) -> Result<Change, KeyLogError> {
        let (change, _state) = self.log.append(entry.clone(), self.now, &witnesses)?;
        self.witness(200, self.now, &entry);
        Ok(change)
    }

    fn witness(&mut self, node: u8, time: Timestamp, entry: &Entry) {
        let receipt = receipt_sign(&key(node), key(node).did(), time, entry).unwrap();
        self.log.receipts.push(receipt);
    }

    fn state(&self) -> KeyState {
        self.log.verify(self.now, &witnesses).unwrap()
    }

    fn entry(&self, place: usize) -> &Entry {
        &self.log.entries[place]
    }

    /// The rotation that the owner would make: to the key that was kept back, with another one behind it.
    fn rotation(&self) -> Entry {
        let state = self.state();
        EntryDraft::rotation(&state, vec![key(2).public()], hidden(&key(3)), state.recovery, self.now)
            .sign(&[&key(1), &key(2)])
            .unwrap()
    }

    /// What the recovery key says after the entry at `place`.
    fn recovery_after(&self, place: usize) -> Entry {
        let state = self.entry(place).state().unwrap();
        let keys = vec![key(5).public()];
        EntryDraft::recovery(&state, keys, hidden(&key(6)), Some(key(10).public()), self.now)
            .sign(&[&key(9)])
            .unwrap()
    }
}
