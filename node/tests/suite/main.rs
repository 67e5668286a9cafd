//! The whole path with the real program: processes, databases, a browser, and what happens when they die.
#![cfg(test)]

mod authorisation;
mod browser;
mod cli;
mod crash;
mod fair;
mod processes;
mod refusals;
mod support;
mod verify;
