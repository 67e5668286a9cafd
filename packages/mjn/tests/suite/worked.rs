//! The worked bytes of `docs/mjn-headers.md`: made here again from the seeds, and compared with the page and with what
//! another implementation has made.

use http::HeaderMap;
use imajin_consent::{ContentRef, DeclarationDraft, IntendedUse};
use imajin_did::SecretKey;
use imajin_kernel::id::ReceiptId;
use imajin_mjn::{
    AnswerDraft, AnswerSigner, RequestBinding, RequestDraft, StreamClose, StreamOutcome, StreamSigner, answer_sign,
    request_sign, stream_sign,
};
use imajin_proof::SignedMessage;
use imajin_proof::digest::sha256_hex;
use imajin_proof::http_sig::SignatureParams;
use serde_json::{Value, json};

use crate::vectors::{text, vectors};
use crate::{NOW, settlement};

const PAGE: &str = include_str!("../../../../docs/mjn-headers.md");

fn secret(vectors: &Value, who: &str) -> SecretKey {
    SecretKey::from_seed_hex(text(vectors, &format!("/{who}/seed"))).unwrap()
}

fn receipt() -> ReceiptId {
    "rcp_01kjk2xj000w3ge1r70w3ge1r7".parse().unwrap()
}

/// The request of the page, signed by ours.
fn request(vectors: &Value) -> (HeaderMap, RequestBinding) {
    let (asker, leader) = (secret(vectors, "asker"), secret(vectors, "leader"));
    let consent = DeclarationDraft {
        consumer: asker.did(),
        content: ContentRef::Did(leader.did()),
        intended_use: IntendedUse::Query,
        scope: Some(sha256_hex(b"What is a hold?")),
        expires: None,
        timestamp: NOW,
        nonce: "consent-0001".to_owned(),
    };
    let (consent, settlement) = (consent.sign(&asker).unwrap(), settlement());
    let draft = RequestDraft {
        method: "POST",
        target_uri: text(vectors, "/request/url"),
        idempotency_key: Some("ask-7"),
        consent: &consent,
        settlement: &settlement,
        body: text(vectors, "/request/body").as_bytes(),
    };
    let params = SignatureParams {
        keyid: asker.did(),
        created: NOW,
        nonce: "request-0001".to_owned(),
        tag: None,
    };
    request_sign(&asker, &draft, &params).unwrap()
}

/// Whether ours made the fields of the vector, and the page shows them.
fn same(headers: &HeaderMap, vector: &Value) {
    let fields = vector["headers"].as_object().unwrap();
    assert_eq!(headers.len(), fields.len());
    for (name, value) in fields {
        let value = value.as_str().unwrap();
        assert_eq!(headers[name.to_ascii_lowercase().as_str()], value, "{name}");
        shown(&format!("{name}: {value}\n"));
    }
    shown(vector["base"].as_str().unwrap());
}

#[track_caller]
fn shown(text: &str) {
    assert!(PAGE.contains(text), "docs/mjn-headers.md does not show:\n{text}");
}

#[test]
fn the_page_shows_what_we_sign() {
    let vectors = vectors();
    let (headers, binding) = request(&vectors);
    same(&headers, &vectors["request"]);
    shown(text(&vectors, "/request/body"));
    shown(text(&vectors, "/asker/seed"));
    shown(text(&vectors, "/leader/seed"));

    let leader = secret(&vectors, "leader");
    let did = leader.did();
    let by = AnswerSigner {
        did: &did,
        key: &leader,
        now: NOW,
    };
    let fair = "fair_example01".parse().unwrap();
    let draft = AnswerDraft {
        status: 200,
        fair: Some(&fair),
        receipt: Some(receipt()),
        body: text(&vectors, "/answer/body").as_bytes(),
    };
    same(&answer_sign(&by, &binding, &draft).unwrap(), &vectors["answer"]);
    shown(text(&vectors, "/answer/body"));

    same(
        &stream_sign(&by, &binding, 200, Some(receipt())).unwrap(),
        &vectors["stream"],
    );
    let data = text(&vectors, "/stream/data");
    let mut signer = StreamSigner::new(&binding, 200);
    signer.push(data.as_bytes());
    let document = SignedMessage::sign(&leader, leader.did(), "receipt", None, NOW, json!({"id": receipt()})).unwrap();
    let close = StreamClose {
        outcome: StreamOutcome::Complete,
        fair: None,
        receipt: Some(serde_json::to_value(document).unwrap()),
    };
    let body = format!("{data}{}", String::from_utf8(signer.end(&by, close).unwrap()).unwrap());
    assert_eq!(body, text(&vectors, "/stream/body"));
    shown(&body);
}
