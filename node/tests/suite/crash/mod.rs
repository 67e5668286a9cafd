//! The node dies at any moment: no money without a ticket or a refund, no ticket without money.

mod away;
mod books;
mod dance;
mod dice;
mod disk;
mod kill;
mod line;
mod names;
mod phase;
mod power;
mod questions;
pub(crate) mod relay;
mod rush;
mod server;
mod shop;
mod world;

/// How often the node is killed; `IMAJIN_CRASH_ROUNDS` asks for more.
fn rounds(default: u32) -> u32 {
    std::env::var("IMAJIN_CRASH_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}
