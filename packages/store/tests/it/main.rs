//! The store on SQLite and on Postgres: every test runs on both.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy knows only functions marked as tests, and these are called by them"
)]

mod audits;
mod faults;
mod logs;
mod migrations;
mod nonces;
mod queues;
mod reads;
mod rows;
mod signers;
mod stepped;
mod world;
mod writes;
