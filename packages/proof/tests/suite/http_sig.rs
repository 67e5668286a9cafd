use http::{HeaderMap, HeaderValue};
use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::{Code, Env, ManualClock, Span, Timestamp};
use imajin_proof::ProofError;
use imajin_proof::digest::{content_digest, content_digest_verify, sha256};
use imajin_proof::http_sig::{
    Audited, Expectation, NONCE_KEPT_FOR, RequestToSign, SignatureParams, SignedRequest, VerifiedRequest, audit, sign,
};

use crate::{NOW, key};

pub(crate) const URL: &str = "https://node.example/events/api/checkout?x=1";
pub(crate) const BODY: &[u8] = br#"{"eventId":"evt_1","quantity":2}"#;
pub(crate) const EXPECT: Expectation<'_> = Expectation {
    now: NOW,
    target_uri: URL,
    method: "POST",
    tag: None,
};

fn params(secret: &SecretKey) -> SignatureParams {
    SignatureParams {
        keyid: secret.did(),
        created: NOW,
        nonce: "n-0123456789".to_owned(),
        tag: None,
    }
}

fn request() -> RequestToSign<'static> {
    RequestToSign {
        method: "POST",
        target_uri: URL,
        idempotency_key: Some("order-7"),
        body: BODY,
    }
}

pub(crate) fn signed() -> SignedRequest {
    sign(&key(1), &request(), &params(&key(1))).unwrap()
}

pub(crate) fn verify(request: &SignedRequest, expect: &Expectation<'_>) -> Result<VerifiedRequest, ProofError> {
    request.verify(&[key(1).public()], expect)
}

#[test]
fn a_signed_request_verifies_and_says_what_it_signed() {
    let request = signed();
    let verified = verify(&request, &EXPECT).unwrap();
    let keyid = key(1).did();
    let params = format!(
        "(\"@method\" \"@target-uri\" \"content-digest\" \"idempotency-key\");\
         created=1772323200;keyid=\"{keyid}\";nonce=\"n-0123456789\";alg=\"ed25519\""
    );
    let digest = content_digest(BODY);
    let base = format!(
        "\"@method\": POST\n\"@target-uri\": {URL}\n\"content-digest\": {digest}\n\"idempotency-key\": order-7\n\
         \"@signature-params\": {params}"
    );
    assert_eq!(verified.base, base);
    assert_eq!(request.signature_input, format!("sig1={params}"));
    assert_eq!(
        (verified.did, verified.created, verified.body_digest),
        (keyid.clone(), NOW, sha256(BODY))
    );
    assert_eq!(verified.nonce, "n-0123456789");
    assert_eq!(request.keyid(), Ok(keyid.clone()));
    let audited = audit(&verified.base, &verified.signature, &[key(2).public(), key(1).public()]).unwrap();
    let expected = Audited {
        did: keyid,
        nonce: "n-0123456789".to_owned(),
        created: NOW,
        method: "POST".to_owned(),
        target_uri: URL.to_owned(),
        idempotency_key: Some("order-7".to_owned()),
        content_digest: digest,
    };
    assert_eq!(audited, expected);
    assert_eq!(content_digest_verify(&audited.content_digest, BODY), Ok(sha256(BODY)));
    assert_eq!(
        content_digest_verify(&audited.content_digest, b"x"),
        Err(ProofError::ContentDigest)
    );
    let changed = verified.base.replace("order-7", "order-8");
    assert_eq!(
        audit(&changed, &verified.signature, &[key(1).public()]),
        Err(ProofError::BadSignature)
    );
}

#[test]
fn a_request_survives_json_and_headers() {
    let request = signed();
    let json = serde_json::to_string(&request).unwrap();
    assert!(json.contains("\"targetUri\"") && json.contains("\"signatureInput\""));
    assert_eq!(serde_json::from_str::<SignedRequest>(&json).unwrap(), request);
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers() {
        headers.insert(name, value.parse().unwrap());
    }
    assert_eq!(
        SignedRequest::from_parts("POST", URL, &headers, BODY.to_vec()).unwrap(),
        request
    );
    headers.append("idempotency-key", HeaderValue::from_static("order-8"));
    assert!(SignedRequest::from_parts("POST", URL, &headers, BODY.to_vec()).is_err());
    let unsigned = SignedRequest::from_parts("POST", URL, &HeaderMap::new(), vec![]).unwrap_err();
    assert_eq!(unsigned.code(), Code::BadSignature);
}

/// All fields of a request as one text, so that a test can change any bit of it.
fn bit_flips(request: &SignedRequest) -> impl Iterator<Item = Option<SignedRequest>> + '_ {
    let fields = [
        request.method.as_bytes(),
        request.target_uri.as_bytes(),
        request.content_digest.as_deref().unwrap_or_default().as_bytes(),
        request.idempotency_key.as_deref().unwrap_or_default().as_bytes(),
        request.signature_input.as_bytes(),
        request.signature.as_bytes(),
        &request.body,
    ]
    .map(<[u8]>::to_vec);
    let lengths = fields.each_ref().map(|field| field.len() * 8);
    (0..fields.len())
        .flat_map(move |index| (0..lengths[index]).map(move |bit| (index, bit)))
        .map(move |(index, bit)| {
            let mut fields = fields.clone();
            fields[index][bit / 8] ^= 1 << (bit % 8);
            let [method, uri, digest, idempotency, input, signature, body] = fields;
            Some(SignedRequest {
                method: String::from_utf8(method).ok()?,
                target_uri: String::from_utf8(uri).ok()?,
                content_digest: Some(String::from_utf8(digest).ok()?),
                idempotency_key: Some(String::from_utf8(idempotency).ok()?),
                signature_input: String::from_utf8(input).ok()?,
                signature: String::from_utf8(signature).ok()?,
                body,
            })
        })
}

#[test]
fn every_changed_bit_of_a_request_is_refused() {
    let request = signed();
    let mut flips = 0;
    for changed in bit_flips(&request).flatten() {
        // Even a verifier that takes method and URL from the request itself notices.
        let expect = Expectation {
            target_uri: &changed.target_uri,
            method: &changed.method,
            ..EXPECT
        };
        assert!(verify(&changed, &expect).is_err(), "{changed:?}");
        flips += 1;
    }
    assert!(flips > 2_900, "{flips}");
    let stripped = [
        SignedRequest {
            content_digest: None,
            ..request.clone()
        },
        SignedRequest {
            idempotency_key: None,
            ..request.clone()
        },
        SignedRequest {
            body: vec![],
            ..request.clone()
        },
    ];
    for changed in stripped {
        assert!(verify(&changed, &EXPECT).is_err());
    }
}

#[test]
fn a_signature_is_for_one_method_url_and_purpose() {
    let request = signed();
    let other_url = Expectation {
        target_uri: "https://other.example/events/api/checkout?x=1",
        ..EXPECT
    };
    assert_eq!(verify(&request, &other_url), Err(ProofError::WrongTarget));
    assert_eq!(
        verify(
            &request,
            &Expectation {
                method: "PUT",
                ..EXPECT
            }
        ),
        Err(ProofError::WrongMethod)
    );
    assert_eq!(
        verify(
            &request,
            &Expectation {
                tag: Some("imajin-service"),
                ..EXPECT
            }
        ),
        Err(ProofError::WrongTag)
    );
    let tagged = sign(&key(1), &self::request(), &params(&key(1)).tag("imajin-service")).unwrap();
    assert_eq!(verify(&tagged, &EXPECT), Err(ProofError::WrongTag));
    assert!(
        verify(
            &tagged,
            &Expectation {
                tag: Some("imajin-service"),
                ..EXPECT
            }
        )
        .is_ok()
    );
    assert_eq!(request.verify::<PublicKey>(&[], &EXPECT), Err(ProofError::NoKey));
    assert_eq!(
        request.verify(&[key(2).public()], &EXPECT),
        Err(ProofError::BadSignature)
    );
    assert!(request.verify(&[key(2).public(), key(1).public()], &EXPECT).is_ok());
}

#[test]
fn the_window_is_five_minutes_and_thirty_seconds_ahead() {
    let request = signed();
    let at = |seconds| {
        verify(
            &request,
            &Expectation {
                now: NOW.plus(Span::seconds(seconds)),
                ..EXPECT
            },
        )
        .map(drop)
    };
    assert_eq!([at(-30), at(0), at(300)], [Ok(()), Ok(()), Ok(())]);
    assert_eq!(at(-31), Err(ProofError::FromTheFuture));
    assert_eq!(at(301), Err(ProofError::TooOld));
    assert!(NONCE_KEPT_FOR >= Span::seconds(330));
}

#[test]
fn an_empty_body_is_covered_too() {
    let get = RequestToSign {
        method: "GET",
        target_uri: "http://localhost:7000/x",
        idempotency_key: None,
        body: b"",
    };
    let signed = sign(&key(1), &get, &params(&key(1))).unwrap();
    let expect = Expectation {
        method: "GET",
        target_uri: "http://localhost:7000/x",
        ..EXPECT
    };
    assert!(
        verify(&signed, &expect)
            .unwrap()
            .base
            .contains("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")
    );
    let smuggled = SignedRequest {
        idempotency_key: Some("late".to_owned()),
        ..signed
    };
    assert_eq!(
        verify(&smuggled, &expect),
        Err(ProofError::NotCovered("idempotency-key"))
    );
}

#[test]
fn any_form_of_the_signers_key_is_one_signer() {
    let secret = key(1);
    for keyid in secret.did().also_known_as() {
        let params = SignatureParams {
            keyid,
            ..params(&secret)
        };
        let signed = sign(&secret, &request(), &params).unwrap();
        assert_eq!(signed.keyid(), Ok(secret.did()));
        assert_eq!(verify(&signed, &EXPECT).unwrap().did, secret.did());
    }
    let node: Did = "did:web:node.example".parse().unwrap();
    let params = SignatureParams {
        keyid: node.clone(),
        ..params(&secret)
    };
    assert_eq!(
        verify(&sign(&secret, &request(), &params).unwrap(), &EXPECT)
            .unwrap()
            .did,
        node
    );
}

#[test]
fn a_line_break_cannot_imitate_a_line_of_the_base() {
    let secret = key(1);
    let broken = "x\n\"@signature-params\": ()";
    let request = RequestToSign {
        idempotency_key: Some(broken),
        ..request()
    };
    assert_eq!(
        sign(&secret, &request, &params(&secret)),
        Err(ProofError::BadCharacters("idempotency-key"))
    );
    let with_break = SignedRequest {
        idempotency_key: Some(broken.to_owned()),
        ..signed()
    };
    assert_eq!(
        verify(&with_break, &EXPECT),
        Err(ProofError::BadCharacters("idempotency-key"))
    );
    let bad_nonce = SignatureParams {
        nonce: "ü".to_owned(),
        ..params(&secret)
    };
    assert_eq!(
        sign(&secret, &self::request(), &bad_nonce),
        Err(ProofError::BadCharacters("the nonce"))
    );
    let relative = RequestToSign {
        target_uri: "/x",
        ..self::request()
    };
    assert_eq!(sign(&secret, &relative, &params(&secret)), Err(ProofError::WrongTarget));
}

#[test]
fn fresh_parameters_have_fresh_nonces() {
    let env = Env::fixed(ManualClock::at(NOW), 1);
    let (one, other) = (
        SignatureParams::now(key(1).did(), &env),
        SignatureParams::now(key(1).did(), &env),
    );
    assert_eq!((one.created, one.nonce.len()), (NOW, 32));
    assert_ne!(one.nonce, other.nonce);
    let far = SignatureParams {
        created: Timestamp::from_micros(i64::MAX),
        ..one
    };
    let keys: [PublicKey; 1] = [key(1).public()];
    assert!(sign(&key(1), &request(), &far).unwrap().verify(&keys, &EXPECT).is_err());
}
