//! How often one node may call. Counted after its signature was checked: a stranger cannot use up somebody's calls.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use imajin_kernel::{Span, Timestamp};

/// At most so many calls in so much time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    pub(crate) calls: u32,
    pub(crate) within: Span,
}

const fn quota(calls: u32, within: Span) -> Quota {
    Quota { calls, within }
}

/// Heartbeats: one every five minutes fits with room for repeats.
pub(crate) const HEARTBEATS: [Quota; 4] = [
    quota(2, Span::seconds(1)),
    quota(15, Span::minutes(1)),
    quota(100, Span::hours(1)),
    quota(300, Span::days(1)),
];

/// Changes of a name's addresses and texts by its credentials.
pub(crate) const UPDATES: [Quota; 4] = HEARTBEATS;

/// Attestations: each accepted one stays in the log for ever, and a node needs one a month.
pub(crate) const ATTESTATIONS: [Quota; 4] = [
    quota(2, Span::seconds(1)),
    quota(6, Span::minutes(1)),
    quota(20, Span::hours(1)),
    quota(50, Span::days(1)),
];

/// So many keys are remembered in each of two generations.
pub(crate) const GENERATION_LENGTH: usize = 65_536;

#[derive(Debug, Clone, Copy)]
struct Counter {
    since: Timestamp,
    calls: u32,
}

type Counters = [Counter; 4];

/// Counts calls by public key, in bounded memory: keys that were not seen while `GENERATION_LENGTH` others were are
/// forgotten first.
pub(crate) struct CallLimit {
    quotas: [Quota; 4],
    generation_length: usize,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    current: HashMap<[u8; 32], Counters>,
    previous: HashMap<[u8; 32], Counters>,
}

impl CallLimit {
    pub(crate) fn new(quotas: [Quota; 4], generation_length: usize) -> Self {
        Self {
            quotas,
            generation_length,
            generations: Mutex::new(Generations::default()),
        }
    }

    /// Counts a call, or says after how many seconds the next one is welcome.
    pub(crate) fn count(&self, key: [u8; 32], now: Timestamp) -> Result<(), u32> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let known = generations
            .current
            .get(&key)
            .or_else(|| generations.previous.get(&key))
            .copied();
        let mut counters = known.unwrap_or([Counter { since: now, calls: 0 }; 4]);
        let mut wait = Span::ZERO;
        for (counter, quota) in counters.iter_mut().zip(self.quotas) {
            let ends = counter.since.plus(quota.within);
            // A clock that was set back must not lock a node out.
            if ends <= now || counter.since > now {
                *counter = Counter { since: now, calls: 0 };
            } else if counter.calls >= quota.calls {
                wait = wait.max(ends.since(now));
            }
        }
        if wait > Span::ZERO {
            return Err(u32::try_from(wait.as_seconds()).unwrap_or(u32::MAX).saturating_add(1));
        }
        for counter in &mut counters {
            counter.calls = counter.calls.saturating_add(1);
        }
        generations.keep(key, counters, self.generation_length);
        Ok(())
    }
}

impl Generations {
    fn keep(&mut self, key: [u8; 32], counters: Counters, length: usize) {
        if self.current.len() >= length && !self.current.contains_key(&key) {
            self.previous = std::mem::take(&mut self.current);
        }
        self.current.insert(key, counters);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_900_000_000);

    #[test]
    fn each_quota_counts_and_says_when_to_come_back() {
        let limit = CallLimit::new(HEARTBEATS, 8);
        assert_eq!(limit.count([1; 32], NOW), Ok(()));
        assert_eq!(limit.count([1; 32], NOW), Ok(()));
        assert_eq!(limit.count([1; 32], NOW), Err(2));
        assert_eq!(limit.count([2; 32], NOW), Ok(()));
        for second in 1..14 {
            assert_eq!(limit.count([1; 32], NOW.plus(Span::seconds(second))), Ok(()));
        }
        assert_eq!(limit.count([1; 32], NOW.plus(Span::seconds(20))), Err(41));
        assert_eq!(limit.count([1; 32], NOW.plus(Span::seconds(60))), Ok(()));
    }

    #[test]
    fn a_heartbeat_every_five_minutes_is_never_too_many() {
        let limit = CallLimit::new(HEARTBEATS, 8);
        for beat in 0..3 * 288 {
            assert_eq!(limit.count([1; 32], NOW.plus(Span::minutes(5 * beat))), Ok(()));
        }
    }

    #[test]
    fn memory_is_bounded_and_the_busy_are_remembered() {
        let limit = CallLimit::new(HEARTBEATS, 4);
        limit.count([255; 32], NOW).unwrap();
        limit.count([255; 32], NOW).unwrap();
        for other in 0..100_u8 {
            limit.count([other; 32], NOW).unwrap();
            let generations = limit.generations.lock().unwrap();
            assert!(generations.current.len() + generations.previous.len() <= 8);
        }
        assert_eq!(limit.count([99; 32], NOW), Ok(()));
        assert_eq!(limit.count([99; 32], NOW), Err(2));
    }
}
