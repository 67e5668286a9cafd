//! Zone names, and updates of a real server.
#![cfg(test)]

mod knot;
mod names;
