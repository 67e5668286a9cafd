//! `cargo bench -p imajin-proof`: what our verifications cost beside the bare arithmetic of the libraries, in one run.
//!
//! `raw_*` is one signature over the same bytes by the library alone. `key_*` is the same through our key types.
//! `request_*` reads two structured fields, digests the body, builds the signature base and checks URL, method, time
//! and coverage besides. `message_*` writes the canonical JSON (RFC 8785) that is signed.
#![expect(clippy::unwrap_used, reason = "a measurement of something that fails is none")]

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use divan::Bencher;
use imajin_did::{P256Key, SecretKey, Signature, VerifyingKey};
use imajin_kernel::Timestamp;
use imajin_proof::SignedMessage;
use imajin_proof::digest::content_digest;
use imajin_proof::http_sig::{Expectation, RequestToSign, SignatureParams, SignedRequest, sign};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
const URL: &str = "https://node.example/events/api/checkout";
const BODIES: [usize; 3] = [128, 4 * 1024, 64 * 1024];

fn main() {
    divan::main();
}

fn secret() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

fn body(bytes: usize) -> Vec<u8> {
    vec![b'x'; bytes]
}

const EXPECT: Expectation<'_> = Expectation {
    now: NOW,
    target_uri: URL,
    method: "POST",
    tag: None,
};

fn request(bytes: usize) -> SignedRequest {
    let params = SignatureParams {
        keyid: secret().did(),
        created: NOW,
        nonce: "0123456789abcdef0123456789abcdef".to_owned(),
        tag: None,
    };
    let request = RequestToSign {
        method: "POST",
        target_uri: URL,
        idempotency_key: Some("order-7"),
        body: &body(bytes),
    };
    sign(&secret(), &request, &params).unwrap()
}

/// The base of such a request: what the bare arithmetic gets.
fn base() -> (Vec<u8>, Signature) {
    let verified = request(128).verify(&[secret().public()], &EXPECT).unwrap();
    (verified.base.into_bytes(), verified.signature)
}

#[divan::bench]
fn raw_ed25519_strict(bencher: Bencher<'_, '_>) {
    let (base, signature) = base();
    let key = ed25519_dalek::VerifyingKey::from_bytes(secret().public().as_bytes()).unwrap();
    let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
    bencher.bench_local(|| key.verify_strict(divan::black_box(&base), &signature).unwrap());
}

#[divan::bench]
fn key_ed25519(bencher: Bencher<'_, '_>) {
    let (base, signature) = base();
    let key = secret().public();
    bencher.bench_local(|| key.verify(divan::black_box(&base), &signature).unwrap());
}

#[divan::bench(args = BODIES)]
fn request_ed25519(bencher: Bencher<'_, '_>, body_bytes: usize) {
    let (request, keys) = (request(body_bytes), [secret().public()]);
    bencher.bench_local(|| divan::black_box(&request).verify(&keys, &EXPECT).unwrap());
}

fn message(bytes: usize) -> SignedMessage<Value> {
    let line = json!({"description": "one line of some length, as receipts have it", "amount": "10.00", "quantity": 2});
    let lines = vec![line; bytes.div_ceil(90)];
    let payload = json!({"id": "rcp_1", "currency": "EUR", "lines": lines});
    SignedMessage::sign(&secret(), secret().did(), "receipt", None, NOW, payload).unwrap()
}

#[divan::bench(args = BODIES)]
fn raw_ed25519_strict_over_message(bencher: Bencher<'_, '_>, payload_bytes: usize) {
    let message = message(payload_bytes);
    let bytes = message.signed_bytes().unwrap();
    let key = ed25519_dalek::VerifyingKey::from_bytes(secret().public().as_bytes()).unwrap();
    let signature = ed25519_dalek::Signature::from_bytes(message.signature.as_bytes());
    bencher.bench_local(|| key.verify_strict(divan::black_box(&bytes), &signature).unwrap());
}

#[divan::bench(args = BODIES)]
fn message_ed25519(bencher: Bencher<'_, '_>, payload_bytes: usize) {
    let (message, key) = (message(payload_bytes), secret().public());
    bencher.bench_local(|| divan::black_box(&message).verify("receipt", &key).unwrap());
}

struct ByP256 {
    request: SignedRequest,
    base: Vec<u8>,
    signature: Signature,
    point: [u8; 65],
}

fn by_p256(bytes: usize) -> ByP256 {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let key = P256Key::from_uncompressed(pair.public_key().as_ref()).unwrap();
    let input = format!(
        "(\"@method\" \"@target-uri\" \"content-digest\");created={};keyid=\"did:key:{key}\";nonce=\"n-1\"",
        NOW.as_seconds()
    );
    let digest = content_digest(&body(bytes));
    let base = format!(
        "\"@method\": POST\n\"@target-uri\": {URL}\n\"content-digest\": {digest}\n\"@signature-params\": {input}"
    );
    let signature = pair.sign(&SystemRandom::new(), base.as_bytes()).unwrap();
    ByP256 {
        request: SignedRequest {
            method: "POST".to_owned(),
            target_uri: URL.to_owned(),
            content_digest: Some(digest),
            idempotency_key: None,
            signature_input: format!("sig1={input}"),
            signature: format!("sig1=:{}:", STANDARD.encode(signature.as_ref())),
            body: body(bytes),
        },
        base: base.into_bytes(),
        signature: Signature::from_slice(signature.as_ref()).unwrap(),
        point: key.to_uncompressed(),
    }
}

#[divan::bench]
fn raw_p256(bencher: Bencher<'_, '_>) {
    let case = by_p256(128);
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, case.point).unwrap();
    let (base, signature) = (case.base.as_slice(), case.signature.as_bytes());
    bencher.bench_local(|| key.verify_sig(divan::black_box(base), signature).unwrap());
}

#[divan::bench]
fn key_p256(bencher: Bencher<'_, '_>) {
    let case = by_p256(128);
    let key = P256Key::from_uncompressed(&case.point).unwrap();
    bencher.bench_local(|| key.verify(divan::black_box(&case.base), &case.signature).unwrap());
}

#[divan::bench(args = BODIES)]
fn request_p256(bencher: Bencher<'_, '_>, body_bytes: usize) {
    let case = by_p256(body_bytes);
    let keys = [VerifyingKey::from(P256Key::from_uncompressed(&case.point).unwrap())];
    bencher.bench_local(|| divan::black_box(&case.request).verify(&keys, &EXPECT).unwrap());
}
