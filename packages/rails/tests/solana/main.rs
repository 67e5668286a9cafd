//! The Solana rail against the real virtual machine with the real programs.
#![cfg(test)]

mod chaos;
mod facts;
mod payees;
mod payments;
mod payouts;
mod plans;
mod rail;
mod refunds;
mod servers;
mod store;
mod support;
mod watching;
mod wire;
