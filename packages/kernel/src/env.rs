use std::sync::Arc;

use crate::{Clock, ManualClock, Random, SeededRandom, SystemClock, SystemRandom, Timestamp};

/// Where time and randomness come from; cheap to clone.
#[derive(Clone)]
pub struct Env {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Env {
    /// Bundles a clock and a source of randomness.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
    }

    /// The machine's clock and the operating system's randomness: what a running node uses.
    pub fn system() -> Self {
        Self::new(Arc::new(SystemClock), Arc::new(SystemRandom))
    }

    /// A clock that stands still until a test moves it, and randomness from a seed.
    pub fn fixed(clock: ManualClock, seed: u64) -> Self {
        Self::new(Arc::new(clock), Arc::new(SeededRandom::new(seed)))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// `N` unpredictable bytes.
    pub fn random_bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// A fresh identifier of the given kind: sortable by creation time, unguessable in its lower 74 bits.
    pub fn new_id<K: crate::id::Kind>(&self) -> crate::id::Id<K> {
        crate::id::Id::generate(self.now(), self.random_bytes())
    }
}
