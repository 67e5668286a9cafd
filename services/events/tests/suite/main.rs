//! Events as its callers see it: over HTTP, through its clients, on SQLite and on Postgres.
#![cfg(test)]

mod audits;
mod checkouts;
mod deliveries;
mod demo;
mod drafts;
mod events;
mod fakes;
mod library;
mod remote;
mod rush;
mod sources;
mod tickets;
mod world;
