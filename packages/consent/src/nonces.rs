use std::collections::{BTreeSet, HashSet};

use imajin_did::Did;
use imajin_kernel::Timestamp;

use crate::VerifiedDeclaration;

/// The nonces that were spent and could still be tried again, in memory.
///
/// For programs without a database, and for the tests. It forgets when the process ends and is not shared with other
/// processes: a service spends its nonces in the transaction of the mutation. Its size is bounded by refusing, never by
/// forgetting: a nonce that is dropped early could be spent twice.
#[derive(Debug)]
pub struct SpentNonces {
    capacity: usize,
    spent: HashSet<(Did, String)>,
    /// The same, by the time from which each may be forgotten.
    by_end: BTreeSet<(Timestamp, Did, String)>,
}

/// What became of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    /// It was new.
    Spent,
    /// It was spent before.
    Before,
    /// There is no room for it; the exchange must be refused.
    Full,
}

impl SpentNonces {
    /// Remembers at most `capacity` nonces at once.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            spent: HashSet::new(),
            by_end: BTreeSet::new(),
        }
    }

    /// Spends the nonce of a declaration.
    pub fn spend_declaration(&mut self, verified: &VerifiedDeclaration, now: Timestamp) -> Spending {
        let nonce = verified.declaration().nonce();
        self.spend(&verified.consumer(), nonce, verified.nonce_kept_until(), now)
    }

    /// Spends a nonce that could be tried again until `kept_until`. The DID is in its canonical form.
    pub fn spend(&mut self, did: &Did, nonce: &str, kept_until: Timestamp, now: Timestamp) -> Spending {
        self.forget(now);
        let one = (did.clone(), nonce.to_owned());
        if self.spent.contains(&one) {
            return Spending::Before;
        }
        if self.spent.len() >= self.capacity {
            return Spending::Full;
        }
        let (did, nonce) = one.clone();
        self.by_end.insert((kept_until, did, nonce));
        self.spent.insert(one);
        Spending::Spent
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.spent.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.spent.is_empty()
    }

    /// Forgets what can no longer be tried.
    fn forget(&mut self, now: Timestamp) {
        while let Some((end, _, _)) = self.by_end.first()
            && *end < now
            && let Some((_, did, nonce)) = self.by_end.pop_first()
        {
            self.spent.remove(&(did, nonce));
        }
    }
}
