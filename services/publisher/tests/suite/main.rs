//! The library over its own routes: one node, two nodes, and what strangers try.
#![cfg(test)]

mod audits;
mod chains;
mod library;
mod nodes;
mod rotated;
mod statements;
mod world;
