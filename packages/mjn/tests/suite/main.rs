//! The public behaviour of `imajin-mjn`.
#![cfg(test)]

mod answers;
mod laws;
mod layer;
mod requests;
mod settlement;
mod streams;
mod vectors;
mod worked;

use http::HeaderMap;
use imajin_consent::{ContentRef, Declaration, DeclarationDraft, IntendedUse};
use imajin_did::SecretKey;
use imajin_kernel::Timestamp;
use imajin_kernel::id::ReceiptId;
use imajin_mjn::{
    Means, MjnError, MjnRequest, RequestBinding, RequestDraft, SettlementInstruction, VerifiedMjnRequest,
};
use imajin_proof::http_sig::SignatureParams;

/// The time of the vectors: 2026-03-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_seconds(1_772_323_200);
const URL: &str = "https://node.example/connections/api/query";
const BODY: &[u8] = br#"{"query":"What is a hold?"}"#;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// The person 2 consents to ask the person 1.
fn consent(nonce: &str) -> Declaration {
    let draft = DeclarationDraft {
        consumer: key(2).did(),
        content: ContentRef::Did(key(1).did()),
        intended_use: IntendedUse::Query,
        scope: None,
        expires: None,
        timestamp: NOW,
        nonce: nonce.to_owned(),
    };
    draft.sign(&key(2)).unwrap()
}

fn settlement() -> SettlementInstruction {
    SettlementInstruction {
        max: "0.05 TEST-USD".parse().unwrap(),
        means: Means::Balance,
    }
}

fn params(nonce: &str) -> SignatureParams {
    SignatureParams {
        keyid: key(2).did(),
        created: NOW,
        nonce: nonce.to_owned(),
        tag: None,
    }
}

fn signed_with(nonce: &str, body: &[u8]) -> (HeaderMap, RequestBinding) {
    let (consent, settlement) = (consent(nonce), settlement());
    let draft = RequestDraft {
        method: "POST",
        target_uri: URL,
        idempotency_key: Some("ask-7"),
        consent: &consent,
        settlement: &settlement,
        body,
    };
    imajin_mjn::request_sign(&key(2), &draft, &params(nonce)).unwrap()
}

fn signed() -> (HeaderMap, RequestBinding) {
    signed_with("0123456789abcdef", BODY)
}

fn check(
    method: &str,
    url: &str,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<VerifiedMjnRequest, MjnError> {
    MjnRequest::read(method, url, headers, body)?.verify(&[key(2).public()], now)
}

fn receipt() -> ReceiptId {
    ReceiptId::generate(NOW, [7; 10])
}
