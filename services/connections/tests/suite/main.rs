//! Connections as its callers see it: over HTTP, through its clients, on SQLite and on Postgres.
#![cfg(test)]

mod audits;
mod barred;
mod bundles;
mod histories;
mod invites;
mod people;
mod pod_histories;
mod pod_refusals;
mod pod_sights;
mod pods;
mod questions;
mod refusals;
mod sights;
mod statements;
mod watching;
mod world;
