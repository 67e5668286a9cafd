use std::collections::{BTreeMap, BTreeSet};

use imajin_did::{Did, PublicKey};
use imajin_kernel::Timestamp;

use crate::{Entry, EntryHash, KeyLog};

/// Which keys of an identity counted when, for somebody: what an old signature is checked with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyHistory(Vec<KeySpan>);

/// Some keys, and when they counted.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KeySpan {
    keys: Vec<PublicKey>,
    /// None: from the beginning.
    from: Option<Timestamp>,
    /// None: still.
    until: Option<Timestamp>,
}

impl KeyHistory {
    /// Of an identity without a log: the key that it is.
    pub fn implicit(did: &Did) -> Self {
        Self(Vec::from_iter(did.public_key().map(|key| KeySpan {
            keys: vec![key],
            from: None,
            until: None,
        })))
    }

    /// From a verified log, whose head is `head`. `counted` says since when an entry has counted for whoever looks at
    /// it; one that never did, because another one was there first, has no time.
    pub fn of(log: &KeyLog, head: Option<EntryHash>, counted: &dyn Fn(EntryHash) -> Option<Timestamp>) -> Self {
        let on_path: BTreeSet<EntryHash> = head
            .map(|head| log.path_to(head))
            .unwrap_or_default()
            .into_iter()
            .filter_map(|entry| entry.hash().ok())
            .collect();
        let mut times: BTreeMap<EntryHash, (Timestamp, &Entry)> = BTreeMap::new();
        for entry in &log.entries {
            let Ok(hash) = entry.hash() else { continue };
            let since = counted(hash).or_else(|| on_path.contains(&hash).then(|| entry.at()));
            if let Some(since) = since {
                times.insert(hash, (since, entry));
            }
        }
        let Some((_since, any)) = times.values().next() else {
            return log
                .entries
                .first()
                .map_or_else(Self::default, |entry| Self::implicit(&entry.did));
        };
        let mut spans = Self::implicit(&any.did).0;
        let first = times.values().filter(|(_, entry)| entry.prev.is_none());
        let first = first.map(|(since, _)| *since).min();
        for span in &mut spans {
            span.until = first;
        }
        for (hash, (since, entry)) in &times {
            let followers = times.values().filter(|(_, next)| next.prev == Some(*hash));
            let until = followers.map(|(since, _)| *since).min();
            spans.push(KeySpan {
                keys: entry.keys.clone(),
                from: Some(*since),
                until: until.or_else(|| displaced_at(*hash, &on_path, &times)),
            });
        }
        Self(spans)
    }

    /// The keys that counted at that moment.
    pub fn in_force(&self, at: Timestamp) -> Vec<PublicKey> {
        let mut keys = Vec::new();
        for span in &self.0 {
            if span.from.is_none_or(|from| from <= at) && span.until.is_none_or(|until| at < until) {
                keys.extend(span.keys.iter().copied());
            }
        }
        keys
    }
}

/// When the entry that displaced this one began to count; none for one that counts.
fn displaced_at(
    hash: EntryHash,
    on_path: &BTreeSet<EntryHash>,
    times: &BTreeMap<EntryHash, (Timestamp, &Entry)>,
) -> Option<Timestamp> {
    if on_path.contains(&hash) {
        return None;
    }
    let mut next = Some(hash);
    loop {
        let prev = times.get(&next?)?.1.prev;
        let displacing = times
            .iter()
            .find(|(other, (_, entry))| on_path.contains(*other) && entry.prev == prev);
        if let Some((_, (since, _))) = displacing {
            return Some(*since);
        }
        next = prev;
    }
}
