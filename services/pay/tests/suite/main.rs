//! Pay as its callers see it: over HTTP, through its client, on SQLite and on Postgres.
#![cfg(test)]

mod alike;
mod audits;
mod cards;
mod checkouts;
mod crashes;
mod disputes;
mod fakes;
mod holds;
mod messages;
mod pages;
mod path;
mod payouts;
mod receipts;
mod remote;
mod stripe;
mod stripe_away;
mod stripe_refusals;
mod world;
