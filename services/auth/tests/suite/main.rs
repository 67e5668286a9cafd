//! Auth through its routes and its client, on SQLite and on Postgres.
#![cfg(test)]

mod attestations;
mod audits;
mod claims;
mod clients;
mod documents;
mod login;
mod mailbox;
mod mailing;
mod register;
mod sessions;
mod setup;
mod world;
