use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use imajin_kernel::{Problem, Timestamp};

use crate::{AccessRecord, Records, Replays};

/// Claims in memory: for one process, until it ends.
pub struct MemoryReplays {
    spent: Mutex<BTreeMap<(String, String), Timestamp>>,
    capacity: usize,
}

impl MemoryReplays {
    /// Remembers at most so many at once, and refuses what comes beyond them.
    pub fn new(capacity: usize) -> Self {
        Self {
            spent: Mutex::default(),
            capacity,
        }
    }
}

#[async_trait]
impl Replays for MemoryReplays {
    async fn spend(&self, agent: &str, key: &str, kept_until: Timestamp, now: Timestamp) -> Result<bool, Problem> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (agent.to_owned(), key.to_owned());
        if spent.contains_key(&name) {
            return Ok(false);
        }
        if spent.len() >= self.capacity {
            spent.retain(|_name, until| *until >= now);
        }
        if spent.len() >= self.capacity {
            return Err(Problem::unavailable("The memory for claims"));
        }
        spent.insert(name, kept_until);
        Ok(true)
    }
}

/// The newest decisions in memory.
pub struct MemoryRecords {
    records: Mutex<VecDeque<AccessRecord>>,
    capacity: usize,
}

impl MemoryRecords {
    /// Keeps at most so many.
    pub fn new(capacity: usize) -> Self {
        Self {
            records: Mutex::default(),
            capacity,
        }
    }

    /// All that are kept, the oldest first.
    pub fn list(&self) -> Vec<AccessRecord> {
        let records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter().cloned().collect()
    }
}

#[async_trait]
impl Records for MemoryRecords {
    async fn record(&self, record: AccessRecord) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= self.capacity {
            records.pop_front();
        }
        records.push_back(record);
    }
}
