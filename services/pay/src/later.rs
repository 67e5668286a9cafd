//! What could not be done yet, and when to try again. Only a reminder: after a restart all of it is tried at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use imajin_kernel::{Span, Timestamp};

/// The longest wait between two attempts.
const WAIT_MAX: Span = Span::minutes(10);
/// They wait 1 s, 2 s, 4 s, …
const DOUBLINGS_MAX: u32 = 10;

/// Attempts in vain, and not before when the next one is made, for each message or share.
#[derive(Debug)]
pub(crate) struct Later<K>(Mutex<HashMap<K, (u32, Timestamp)>>);

impl<K> Default for Later<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash> Later<K> {
    /// Whether something is to be tried now.
    pub(crate) fn is_due(&self, key: K, now: Timestamp) -> bool {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get(&key).is_none_or(|(_, due)| *due <= now)
    }

    /// An attempt was in vain.
    pub(crate) fn put_back(&self, key: K, now: Timestamp) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (attempts, due) = waiting.entry(key).or_insert((0, now));
        *due = now.plus(Span::seconds(1_i64 << (*attempts).min(DOUBLINGS_MAX)).min(WAIT_MAX));
        *attempts = attempts.saturating_add(1);
    }

    /// It is done.
    pub(crate) fn forget(&self, key: K) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Something has happened that they may have waited for: all of them are tried at once.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
