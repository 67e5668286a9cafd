//! Auth through its routes and its client, on SQLite and on Postgres.
#![cfg(test)]

mod audits;
mod clients;
mod documents;
mod federation;
mod login;
mod mailbox;
mod mailing;
mod oidc;
mod passkeys;
mod register;
mod sessions;
mod setup;
mod world;
