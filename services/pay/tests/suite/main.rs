//! Pay as its callers see it: over HTTP, through its client, on SQLite and on Postgres.
#![cfg(test)]

mod alike;
mod audits;
mod balance;
mod balance_refusals;
mod cards;
mod chain;
mod checkouts;
mod contracts;
mod crashes;
mod disputes;
mod fakes;
mod fees;
mod free;
mod holds;
mod limits;
mod messages;
mod operator;
mod pages;
mod path;
mod payouts;
mod receipts;
mod reconcile;
mod reconcile_own;
mod refund_property;
mod refunds;
mod refunds_by_card;
mod refunds_of_shares;
mod remote;
mod shares;
mod solana;
mod statements;
mod stripe;
mod stripe_away;
mod stripe_refusals;
mod world;
