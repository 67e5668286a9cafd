//! The broker as agents, publishers and its operator see it, on SQLite and on Postgres; pay's ledger is played by a
//! purse that loses answers when a test wants it to.
#![cfg(test)]

mod accounts;
mod audits;
mod dispute_evidence;
mod dispute_refusals;
mod disputes;
mod laws;
mod oauth;
mod pages;
mod purse;
mod redemptions;
mod transfers;
mod visas;
mod world;
