//! Randomness that is the same in every run.

use imajin_kernel::{Random, SeededRandom};

/// Where and when things break.
pub(super) struct Dice(SeededRandom);

impl Dice {
    pub(super) fn new() -> Self {
        Self(SeededRandom::new(20_261_121))
    }

    /// A number below `end`.
    pub(super) fn below(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % end
    }

    /// A place in a list of this length.
    pub(super) fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap())).unwrap()
    }
}
