//! The trust graph against slow, obvious implementations.
#![cfg(test)]

mod memory;
mod model;
mod rank;
mod search;
mod ties;
