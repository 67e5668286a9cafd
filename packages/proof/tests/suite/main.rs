//! The public behaviour of `imajin-proof`: canonical JSON, messages, HTTP signatures and tokens.
#![cfg(test)]

mod attestation;
mod data_integrity;
mod http_sig;
mod http_sig_foreign;
mod http_sig_response;
mod jcs;
mod jose;
mod message;
mod rfc9421;
mod token;

use imajin_did::SecretKey;
use imajin_kernel::Timestamp;

/// The time of the vectors: 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}
