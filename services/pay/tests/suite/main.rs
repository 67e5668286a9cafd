//! Pay as its callers see it: over HTTP, through its client, on SQLite and on Postgres.
#![cfg(test)]

mod audits;
mod chain;
mod checkouts;
mod contracts;
mod crashes;
mod fakes;
mod fees;
mod holds;
mod messages;
mod pages;
mod path;
mod receipts;
mod remote;
mod shares;
mod statements;
mod world;
