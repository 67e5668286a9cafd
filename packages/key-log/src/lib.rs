#![doc = include_str!("../README.md")]

mod change;
mod check;
mod draft;
mod entry;
mod error;
mod hashes;
mod history;
mod log;
mod receipt;
mod state;
mod tree;

pub use change::Change;
pub use draft::EntryDraft;
pub use entry::Entry;
pub use error::KeyLogError;
pub use hashes::{EntryHash, KeyHash};
pub use history::KeyHistory;
pub use log::{KeyLog, Merged, Witnesses};
pub use receipt::{RECEIPT_KIND, Receipt, ReceiptBody, receipt_sign};
pub use state::{KeyState, Status};

use imajin_kernel::Span;

/// Keys that an entry may list.
pub const KEYS_MAX: usize = 16;
/// Proofs that an entry may carry.
pub const PROOFS_MAX: usize = 4;
/// Entries that a log may have.
pub const ENTRIES_MAX: usize = 1_000;
/// Receipts that an entry may have.
pub const RECEIPTS_MAX: usize = 64;
/// The size of an entry's canonical text, with its proofs.
pub const ENTRY_BYTES_MAX: usize = 8 * 1024;
/// How long a recovery can displace what it does not agree with, and by how much the earlier of two entries wins.
pub const RECOVERY_WINDOW: Span = Span::hours(72);
/// How far the time in a new entry may be from the clock of whoever accepts it.
pub const CLOCK_TOLERANCE: Span = Span::minutes(5);
