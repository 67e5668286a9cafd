//! The public behaviour of `imajin-consent`.
#![cfg(test)]

mod declaration;
mod evaluate;
mod grants;
mod laws;
mod nonces;
mod outcome;
mod query;
mod standing;
mod vectors;

use imajin_consent::{ContentRef, DeclarationDraft, IntendedUse, VerifiedDeclaration};
use imajin_did::SecretKey;
use imajin_fair::Manifest;
use imajin_kernel::Timestamp;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};

/// The time of the vectors: 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// The seed is fixed, so a run can be repeated.
fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x1a_5eed),
        ..Config::default()
    }
}

/// A work by the person 1 with these terms.
fn work(terms: &Value) -> Manifest {
    let value = json!({"contributors": [{"did": key(1).did(), "role": "author", "share": 1}], "terms": terms});
    Manifest::from_value(value).unwrap()
}

/// A declaration by the person 2, made now.
fn draft(content: ContentRef, intended_use: IntendedUse) -> DeclarationDraft {
    DeclarationDraft {
        consumer: key(2).did(),
        content,
        intended_use,
        scope: None,
        expires: None,
        timestamp: NOW,
        nonce: "n-0001".to_owned(),
    }
}

fn verified(draft: &DeclarationDraft) -> VerifiedDeclaration {
    let declaration = draft.sign(&key(2)).unwrap();
    declaration.verify(&[key(2).public()], NOW).unwrap()
}
