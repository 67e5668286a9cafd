use http::HeaderMap;
use imajin_fair::ManifestId;
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_mjn::{
    AnswerDraft, AnswerExpectation, AnswerSigner, Client, MjnError, RequestBinding, RequestDraft, StreamHead,
    VerifiedAnswer, answer_sign, answer_verify,
};
use imajin_proof::ProofError;

use crate::{BODY, NOW, URL, check, consent, key, receipt, settlement, signed, signed_with};

const ANSWER: &[u8] = br#"{"answer":"Money that waits."}"#;

fn fair() -> ManifestId {
    "fair_example01".parse().unwrap()
}

fn answer(binding: &RequestBinding) -> HeaderMap {
    let (did, key, fair) = (key(1).did(), key(1), fair());
    let signer = AnswerSigner {
        did: &did,
        key: &key,
        now: NOW,
    };
    let draft = AnswerDraft {
        status: 200,
        fair: Some(&fair),
        receipt: Some(receipt()),
        body: ANSWER,
    };
    answer_sign(&signer, binding, &draft).unwrap()
}

fn verify_at(
    binding: &RequestBinding,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<VerifiedAnswer, MjnError> {
    let from = key(1).did();
    let expect = AnswerExpectation { from: &from, now };
    answer_verify(&[key(1).public()], binding, &expect, status, headers, body)
}

fn verify(binding: &RequestBinding, status: u16, headers: &HeaderMap, body: &[u8]) -> Result<VerifiedAnswer, MjnError> {
    verify_at(binding, status, headers, body, NOW)
}

const BAD: MjnError = MjnError::Proof(ProofError::BadSignature);

#[test]
fn an_answer_says_who_answers_and_with_which_receipt() {
    let (_, binding) = signed();
    let verified = verify(&binding, 200, &answer(&binding), ANSWER).unwrap();
    assert_eq!(verified.did, key(1).did());
    assert_eq!((verified.fair, verified.receipt), (Some(fair()), Some(receipt())));
    assert!(
        verified.base.contains("\"signature\";req;key=\"mjn\": :"),
        "{}",
        verified.base
    );
}

#[test]
fn the_answer_to_another_request_is_refused() {
    let (_, binding) = signed();
    let (_, other) = signed_with("fedcba9876543210", BODY);
    let refused = verify(&other, 200, &answer(&binding), ANSWER).unwrap_err();
    assert_eq!(refused, BAD);
}

#[test]
fn an_altered_answer_is_refused() {
    let (_, binding) = signed();
    let headers = answer(&binding);
    assert_eq!(verify(&binding, 201, &headers, ANSWER).unwrap_err(), BAD);
    let refused = verify(&binding, 200, &headers, b"{}").unwrap_err();
    assert_eq!(refused, MjnError::Proof(ProofError::ContentDigest));
    let with = |name: &'static str, value: Option<&str>| {
        let mut changed = headers.clone();
        match value {
            Some(value) => drop(changed.insert(name, value.parse().unwrap())),
            None => drop(changed.remove(name)),
        }
        verify(&binding, 200, &changed, ANSWER).unwrap_err()
    };
    assert_eq!(with("x-mjn-fair", Some("fair_example02")), BAD);
    let other = imajin_kernel::id::ReceiptId::generate(NOW, [8; 10]);
    assert_eq!(with("x-mjn-receipt", Some(other.as_str())), BAD);
    assert_eq!(with("x-mjn-did", Some(key(3).did().as_str())), MjnError::OtherAnswerer);
    assert_eq!(with("x-mjn-signature", Some("AAAA")), MjnError::NotRepeated);
    for name in ["x-mjn-fair", "x-mjn-receipt"] {
        let refused = with(name, None);
        assert!(
            matches!(refused, MjnError::Proof(ProofError::MissingComponent(_))),
            "{name}: {refused}"
        );
    }
    for name in ["x-mjn-did", "x-mjn-signature", "content-digest"] {
        assert!(matches!(with(name, None), MjnError::Missing(_)), "{name}");
    }
}

#[test]
fn a_receipt_that_is_added_on_the_way_is_refused() {
    let (_, binding) = signed();
    let (did, key) = (key(1).did(), key(1));
    let signer = AnswerSigner {
        did: &did,
        key: &key,
        now: NOW,
    };
    let draft = AnswerDraft {
        status: 402,
        fair: None,
        receipt: None,
        body: ANSWER,
    };
    let mut headers = answer_sign(&signer, &binding, &draft).unwrap();
    assert!(verify(&binding, 402, &headers, ANSWER).is_ok());
    headers.insert("x-mjn-receipt", receipt().as_str().parse().unwrap());
    let refused = verify(&binding, 402, &headers, ANSWER).unwrap_err();
    assert_eq!(refused, MjnError::NotCovered("x-mjn-receipt"));
}

#[test]
fn an_old_answer_and_one_by_another_are_refused() {
    let (_, binding) = signed();
    let headers = answer(&binding);
    let at = |seconds| verify_at(&binding, 200, &headers, ANSWER, NOW.plus(Span::seconds(seconds))).map(|_| ());
    assert_eq!(at(300), Ok(()));
    assert_eq!(at(301), Err(MjnError::Proof(ProofError::TooOld)));
    let from = key(4).did();
    let expect = AnswerExpectation { from: &from, now: NOW };
    let refused = answer_verify(&[key(1).public()], &binding, &expect, 200, &headers, ANSWER);
    assert_eq!(refused, Err(MjnError::OtherAnswerer));
}

#[test]
fn the_header_of_a_stream_is_no_answer() {
    let (_, binding) = signed();
    let (did, key) = (key(1).did(), key(1));
    let signer = AnswerSigner {
        did: &did,
        key: &key,
        now: NOW,
    };
    let mut headers = imajin_mjn::stream_sign(&signer, &binding, 200, Some(receipt())).unwrap();
    let digest = imajin_proof::digest::content_digest(ANSWER);
    headers.insert("content-digest", digest.parse().unwrap());
    let refused = verify(&binding, 200, &headers, ANSWER).unwrap_err();
    assert_eq!(refused, MjnError::NotCovered("content-digest"));
}

#[test]
fn a_client_signs_and_checks_what_comes_back() {
    let env = Env::fixed(ManualClock::at(NOW), 1);
    let client = Client::new(key(2).did(), key(2), env);
    let (consent, settlement) = (consent("n"), settlement());
    let draft = RequestDraft {
        method: "POST",
        target_uri: URL,
        idempotency_key: None,
        consent: &consent,
        settlement: &settlement,
        body: BODY,
    };
    let [one, another] = [(), ()].map(|()| client.prepare(&key(1).did(), &draft).unwrap());
    let request = &one.request;
    let verified = check("POST", URL, request.headers(), request.body(), NOW).unwrap();
    let headers = answer(&verified.binding);
    let keys = [key(1).public()];
    assert!(client.answer(&one.pending, &keys, 200, &headers, ANSWER).is_ok());
    assert_eq!(client.answer(&another.pending, &keys, 200, &headers, ANSWER), Err(BAD));
    let head: Result<StreamHead, _> = client.stream(&one.pending, &keys, 200, &headers);
    assert!(head.is_ok_and(|head| head.did == key(1).did()));
}
