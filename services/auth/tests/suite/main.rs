//! Auth through its routes and its client, on SQLite and on Postgres.
#![cfg(test)]

mod access;
mod attestations;
mod audits;
mod claims;
mod clients;
mod devices;
mod documents;
mod federation;
mod flood;
mod foreign;
mod handles;
mod key_log;
mod keys;
mod kinds;
mod login;
mod mailbox;
mod mailing;
mod mirrors;
mod moves;
mod new_homes;
mod notices;
mod oidc;
mod origins;
mod passkeys;
mod peers;
mod pictures;
mod recovered;
mod register;
mod rotation;
mod sessions;
mod setup;
mod uniform;
mod witnessing;
mod world;
