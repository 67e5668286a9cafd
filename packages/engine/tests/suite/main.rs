//! The public behaviour of `imajin-engine`.
#![cfg(test)]

mod chat;
mod embedded;
mod extraction;
mod index;
mod openai;
mod quoting;

use imajin_engine::{Document, DocumentId, MediaType};
use proptest::test_runner::{Config, RngSeed};

/// The seed is fixed, so a run can be repeated.
fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x1a_5eed),
        ..Config::default()
    }
}

fn id(text: &str) -> DocumentId {
    text.parse().unwrap()
}

fn plain(text: &str) -> Document<'_> {
    Document::new(MediaType::Text, text.as_bytes()).unwrap()
}
