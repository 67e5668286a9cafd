//! The whole path with the real program: processes, databases, a browser, and what happens when they die.
#![cfg(test)]

mod browser;
mod browser_identity;
mod cli;
mod crash;
mod interop;
mod processes;
mod refusals;
mod support;
mod verify;
