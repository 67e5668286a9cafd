//! The whole path with the real program: processes, databases, a browser, and what happens when they die.
#![cfg(test)]

mod authorisation;
mod browser;
mod browser_claim;
mod browser_identity;
mod browser_keys;
mod browser_profile;
mod cards;
mod claim;
mod cli;
mod crash;
mod fair;
mod fair_plans;
mod interop;
mod keys;
mod processes;
mod profile;
mod refusals;
mod support;
mod vault;
mod verify;
