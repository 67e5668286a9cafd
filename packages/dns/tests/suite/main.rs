//! Zone names, and updates of a real server.
#![cfg(test)]

mod cloudflare;
mod knot;
mod names;
