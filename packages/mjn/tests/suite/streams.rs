use http::HeaderMap;
use imajin_did::PublicKey;
use imajin_kernel::id::ReceiptId;
use imajin_mjn::{
    AnswerExpectation, AnswerSigner, MjnError, RequestBinding, StreamClose, StreamHead, StreamOutcome, StreamReader,
    StreamSigner, VerifiedStream, stream_sign,
};
use imajin_proof::ProofError;
use serde_json::{Value, json};

use crate::{BODY, NOW, key, receipt, signed, signed_with};

const EVENTS: [&str; 3] = ["data: Money\n\n", ": still here\n\n", "event: source\ndata: fair_1\n\n"];

pub(crate) fn receipt_document(id: ReceiptId) -> Value {
    json!({"from": key(9).did(), "type": "receipt", "payload": {"id": id}, "signature": "00"})
}

pub(crate) fn close() -> StreamClose {
    StreamClose {
        outcome: StreamOutcome::Complete,
        fair: None,
        receipt: Some(receipt_document(receipt())),
    }
}

/// The header and the whole body of an answer by the person 1.
fn answer_with(binding: &RequestBinding, events: &[&str], close: StreamClose) -> (HeaderMap, Vec<u8>) {
    let (did, key) = (key(1).did(), key(1));
    let by = AnswerSigner {
        did: &did,
        key: &key,
        now: NOW,
    };
    let headers = stream_sign(&by, binding, 200, Some(receipt())).unwrap();
    let mut signer = StreamSigner::new(binding, 200);
    let mut body = Vec::new();
    for event in events {
        signer.push(event.as_bytes());
        body.extend_from_slice(event.as_bytes());
    }
    body.extend(signer.end(&by, close).unwrap());
    (headers, body)
}

fn answer(binding: &RequestBinding) -> (HeaderMap, Vec<u8>) {
    answer_with(binding, &EVENTS, close())
}

fn head(binding: &RequestBinding, status: u16, headers: &HeaderMap) -> Result<StreamHead, MjnError> {
    let from = key(1).did();
    let expect = AnswerExpectation { from: &from, now: NOW };
    StreamHead::verify(&[key(1).public()], binding, &expect, status, headers)
}

fn reader(binding: &RequestBinding, headers: &HeaderMap) -> StreamReader {
    head(binding, 200, headers).unwrap().reader()
}

fn read(
    binding: &RequestBinding,
    headers: &HeaderMap,
    body: &[u8],
    piece: usize,
) -> Result<(Vec<u8>, VerifiedStream), MjnError> {
    let (mut reader, mut data) = (reader(binding, headers), Vec::new());
    for bytes in body.chunks(piece) {
        data.extend(reader.push(bytes)?);
    }
    let keys: [PublicKey; 1] = [key(1).public()];
    Ok((data, reader.finish(&keys)?))
}

fn refusal(binding: &RequestBinding, headers: &HeaderMap, body: &[u8]) -> MjnError {
    read(binding, headers, body, 7).unwrap_err()
}

#[test]
fn a_stream_is_confirmed_by_its_last_event_in_whatever_pieces_it_comes() {
    let (_, binding) = signed();
    let (headers, body) = answer(&binding);
    for piece in [1, 2, 7, 11, 64, body.len()] {
        let (data, verified) = read(&binding, &headers, &body, piece).unwrap();
        assert_eq!(String::from_utf8(data).unwrap(), EVENTS.concat());
        assert_eq!(
            (verified.did, verified.end.outcome),
            (key(1).did(), StreamOutcome::Complete)
        );
        assert_eq!(verified.end.receipt, Some(receipt_document(receipt())));
    }
}

#[test]
fn an_event_that_is_broken_off_is_ended_first() {
    let (_, binding) = signed();
    for events in [vec!["data: Mon"], vec!["data: Mon\n"], vec![]] {
        let (headers, body) = answer_with(&binding, &events, close());
        let (data, _) = read(&binding, &headers, &body, 5).unwrap();
        let text = String::from_utf8(data).unwrap();
        assert!(text.is_empty() || text == "data: Mon\n\n", "{text:?}");
    }
}

#[test]
fn a_cut_stream_is_refused_wherever_it_is_cut() {
    let (_, binding) = signed();
    let (headers, body) = answer(&binding);
    for length in 0..body.len() {
        assert_eq!(refusal(&binding, &headers, &body[..length]), MjnError::Cut, "{length}");
    }
}

#[test]
fn an_altered_stream_is_refused_wherever_it_is_altered() {
    let (_, binding) = signed();
    let (headers, body) = answer(&binding);
    for place in 0..body.len() {
        let mut altered = body.clone();
        altered[place] ^= 1;
        assert!(read(&binding, &headers, &altered, 64).is_err(), "{place}");
    }
    let data = EVENTS.concat().len();
    let mut shorter = body.clone();
    shorter.drain(EVENTS[0].len()..data);
    assert_eq!(refusal(&binding, &headers, &shorter), MjnError::Altered("the length"));
    let mut swapped = EVENTS[1].as_bytes().to_vec();
    swapped.extend(EVENTS[0].as_bytes());
    swapped.extend(&body[EVENTS[0].len() + EVENTS[1].len()..]);
    assert_eq!(refusal(&binding, &headers, &swapped), MjnError::Altered("the data"));
    let mut longer = body.clone();
    longer.extend(b"data: more\n\n");
    assert_eq!(
        refusal(&binding, &headers, &longer),
        MjnError::Altered("what follows the last event")
    );
}

#[test]
fn the_end_of_another_stream_is_refused() {
    let (_, binding) = signed();
    let (_, other) = signed_with("fedcba9876543210", BODY);
    let (headers, body) = answer(&binding);
    let (other_headers, other_body) = answer(&other);
    assert_eq!(
        refusal(&binding, &headers, &other_body),
        MjnError::Altered("the request")
    );
    assert_eq!(refusal(&other, &other_headers, &body), MjnError::Altered("the request"));
    let bad = Err(MjnError::Proof(ProofError::BadSignature));
    assert_eq!(head(&other, 200, &headers).map(|_| ()), bad);
    assert_eq!(head(&binding, 206, &headers).map(|_| ()), bad);
}

#[test]
fn the_receipt_at_the_end_is_the_one_that_was_reserved() {
    let (_, binding) = signed();
    let other = ReceiptId::generate(NOW, [8; 10]);
    for document in [None, Some(receipt_document(other)), Some(json!({}))] {
        let close = StreamClose {
            receipt: document,
            ..close()
        };
        let (headers, body) = answer_with(&binding, &EVENTS, close);
        assert_eq!(refusal(&binding, &headers, &body), MjnError::Altered("the receipt"));
    }
}

#[test]
fn a_failed_answer_has_no_receipt() {
    let (_, binding) = signed();
    let failed = |receipt| StreamClose {
        outcome: StreamOutcome::Failed,
        fair: None,
        receipt,
    };
    let (headers, body) = answer_with(&binding, &EVENTS, failed(None));
    let (_, verified) = read(&binding, &headers, &body, 64).unwrap();
    assert_eq!(verified.end.outcome, StreamOutcome::Failed);
    let (headers, body) = answer_with(&binding, &EVENTS, failed(Some(receipt_document(receipt()))));
    assert_eq!(refusal(&binding, &headers, &body), MjnError::Altered("the receipt"));
}

#[test]
fn an_end_without_end_is_not_kept() {
    let (_, binding) = signed();
    let (headers, _) = answer(&binding);
    let mut reader = reader(&binding, &headers);
    reader.push(b"event: mjn\n").unwrap();
    let piece = vec![b'x'; 64 * 1024];
    let refused = (0..17).find_map(|_| reader.push(&piece).err());
    assert_eq!(refused, Some(MjnError::TooLarge("the last event of the stream")));
}
