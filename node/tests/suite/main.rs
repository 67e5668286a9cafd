//! The whole path with the real program: processes, databases, a browser, and what happens when they die.
#![cfg(test)]

mod access;
mod authorisation;
mod browser;
mod browser_access;
mod browser_claim;
mod browser_contract;
mod browser_fair;
mod browser_identity;
mod browser_keys;
mod browser_profile;
mod cards;
mod claim;
mod cli;
mod crash;
mod fair;
mod fair_library;
mod fair_plans;
mod interop;
mod keys;
mod keys_abroad;
mod processes;
mod processes_auth;
mod profile;
mod refunds;
mod refusals;
mod statements;
mod support;
mod vault;
mod verify;
