//! An exchange that Node.js has signed.

use http::{HeaderMap, HeaderName};
use imajin_did::{Did, PublicKey};
use imajin_mjn::{AnswerExpectation, MjnRequest, RequestBinding, StreamHead, VerifiedMjnRequest, answer_verify};
use serde_json::Value;

use crate::NOW;

pub(crate) fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/mjn.json")).unwrap()
}

pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).unwrap().as_str().unwrap()
}

fn headers(value: &Value) -> HeaderMap {
    let fields = value["headers"].as_object().unwrap();
    let fields = fields.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, value.as_str().unwrap().parse().unwrap())
    });
    fields.collect()
}

fn party(value: &Value, name: &str) -> (Did, PublicKey) {
    let did: Did = text(value, &format!("/{name}/did")).parse().unwrap();
    let key = did.public_key().unwrap();
    (did, key)
}

fn request(vectors: &Value) -> (VerifiedMjnRequest, RequestBinding) {
    let (_, asker) = party(vectors, "asker");
    let headers = headers(&vectors["request"]);
    let [method, url, body] = ["method", "url", "body"].map(|name| text(vectors, &format!("/request/{name}")));
    let read = MjnRequest::read(method, url, &headers, body.as_bytes()).unwrap();
    let verified = read.verify(&[asker], NOW).unwrap();
    (verified, RequestBinding::of_request(&headers).unwrap())
}

#[test]
fn a_request_of_another_implementation_verifies() {
    let vectors = vectors();
    let (verified, binding) = request(&vectors);
    assert_eq!(verified.base, text(&vectors, "/request/base"));
    assert_eq!(verified.binding, binding);
    assert_eq!(verified.settlement.max, "0.05 TEST-USD".parse().unwrap());
}

#[test]
fn an_answer_of_another_implementation_verifies() {
    let vectors = vectors();
    let ((from, key), (_, binding)) = (party(&vectors, "leader"), request(&vectors));
    let expect = AnswerExpectation { from: &from, now: NOW };
    let (headers, body) = (headers(&vectors["answer"]), text(&vectors, "/answer/body"));
    let verified = answer_verify(&[key], &binding, &expect, 200, &headers, body.as_bytes()).unwrap();
    assert_eq!(verified.base, text(&vectors, "/answer/base"));
}

#[test]
fn a_stream_of_another_implementation_verifies() {
    let vectors = vectors();
    let ((from, key), (_, binding)) = (party(&vectors, "leader"), request(&vectors));
    let expect = AnswerExpectation { from: &from, now: NOW };
    let head = StreamHead::verify(&[key], &binding, &expect, 200, &headers(&vectors["stream"])).unwrap();
    assert_eq!(head.base, text(&vectors, "/stream/base"));
    let mut reader = head.reader();
    let data = reader.push(text(&vectors, "/stream/body").as_bytes()).unwrap();
    assert_eq!(data, text(&vectors, "/stream/data").as_bytes());
    assert!(reader.finish(&[key]).is_ok());
}
