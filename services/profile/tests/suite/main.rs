//! Profile as its callers see it: over HTTP, through its clients, on SQLite and on Postgres.
#![cfg(test)]

mod audits;
mod avatars;
mod exports;
mod fakes;
mod pictures;
mod profiles;
mod publisher;
mod remote;
mod searches;
mod world;
