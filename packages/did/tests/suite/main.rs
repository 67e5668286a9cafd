//! The public behaviour of `imajin-did`: forms of DIDs, keys, seals, documents, and the vectors of others.
#![cfg(test)]

mod documents;
mod forms;
mod keys;
mod p256;
mod seals;
mod vectors;

use imajin_did::Did;
use imajin_kernel::{Env, ManualClock, Timestamp};
use serde_json::Value;

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn env() -> Env {
    Env::fixed(ManualClock::at(Timestamp::from_seconds(1_772_323_200)), 7)
}

fn did(text: &str) -> Did {
    text.parse().unwrap()
}
