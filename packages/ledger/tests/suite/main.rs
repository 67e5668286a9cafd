//! The ledger on both databases.
#![cfg(test)]

mod histories;
mod holds;
mod limits;
mod linked;
mod postings;
mod tampering;
mod world;
