//! Messages that could not be processed yet, and when to try again. Only a reminder: after a restart each is tried at
//! once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use imajin_kernel::id::RailMessageId;
use imajin_kernel::{Span, Timestamp};

/// The longest wait between two attempts.
const WAIT_MAX: Span = Span::minutes(10);
/// They wait 1 s, 2 s, 4 s, …
const DOUBLINGS_MAX: u32 = 10;

/// Attempts in vain, and not before when the next one is made, for each message.
#[derive(Debug, Default)]
pub(crate) struct Later(Mutex<HashMap<RailMessageId, (u32, Timestamp)>>);

impl Later {
    /// Whether a message is to be tried now.
    pub(crate) fn is_due(&self, id: RailMessageId, now: Timestamp) -> bool {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.get(&id).is_none_or(|(_, due)| *due <= now)
    }

    /// An attempt was in vain.
    pub(crate) fn put_back(&self, id: RailMessageId, now: Timestamp) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (attempts, due) = waiting.entry(id).or_insert((0, now));
        *due = now.plus(Span::seconds(1_i64 << (*attempts).min(DOUBLINGS_MAX)).min(WAIT_MAX));
        *attempts = attempts.saturating_add(1);
    }

    /// It is processed.
    pub(crate) fn forget(&self, id: RailMessageId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Something has happened that they may have waited for: all of them are tried at once.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
