//! A database whose writer waits to be told: what a deterministic simulation drives.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use crate::writer::Writer;

/// What becomes of a batch of writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is committed, and everybody hears of it.
    Kept,
    /// The database is away: nothing is written, and everybody hears that.
    Refused,
    /// It is committed, and the line breaks before anybody hears of it.
    KeptUnheard,
    /// The line breaks before it is committed: nobody knows that nothing was written.
    LostUnheard,
}

/// Runs the writes of a [`crate::Db`] that was opened with [`crate::Db::open_stepped`], when it is told to and on the
/// thread that tells it. Nothing happens in between, so that whoever decides the order of all steps decides everything.
pub struct Stepper(Mutex<Writer>);

impl Stepper {
    pub(crate) fn new(writer: Writer) -> Self {
        Self(Mutex::new(writer))
    }

    /// How many writes wait.
    pub fn waiting(&self) -> usize {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .queued
            .load(Ordering::Relaxed)
    }

    /// Runs at most so many of the waiting writes in one transaction; returns how many it took. Their callers have
    /// their answers then, and go on when they are polled.
    pub fn step(&self, length: usize, fate: Fate) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).step(length, fate)
    }
}

impl std::fmt::Debug for Stepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stepper").finish_non_exhaustive()
    }
}
