use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::Timestamp;

use crate::entry::VERSION;
use crate::{Entry, KeyHash, KeyLogError, KeyState};

/// An entry that nobody has signed yet.
#[derive(Debug, Clone)]
pub struct EntryDraft(Entry);

impl EntryDraft {
    /// The first entry of the identity that this key is.
    pub fn inception(key: &PublicKey, next: Option<KeyHash>, recovery: Option<PublicKey>, now: Timestamp) -> Self {
        Self(Entry {
            version: VERSION,
            did: Did::from_key(key),
            seq: 0,
            prev: None,
            keys: vec![*key],
            next_key_hash: next,
            recovery,
            at: now.as_millis(),
            proof: Vec::new(),
        })
    }

    /// Adds a key: a new device. Signed by any current key.
    pub fn addition(state: &KeyState, key: &PublicKey, now: Timestamp) -> Self {
        let mut draft = Self::after(state, now);
        draft.0.keys.push(*key);
        draft
    }

    /// Replaces the keys. Signed by a current key and by the one that was kept back, which must be among the new ones.
    pub fn rotation(
        state: &KeyState,
        keys: Vec<PublicKey>,
        next: Option<KeyHash>,
        recovery: Option<PublicKey>,
        now: Timestamp,
    ) -> Self {
        let mut draft = Self::after(state, now);
        draft.0.keys = keys;
        draft.0.next_key_hash = next;
        draft.0.recovery = recovery;
        draft
    }

    /// Replaces the keys by right of the recovery key. To displace what came later, `state` is that of an earlier
    /// entry: [`Entry::state`].
    pub fn recovery(
        state: &KeyState,
        keys: Vec<PublicKey>,
        next: Option<KeyHash>,
        recovery: Option<PublicKey>,
        now: Timestamp,
    ) -> Self {
        Self::rotation(state, keys, next, recovery, now)
    }

    /// Ends the identity. Signed like a rotation, or by the recovery key.
    pub fn deactivation(state: &KeyState, now: Timestamp) -> Self {
        Self::rotation(state, Vec::new(), None, None, now)
    }

    fn after(state: &KeyState, now: Timestamp) -> Self {
        Self(Entry {
            version: VERSION,
            did: state.did.clone(),
            seq: state.seq.saturating_add(u32::from(state.head.is_some())),
            prev: state.head,
            keys: state.keys.clone(),
            next_key_hash: state.next_key_hash,
            recovery: state.recovery,
            // Never before the predecessor, whose maker's clock may have been ahead.
            at: now.as_millis().max(state.at),
            proof: Vec::new(),
        })
    }

    /// Signs with each of the keys, in their order. Whether they are the right ones is for the log to say.
    ///
    /// # Errors
    /// When the entry has no canonical form.
    pub fn sign(self, keys: &[&SecretKey]) -> Result<Entry, KeyLogError> {
        let mut entry = self.0;
        for key in keys {
            entry.sign(key)?;
        }
        Ok(entry)
    }
}
