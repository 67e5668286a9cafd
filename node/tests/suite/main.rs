//! The whole path with the real program: processes, databases, a browser, and what happens when they die.
#![cfg(test)]

mod browser;
mod browser_profile;
mod cli;
mod crash;
mod processes;
mod profile;
mod refusals;
mod support;
mod verify;
