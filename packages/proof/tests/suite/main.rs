//! The public behaviour of `imajin-proof`: canonical JSON, messages, HTTP signatures and tokens.
#![cfg(test)]

mod attestation;
mod http_sig;
mod http_sig_foreign;
mod jcs;
mod message;
mod token;

use imajin_did::SecretKey;
use imajin_kernel::Timestamp;

/// The time of the vectors: 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}
