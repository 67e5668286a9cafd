//! MJN headers, one per line: those of a request, which are also read as an answer's; the rest is the body of a stream.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use imajin_consent::{ContentRef, DeclarationDraft, IntendedUse};
use imajin_did::SecretKey;
use imajin_mjn::{
    AnswerDraft, AnswerExpectation, AnswerSigner, Means, MjnRequest, RequestBinding, RequestDraft,
    SettlementInstruction, StreamClose, StreamHead, StreamOutcome, StreamSigner, answer_sign, answer_verify,
    request_sign, stream_sign,
};
use imajin_proof::http_sig::SignatureParams;
use serde_json::json;

const URL: &str = "https://node.example/connections/api/query";
const BODY: &[u8] = b"{}";
const DATA: &[u8] = b"data: x\n\n";
const RECEIPT: &str = "rcp_01kjk2xj000w3ge1r70w3ge1r7";
const NAMES: [&str; 10] = [
    "signature-input",
    "signature",
    "content-digest",
    "x-mjn-did",
    "x-mjn-signature",
    "x-mjn-consent",
    "x-mjn-settlement",
    "x-mjn-timestamp",
    "x-mjn-fair",
    "x-mjn-receipt",
];

fn key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

fn signed() -> Option<(HeaderMap, RequestBinding)> {
    let consent = DeclarationDraft {
        consumer: key().did(),
        content: ContentRef::Did(key().did()),
        intended_use: IntendedUse::Query,
        scope: None,
        expires: None,
        timestamp: crate::NOW,
        nonce: "0123456789abcdef".to_owned(),
    };
    let consent = consent.sign(&key()).ok()?;
    let settlement = SettlementInstruction {
        max: "0.05 TEST-USD".parse().ok()?,
        means: Means::Visa("a.b.c".to_owned()),
    };
    let draft = RequestDraft {
        method: "POST",
        target_uri: URL,
        idempotency_key: None,
        consent: &consent,
        settlement: &settlement,
        body: BODY,
    };
    let params = SignatureParams {
        keyid: key().did(),
        created: crate::NOW,
        nonce: "0123456789abcdef".to_owned(),
        tag: None,
    };
    request_sign(&key(), &draft, &params).ok()
}

/// The headers and bodies of a whole and of a streamed answer.
fn answers(binding: &RequestBinding) -> Option<[(HeaderMap, Vec<u8>); 2]> {
    let (did, key) = (key().did(), key());
    let by = AnswerSigner {
        did: &did,
        key: &key,
        now: crate::NOW,
    };
    let fair = "fair_example01".parse().ok()?;
    let receipt = RECEIPT.parse().ok();
    let draft = AnswerDraft {
        status: 200,
        fair: Some(&fair),
        receipt,
        body: BODY,
    };
    let whole = answer_sign(&by, binding, &draft).ok()?;
    let head = stream_sign(&by, binding, 200, receipt).ok()?;
    let mut signer = StreamSigner::new(binding, 200);
    signer.push(DATA);
    let close = StreamClose {
        outcome: StreamOutcome::Complete,
        fair: None,
        receipt: Some(json!({"payload": {"id": RECEIPT}})),
    };
    let mut body = DATA.to_vec();
    body.extend(signer.end(&by, close).ok()?);
    Some([(whole, BODY.to_vec()), (head, body)])
}

/// An exchange that somebody has signed: the request, what binds its answers, and what the two answers are.
struct Known {
    headers: HeaderMap,
    binding: RequestBinding,
    answers: [(HeaderMap, Vec<u8>); 2],
}

/// Signed once: signing takes longer than everything that a target does with an input.
fn known() -> Option<&'static Known> {
    static KNOWN: OnceLock<Option<Known>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let (headers, binding) = signed()?;
        let answers = answers(&binding)?;
        Some(Known {
            headers,
            binding,
            answers,
        })
    });
    known.as_ref()
}

fn lines(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let values = NAMES.map(|name| headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default());
    let mut text = values.join(&b'\n');
    text.push(b'\n');
    text.extend_from_slice(body);
    text
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let Some(known) = known() else { return Vec::new() };
    let answers = known.answers.iter().map(|(headers, body)| lines(headers, body));
    [lines(&known.headers, BODY)].into_iter().chain(answers).collect()
}

pub(crate) fn run(data: &[u8]) {
    let mut parts = data.splitn(NAMES.len().saturating_add(1), |byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for (name, line) in NAMES.into_iter().zip(parts.by_ref()) {
        if let Ok(value) = HeaderValue::from_bytes(line)
            && !line.is_empty()
        {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let stream = parts.next().unwrap_or_default();
    let keys = [key().public()];
    let Some(Known {
        headers: known,
        binding,
        answers,
    }) = known()
    else {
        return;
    };
    if let Ok(read) = MjnRequest::read("POST", URL, &headers, BODY)
        && let Ok(verified) = read.verify(&keys, crate::NOW)
    {
        let read = MjnRequest::read("POST", URL, known, BODY).and_then(|read| read.verify(&keys, crate::NOW));
        assert_eq!(
            read.map(|known| known.base),
            Ok(verified.base),
            "nobody signed this request"
        );
    }
    let from = key().did();
    let expect = AnswerExpectation {
        from: &from,
        now: crate::NOW,
    };
    let [(whole, _), (_, body)] = answers;
    if let Ok(verified) = answer_verify(&keys, binding, &expect, 200, &headers, BODY) {
        let known = answer_verify(&keys, binding, &expect, 200, whole, BODY);
        assert_eq!(
            known.map(|known| known.base),
            Ok(verified.base),
            "nobody signed this answer"
        );
    }
    let Ok(head) = StreamHead::verify(&keys, binding, &expect, 200, &headers) else {
        return;
    };
    let mut reader = head.reader();
    let shown = stream
        .chunks(7)
        .map(|piece| reader.push(piece))
        .collect::<Result<Vec<_>, _>>();
    if reader.finish(&keys).is_ok() {
        assert_eq!(
            shown.map(|shown| shown.concat()),
            Ok(DATA.to_vec()),
            "nobody signed this stream"
        );
        assert_eq!(stream.len(), body.len());
    }
}
