#![doc = include_str!("../README.md")]

mod answer;
mod bearer;
mod caches;
mod decide;
mod directory;
mod documents;
mod evidence;
mod feedback;
mod gate;
mod identity;
mod judge;
mod layer;
mod memory;
mod proxy;
mod receipts;
mod retry;
mod seams;
mod sum;
mod tunnel;

pub use directory::{AgentDirectory, Busy, Documents, GuardedDocuments};
pub use documents::documents;
pub use evidence::{
    NoRecordEvidence, RECORD_VERSION, RECORDS_KIND, RecordEvidence, RecordsHead, record_digest, record_link,
};
pub use feedback::{Heard, reason_alone};
pub use gate::{Gate, GateDeps, GateOptions};
pub use identity::{Asked, Identified};
pub use judge::{Admitted, Judgement, Refused, is_undecided};
pub use layer::gated;
pub use memory::{MemoryRecords, MemoryReplays};
pub use proxy::{Proxy, ProxyOptions};
pub use seams::{AccessRecord, Charge, Charged, Feedbacks, ManifestShown, Records, Replays, Till};
pub use tunnel::Tunnels;
