//! What one consent costs: reading, checking the signature, and putting it to the terms.

use imajin_consent::{ContentRef, Declaration, DeclarationDraft, IntendedUse, WorkAsked, evaluate};
use imajin_did::SecretKey;
use imajin_fair::Manifest;
use imajin_kernel::Timestamp;
use serde_json::json;

const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);

fn main() {
    divan::main();
}

fn work() -> Option<Manifest> {
    let author = SecretKey::from_seed([1; 32]).did();
    let value = json!({
        "contributors": [{"did": author, "role": "author", "share": 1}],
        "terms": {"read": {"price": "0.08", "currency": "USD", "consent": "explicit"}},
    });
    Manifest::from_value(value).ok()
}

fn declared(manifest: &Manifest) -> Option<Vec<u8>> {
    let key = SecretKey::from_seed([2; 32]);
    let draft = DeclarationDraft {
        consumer: key.did(),
        content: ContentRef::Fair(manifest.id.clone()),
        intended_use: IntendedUse::Read,
        scope: None,
        expires: None,
        timestamp: NOW,
        nonce: "0123456789abcdef".to_owned(),
    };
    draft.sign(&key).ok()?.canonical_bytes().ok()
}

#[divan::bench]
fn parse_verify_evaluate(bencher: divan::Bencher<'_, '_>) {
    let (Some(manifest), keys) = (work(), [SecretKey::from_seed([2; 32]).public()]) else {
        return;
    };
    let (Some(bytes), offered) = (declared(&manifest), "0.10 USD".parse().ok()) else {
        return;
    };
    bencher.bench(|| {
        let declared = Declaration::parse(&bytes).ok()?.verify(&keys, NOW).ok()?;
        let asked = WorkAsked {
            manifest: &manifest,
            wanted: IntendedUse::Read,
            scope: None,
            price_named: None,
            offered,
        };
        evaluate(&declared, &asked).ok()
    });
}

#[divan::bench]
fn parse_alone(bencher: divan::Bencher<'_, '_>) {
    let Some(bytes) = work().as_ref().and_then(declared) else {
        return;
    };
    bencher.bench(|| Declaration::parse(&bytes).is_ok());
}
