//! The ledger on both databases.

mod histories;
mod holds;
mod postings;
mod tampering;
mod world;
