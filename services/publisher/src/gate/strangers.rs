//! Visitors that have proven nothing. Anybody can send their requests, for nothing, so they are written down one by one
//! only up to a bound; of what is over it one record for each minute says how much it was.

use std::sync::{Mutex, MutexGuard, PoisonError};

use imajin_gate::AccessRecord;
use imajin_imagxp::{Refusal, VisitorType};
use imajin_kernel::Timestamp;

use super::goods::minute_of;

/// So many requests are written down one by one in a minute, at each site and process.
const KEPT_MAX: u32 = 600;

#[derive(Default)]
pub(super) struct Strangers(Mutex<Minute>);

struct Minute {
    since: Timestamp,
    kept: u32,
    left_out: u64,
}

impl Default for Minute {
    fn default() -> Self {
        Self::of(Timestamp::from_seconds(0))
    }
}

impl Strangers {
    /// Whether a record is written down, and what is to be written down before it. Whoever has proven something, or has
    /// paid, is always among the records.
    pub(super) fn take(&self, record: &AccessRecord) -> (Option<AccessRecord>, bool) {
        if record.agent.is_some() || record.paid.is_some() || record.receipt.is_some() {
            return (None, true);
        }
        let left_out = self.end_before(record.at);
        let mut minute = self.lock();
        let is_kept = minute.kept < KEPT_MAX;
        if is_kept {
            minute.kept = minute.kept.saturating_add(1);
        } else {
            minute.left_out = minute.left_out.saturating_add(1);
        }
        (left_out, is_kept)
    }

    /// What was left out, if its minute is over.
    pub(super) fn end_before(&self, now: Timestamp) -> Option<AccessRecord> {
        let mut minute = self.lock();
        if minute.since == minute_of(now) {
            return None;
        }
        std::mem::replace(&mut *minute, Minute::of(minute_of(now))).sum()
    }

    /// What was left out so far.
    pub(super) fn end(&self) -> Option<AccessRecord> {
        let mut minute = self.lock();
        let sum = minute.sum();
        minute.left_out = 0;
        sum
    }

    fn lock(&self) -> MutexGuard<'_, Minute> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Minute {
    const fn of(since: Timestamp) -> Self {
        Self {
            since,
            kept: 0,
            left_out: 0,
        }
    }

    fn sum(&self) -> Option<AccessRecord> {
        let reason = format!(
            "{} more requests of visitors that have proven nothing came in this minute, passed or refused: only \
             {KEPT_MAX} are written down one by one.",
            self.left_out
        );
        (self.left_out > 0).then(|| AccessRecord {
            at: self.since,
            agent: None,
            thumbprint: None,
            // It is about many of them, and many answers.
            url: String::new(),
            purpose: None,
            visitor: VisitorType::UnidentifiedBot,
            refusal: Some(Refusal::IdentityRequired),
            reason,
            binding: None,
            claim_digest: None,
            visa: None,
            paid: None,
            receipt: None,
            status: 0,
            is_dry: false,
        })
    }
}
