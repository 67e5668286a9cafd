//! Signed answers, bound to the request that they answer; and requests by the other algorithm.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use imajin_did::{P256Key, VerifyingKey};
use imajin_kernel::Span;
use imajin_proof::ProofError;
use imajin_proof::digest::{content_digest, sha256};
use imajin_proof::http_sig::{
    AnsweredRequest, Expectation, ResponseExpectation, ResponseParams, SignedRequest, SignedResponse, VerifiedResponse,
    sign_response,
};

use crate::http_sig::{BODY, EXPECT, URL, signed};
use crate::{NOW, key};

const ANSWER: &[u8] = br#"{"id":"chk_1"}"#;
const FRESH: ResponseExpectation<'_> = ResponseExpectation { now: NOW, tag: None };

fn params() -> ResponseParams {
    ResponseParams {
        keyid: key(5).did(),
        created: NOW,
        tag: None,
    }
}

fn answer() -> SignedResponse {
    sign_response(&key(5), 201, ANSWER, &signed(), &params()).unwrap()
}

fn check(response: &SignedResponse, request: &SignedRequest) -> Result<VerifiedResponse, ProofError> {
    response.verify(&[key(5).public()], request, &FRESH)
}

#[test]
fn an_answer_says_what_it_answers() {
    let (request, response) = (signed(), answer());
    let verified = check(&response, &request).unwrap();
    let keyid = key(5).did();
    let request_signature = request.signature.strip_prefix("sig1=").unwrap();
    let expected = format!(
        "\"@status\": 201\n\"content-digest\": {}\n\"@method\";req: POST\n\"@target-uri\";req: {URL}\n\
         \"content-digest\";req: {}\n\"signature\";req;key=\"sig1\": {request_signature}\n\
         \"@signature-params\": (\"@status\" \"content-digest\" \"@method\";req \"@target-uri\";req \
         \"content-digest\";req \"signature\";req;key=\"sig1\");created=1772323200;keyid=\"{keyid}\";alg=\"ed25519\"",
        content_digest(ANSWER),
        content_digest(BODY),
    );
    assert_eq!(verified.base, expected);
    assert_eq!(
        (verified.did, verified.created, verified.body_digest),
        (keyid.clone(), NOW, sha256(ANSWER))
    );
    assert_eq!(response.keyid(), Ok(keyid));
    let json = serde_json::to_string(&response).unwrap();
    assert_eq!(serde_json::from_str::<SignedResponse>(&json).unwrap(), response);
    let mut headers = HeaderMap::new();
    for (name, value) in response.headers() {
        headers.insert(name, value.parse().unwrap());
    }
    assert_eq!(SignedResponse::from_parts(201, &headers, ANSWER.to_vec()), Ok(response));
    assert!(SignedResponse::from_parts(201, &HeaderMap::new(), vec![]).is_err());
}

#[test]
fn an_answer_to_something_else_is_refused() {
    let (request, response) = (signed(), answer());
    let others = [
        SignedRequest {
            method: "PUT".to_owned(),
            ..signed()
        },
        SignedRequest {
            target_uri: format!("{URL}&y=2"),
            ..signed()
        },
        SignedRequest {
            content_digest: Some(content_digest(b"x")),
            ..signed()
        },
        SignedRequest {
            signature: signed().signature.replace("sig1=:", "sig1=:AAAA"),
            ..signed()
        },
    ];
    for other in others {
        assert_eq!(check(&response, &other), Err(ProofError::BadSignature), "{other:?}");
    }
    let changed = [
        (
            SignedResponse {
                status: 200,
                ..answer()
            },
            ProofError::BadSignature,
        ),
        (
            SignedResponse {
                body: b"{}".to_vec(),
                ..answer()
            },
            ProofError::ContentDigest,
        ),
        (
            SignedResponse {
                content_digest: None,
                ..answer()
            },
            ProofError::ContentDigest,
        ),
        (
            SignedResponse {
                content_digest: Some(content_digest(b"{}")),
                body: b"{}".to_vec(),
                ..answer()
            },
            ProofError::BadSignature,
        ),
    ];
    for (response, error) in changed {
        assert_eq!(check(&response, &request), Err(error));
    }
}

#[test]
fn an_answer_by_somebody_else_or_of_another_time_is_refused() {
    let (request, response) = (signed(), answer());
    let none: [VerifyingKey; 0] = [];
    assert_eq!(response.verify(&none, &request, &FRESH), Err(ProofError::NoKey));
    assert_eq!(
        response.verify(&[key(6).public()], &request, &FRESH),
        Err(ProofError::BadSignature)
    );
    let at = |span| ResponseExpectation {
        now: NOW.plus(span),
        tag: None,
    };
    let at = |span| response.verify(&[key(5).public()], &request, &at(span));
    assert_eq!(at(Span::seconds(301)), Err(ProofError::TooOld));
    assert_eq!(at(Span::seconds(-31)), Err(ProofError::FromTheFuture));
    let tagged = ResponseExpectation {
        now: NOW,
        tag: Some("receipt"),
    };
    assert_eq!(
        response.verify(&[key(5).public()], &request, &tagged),
        Err(ProofError::WrongTag)
    );
}

#[test]
fn an_answer_that_covers_too_little_is_refused() {
    let request = signed();
    let all = [
        ("@status", "\"@status\"", "\"@status\": 201\n".to_owned()),
        (
            "content-digest",
            "\"content-digest\"",
            format!("\"content-digest\": {}\n", content_digest(ANSWER)),
        ),
        ("@method", "\"@method\";req", "\"@method\";req: POST\n".to_owned()),
        (
            "@target-uri",
            "\"@target-uri\";req",
            format!("\"@target-uri\";req: {URL}\n"),
        ),
        (
            "content-digest",
            "\"content-digest\";req",
            format!("\"content-digest\";req: {}\n", content_digest(BODY)),
        ),
        // The parameters in another order name the same component.
        (
            "signature",
            "\"signature\";key=\"sig1\";req",
            format!(
                "\"signature\";key=\"sig1\";req: {}\n",
                request.signature.strip_prefix("sig1=").unwrap()
            ),
        ),
    ];
    for left_out in 0..=all.len() {
        let kept: Vec<_> = all
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != left_out)
            .map(|(_, one)| one)
            .collect();
        let identifiers: Vec<&str> = kept.iter().map(|(_, identifier, _)| *identifier).collect();
        let input = format!(
            "({});created=1772323200;keyid=\"{}\"",
            identifiers.join(" "),
            key(5).did()
        );
        let lines: String = kept.iter().map(|(_, _, line)| line.as_str()).collect();
        let signature = key(5).sign(format!("{lines}\"@signature-params\": {input}").as_bytes());
        let response = SignedResponse {
            signature_input: format!("theirs={input}"),
            signature: format!("theirs=:{}:", STANDARD.encode(signature.to_bytes())),
            ..answer()
        };
        let result = check(&response, &request).map(|_verified| ());
        let expected = all
            .get(left_out)
            .map_or(Ok(()), |(name, ..)| Err(ProofError::NotCovered(name)));
        assert_eq!(result, expected, "without {left_out}");
    }
}

#[test]
fn a_question_without_a_signature_can_be_answered_too() {
    let question = AnsweredRequest {
        method: "GET",
        target_uri: "https://node.example/.well-known/did.json",
        content_digest: None,
        signature: None,
    };
    let response = sign_response(&key(5), 200, ANSWER, question, &params()).unwrap();
    assert!(response.verify(&[key(5).public()], question, &FRESH).is_ok());
    let other = AnsweredRequest {
        target_uri: "https://node.example/",
        ..question
    };
    assert_eq!(
        response.verify(&[key(5).public()], other, &FRESH),
        Err(ProofError::BadSignature)
    );
}

/// A request by a P-256 key, as an agent of the web signs it.
fn by_p256(algorithm: &str) -> (SignedRequest, VerifyingKey) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let public = P256Key::from_uncompressed(pair.public_key().as_ref()).unwrap();
    let input = format!(
        "(\"@method\" \"@target-uri\" \"content-digest\");created=1772323200;keyid=\"did:key:{public}\"\
         ;nonce=\"n\"{algorithm}"
    );
    let digest = content_digest(BODY);
    let base = format!(
        "\"@method\": POST\n\"@target-uri\": {URL}\n\"content-digest\": {digest}\n\"@signature-params\": {input}"
    );
    let signature = pair.sign(&SystemRandom::new(), base.as_bytes()).unwrap();
    let request = SignedRequest {
        method: "POST".to_owned(),
        target_uri: URL.to_owned(),
        content_digest: Some(digest),
        idempotency_key: None,
        signature_input: format!("sig1={input}"),
        signature: format!("sig1=:{}:", STANDARD.encode(signature.as_ref())),
        body: BODY.to_vec(),
    };
    (request, public.into())
}

#[test]
fn a_request_by_p_256_is_verified_by_its_own_algorithm_only() {
    for algorithm in ["", ";alg=\"ecdsa-p256-sha256\""] {
        let (request, public) = by_p256(algorithm);
        let keys = [VerifyingKey::from(key(1).public()), public.clone()];
        let verified = request.verify(&keys, &EXPECT).unwrap();
        assert_eq!(verified.did, request.keyid().unwrap());
        assert_eq!(verified.did.verifying_key(), Some(public.clone()));
        let later = Expectation {
            now: NOW.plus(Span::seconds(301)),
            ..EXPECT
        };
        assert_eq!(request.verify(&[public], &later), Err(ProofError::TooOld));
    }
    let (request, public) = by_p256(";alg=\"ed25519\"");
    assert_eq!(request.verify(&[public], &EXPECT), Err(ProofError::Algorithm));
    let (request, public) = by_p256("");
    assert_eq!(
        request.verify(&[key(1).public()], &EXPECT),
        Err(ProofError::BadSignature)
    );
    let named = signed();
    assert_eq!(
        named.verify(&[public], &EXPECT),
        Err(ProofError::Algorithm),
        "ours names ed25519"
    );
    for unsupported in ["hmac-sha256", "rsa-pss-sha512", "none"] {
        let (request, public) = by_p256(&format!(";alg=\"{unsupported}\""));
        assert_eq!(request.verify(&[public], &EXPECT), Err(ProofError::Algorithm));
    }
}
