//! How often one node may call. Counted after its signature was checked: a stranger cannot use up somebody's calls.

use std::collections::HashMap;
use std::net::IpAddr;
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

/// How many nodes may register for the first time from one address: a key costs nothing, an address something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewNodes {
    /// In an hour.
    pub per_hour: u32,
    /// In a day.
    pub per_day: u32,
}

impl NewNodes {
    pub(crate) const fn quotas(self) -> [Quota; 2] {
        [quota(self.per_hour, Span::hours(1)), quota(self.per_day, Span::days(1))]
    }
}

/// What is counted of an address: of IPv6 the 64 bits that one customer has at least. None for this machine itself, as
/// everywhere.
pub(crate) fn source_key(address: IpAddr) -> Option<[u8; 32]> {
    let address = address.to_canonical();
    if address.is_loopback() {
        return None;
    }
    let mut key = [0; 32];
    let octets = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().into_iter().take(8).collect(),
    };
    key.iter_mut().zip(octets).for_each(|(byte, octet)| *byte = octet);
    // Apart from addresses of the other kind.
    if let Some(last) = key.last_mut() {
        *last = if address.is_ipv4() { 4 } else { 6 };
    }
    Some(key)
}

/// So many keys are remembered in each of two generations.
pub(crate) const GENERATION_LENGTH: usize = 65_536;

#[derive(Debug, Clone, Copy)]
struct Counter {
    since: Timestamp,
    calls: u32,
}

/// Counts calls by public key, in bounded memory: keys that were not seen while `GENERATION_LENGTH` others were are
/// forgotten first.
pub(crate) struct CallLimit<const N: usize = 4> {
    quotas: [Quota; N],
    generation_length: usize,
    generations: Mutex<Generations<N>>,
}

struct Generations<const N: usize> {
    current: HashMap<[u8; 32], [Counter; N]>,
    previous: HashMap<[u8; 32], [Counter; N]>,
}

impl<const N: usize> CallLimit<N> {
    pub(crate) fn new(quotas: [Quota; N], generation_length: usize) -> Self {
        Self {
            quotas,
            generation_length,
            generations: Mutex::new(Generations {
                current: HashMap::new(),
                previous: HashMap::new(),
            }),
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
        let mut counters = known.unwrap_or([Counter { since: now, calls: 0 }; N]);
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

impl<const N: usize> Generations<N> {
    fn keep(&mut self, key: [u8; 32], counters: [Counter; N], length: usize) {
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
    fn addresses_are_counted_by_what_one_customer_has() {
        let key = |text: &str| source_key(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1:2:3"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("32.1.13.184"), key("2001:db8::"));
        assert_eq!((key("127.0.0.1"), key("::1")), (None, None));
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
