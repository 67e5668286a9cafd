use http::{HeaderMap, HeaderValue};
use imajin_kernel::{Code, Problem, Span};
use imajin_mjn::{MjnError, MjnRequest, RequestDraft, request_sign};
use imajin_proof::ProofError;
use imajin_proof::http_sig::{MessageParams, MessageView};

use crate::{BODY, NOW, URL, check, consent, key, params, settlement, signed, signed_with};

#[test]
fn a_signed_request_says_who_asks_for_what_and_pays_what() {
    let (headers, binding) = signed();
    let read = MjnRequest::read("POST", URL, &headers, BODY).unwrap();
    assert_eq!(read.did(), &key(2).did());
    let verified = check("POST", URL, &headers, BODY, NOW).unwrap();
    assert_eq!(
        (&verified.did, verified.nonce.as_str()),
        (&key(2).did(), "0123456789abcdef")
    );
    assert_eq!((&verified.settlement, &verified.binding), (&settlement(), &binding));
    assert_eq!(verified.idempotency_key.as_deref(), Some("ask-7"));
    assert_eq!(verified.consent.declaration(), &consent("0123456789abcdef"));
    assert_eq!(verified.nonce_kept_until(), NOW.plus(Span::seconds(330)));
}

#[test]
fn headers_moved_to_another_url_or_method_are_refused() {
    let (headers, _) = signed();
    let bad = Err(MjnError::Proof(ProofError::BadSignature));
    for url in [
        "https://node.example/connections/api/query?x=1",
        "https://other.example/connections/api/query",
        "http://node.example/connections/api/query",
    ] {
        assert_eq!(check("POST", url, &headers, BODY, NOW).map(|_| ()), bad, "{url}");
    }
    assert_eq!(check("PUT", URL, &headers, BODY, NOW).map(|_| ()), bad);
}

#[test]
fn headers_moved_to_another_body_are_refused() {
    let (mut headers, _) = signed();
    let other = br#"{"query":"What is your password?"}"#;
    let refused = check("POST", URL, &headers, other, NOW).unwrap_err();
    assert_eq!(refused, MjnError::Proof(ProofError::ContentDigest));
    let (others, _) = signed_with("fedcba9876543210", other);
    headers.insert("content-digest", others["content-digest"].clone());
    let refused = check("POST", URL, &headers, other, NOW).unwrap_err();
    assert_eq!(refused, MjnError::Proof(ProofError::BadSignature));
}

#[test]
fn an_old_request_is_refused() {
    let (headers, _) = signed();
    let at = |seconds| check("POST", URL, &headers, BODY, NOW.plus(Span::seconds(seconds))).map(|_| ());
    assert_eq!(at(300), Ok(()));
    assert_eq!(at(301), Err(MjnError::Proof(ProofError::TooOld)));
    assert_eq!(at(-31), Err(MjnError::Proof(ProofError::FromTheFuture)));
}

#[test]
fn a_header_of_another_exchange_is_refused() {
    let (headers, _) = signed();
    let (others, _) = signed_with("fedcba9876543210", BODY);
    for name in ["x-mjn-consent", "idempotency-key", "signature"] {
        let mut mixed = headers.clone();
        if name == "idempotency-key" {
            mixed.insert(name, HeaderValue::from_static("ask-8"));
        } else {
            mixed.insert(name, others[name].clone());
        }
        assert!(check("POST", URL, &mixed, BODY, NOW).is_err(), "{name}");
    }
}

#[test]
fn each_header_is_needed_once() {
    let (headers, _) = signed();
    for name in [
        "x-mjn-did",
        "x-mjn-consent",
        "x-mjn-settlement",
        "x-mjn-timestamp",
        "x-mjn-signature",
        "content-digest",
    ] {
        let mut without = headers.clone();
        without.remove(name);
        let refused = check("POST", URL, &without, BODY, NOW).unwrap_err();
        assert!(matches!(refused, MjnError::Missing(_)), "{name}: {refused}");
        let mut twice = headers.clone();
        twice.append(name, headers[name].clone());
        let refused = check("POST", URL, &twice, BODY, NOW).unwrap_err();
        assert!(matches!(refused, MjnError::Twice(_)), "{name}: {refused}");
    }
    let refused = check("POST", URL, &HeaderMap::new(), b"", NOW).unwrap_err();
    assert_eq!(Problem::from(refused).code, Code::Unauthenticated);
}

#[test]
fn headers_that_contradict_each_other_are_refused() {
    let (headers, _) = signed();
    let with = |name: &'static str, value: &str| {
        let mut changed = headers.clone();
        changed.insert(name, value.parse().unwrap());
        check("POST", URL, &changed, BODY, NOW).unwrap_err()
    };
    assert_eq!(with("x-mjn-did", key(3).did().as_str()), MjnError::OtherSigner);
    assert_eq!(with("x-mjn-timestamp", "2026-03-01T00:00:01Z"), MjnError::OtherTime);
    assert_eq!(with("x-mjn-signature", "AAAA"), MjnError::NotRepeated);
    for (name, value) in [
        ("x-mjn-did", "ada"),
        ("x-mjn-timestamp", "today"),
        ("x-mjn-consent", "{}"),
        ("x-mjn-settlement", "e30="),
    ] {
        let refused = with(name, value);
        assert!(
            matches!(refused, MjnError::Header { .. } | MjnError::Consent(_)),
            "{refused}"
        );
        assert_eq!(refused.code(), Code::InvalidRequest);
    }
}

#[test]
fn the_consent_of_another_is_refused() {
    let (consent, settlement) = (consent("n"), settlement());
    let draft = RequestDraft {
        method: "POST",
        target_uri: URL,
        idempotency_key: None,
        consent: &consent,
        settlement: &settlement,
        body: BODY,
    };
    let mut stolen = params("n");
    stolen.keyid = key(3).did();
    assert_eq!(
        request_sign(&key(3), &draft, &stolen).unwrap_err(),
        MjnError::ConsentOfAnother
    );
    // Whoever builds the headers by hand gets no further.
    let (mut headers, _) = request_sign(&key(2), &draft, &params("n")).unwrap();
    headers.insert("x-mjn-did", key(3).did().as_str().parse().unwrap());
    resign(&mut headers, 3, COVERED, Some("mjn"));
    let refused = MjnRequest::read("POST", URL, &headers, BODY).map(|_| ()).unwrap_err();
    assert_eq!(refused, MjnError::ConsentOfAnother);
}

const COVERED: [&str; 7] = [
    "\"@method\"",
    "\"@target-uri\"",
    "\"content-digest\"",
    "\"x-mjn-did\"",
    "\"x-mjn-consent\"",
    "\"x-mjn-settlement\"",
    "\"x-mjn-timestamp\"",
];

/// Signs what is there, as somebody may who does not keep to the profile.
fn resign(headers: &mut HeaderMap, seed: u8, covered: [&str; 7], tag: Option<&str>) {
    let did = key(seed).did();
    let params = MessageParams {
        label: "mjn",
        keyid: did.as_str(),
        created: NOW,
        expires: None,
        nonce: Some("n"),
        tag,
    };
    let signed = MessageView::request("POST", URL, headers)
        .sign(&key(seed), &covered, &params)
        .unwrap();
    let repeated = signed
        .signature
        .trim_start_matches("mjn=:")
        .trim_end_matches(':')
        .to_owned();
    for (name, value) in [
        ("signature-input", signed.signature_input),
        ("signature", signed.signature),
        ("x-mjn-signature", repeated),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
}

#[test]
fn a_signature_that_covers_too_little_is_refused() {
    let (consent, settlement) = (consent("n"), settlement());
    let draft = RequestDraft {
        method: "POST",
        target_uri: URL,
        idempotency_key: None,
        consent: &consent,
        settlement: &settlement,
        body: BODY,
    };
    let (headers, _) = request_sign(&key(2), &draft, &params("n")).unwrap();
    for (index, identifier) in COVERED.iter().enumerate() {
        let (mut headers, mut covered) = (headers.clone(), COVERED);
        covered[index] = "\"@path\"";
        resign(&mut headers, 2, covered, Some("mjn"));
        let refused = check("POST", URL, &headers, BODY, NOW).unwrap_err();
        assert_eq!(refused, MjnError::NotCovered(identifier.trim_matches('"')));
    }
    for tag in [None, Some("imajin-service")] {
        let mut headers = headers.clone();
        resign(&mut headers, 2, COVERED, tag);
        let refused = check("POST", URL, &headers, BODY, NOW).unwrap_err();
        assert_eq!(refused, MjnError::Proof(ProofError::WrongTag));
    }
    let mut more = headers;
    more.insert("idempotency-key", HeaderValue::from_static("again"));
    let refused = check("POST", URL, &more, BODY, NOW).unwrap_err();
    assert_eq!(
        refused,
        MjnError::NotCovered("idempotency-key"),
        "one exchange must not become two"
    );
}

#[test]
fn somebody_elses_keys_are_refused() {
    let (headers, _) = signed();
    let read = || MjnRequest::read("POST", URL, &headers, BODY).unwrap();
    let refused = read().verify(&[key(3).public()], NOW).unwrap_err();
    assert_eq!(refused, MjnError::Proof(ProofError::BadSignature));
    let none: [imajin_did::PublicKey; 0] = [];
    assert_eq!(
        read().verify(&none, NOW).unwrap_err(),
        MjnError::Proof(ProofError::NoKey)
    );
}
