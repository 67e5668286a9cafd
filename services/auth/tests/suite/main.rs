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
mod origins;
mod register;
mod rotation;
mod sessions;
mod setup;
mod uniform;
mod world;
