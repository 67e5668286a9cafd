//! The library over its own routes: one node, two nodes, and what strangers try.
#![cfg(test)]

mod audits;
mod chains;
mod gate_disputes;
mod gate_evidence;
mod gate_feedback;
mod gate_repeats;
mod gate_strangers;
mod gates;
mod library;
mod nodes;
mod rotated;
mod statements;
mod works;
mod works_read;
mod works_refusals;
mod works_sold;
mod world;
