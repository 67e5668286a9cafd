//! Paid questions as their callers see them, on SQLite and on Postgres.
#![cfg(test)]

mod answers;
mod audits;
mod crashes;
mod documents;
mod engines;
mod fakes;
mod grants;
mod refusals;
mod streams;
mod world;
