//! Paid questions as their callers see them, on SQLite and on Postgres.
#![cfg(test)]

mod answers;
mod audits;
mod comparing;
mod crashes;
mod disclosures;
mod documents;
mod engines;
mod exports;
mod fakes;
mod forgetting;
mod grants;
mod long_logs;
mod pods;
mod profiles;
mod refusals;
mod retention;
// The tables of the service, which nobody else can name.
#[path = "../../src/schema.rs"]
mod schema;
mod streams;
mod world;
