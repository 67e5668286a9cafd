//! Signatures that other implementations may send: what is accepted, and what is refused why.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imajin_kernel::Span;
use imajin_proof::ProofError;
use imajin_proof::digest::content_digest;
use imajin_proof::http_sig::{Expectation, SignedRequest};

use crate::http_sig::{BODY, EXPECT, URL, signed, verify};
use crate::{NOW, key};

/// Signs a base that this test writes by hand, as another implementation would.
fn foreign(components: &str, params: &str, lines: &str) -> SignedRequest {
    let input = format!("({components}){params}");
    let signature = key(1).sign(format!("{lines}\"@signature-params\": {input}").as_bytes());
    let base64 = STANDARD.encode(signature.to_bytes());
    SignedRequest {
        method: "POST".to_owned(),
        target_uri: URL.to_owned(),
        content_digest: Some(content_digest(BODY)),
        idempotency_key: None,
        signature_input: format!("theirs={input}"),
        signature: format!("theirs=:{base64}:"),
        body: BODY.to_vec(),
    }
}

const COVERED: &str = r#""@method" "@target-uri" "content-digest""#;

fn lines() -> String {
    format!(
        "\"@method\": POST\n\"@target-uri\": {URL}\n\"content-digest\": {}\n",
        content_digest(BODY)
    )
}

fn foreign_params(rest: &str) -> String {
    format!(";created=1772323200;keyid=\"{}\"{rest}", key(1).did())
}

#[test]
fn signatures_of_other_implementations_are_accepted() {
    let plain = foreign(COVERED, &foreign_params(";nonce=\"x\""), &lines());
    assert!(verify(&plain, &EXPECT).is_ok(), "another label, no alg");
    let more = format!("{COVERED} \"@authority\" \"@path\" \"@query\" \"@scheme\"");
    let parts = "\"@authority\": node.example\n\"@path\": /events/api/checkout\n\"@query\": ?x=1\n\"@scheme\": https\n";
    let more = foreign(
        &more,
        &foreign_params(";nonce=\"x\";expires=1772323201"),
        &format!("{}{parts}", lines()),
    );
    assert!(verify(&more, &EXPECT).is_ok(), "parts of the URL beside the URL");
    let later = Expectation {
        now: NOW.plus(Span::seconds(1)),
        ..EXPECT
    };
    assert_eq!(verify(&more, &later), Err(ProofError::TooOld), "expires");
}

#[test]
fn a_signature_that_covers_too_little_or_the_unknown_is_refused() {
    let nonce = foreign_params(";nonce=\"x\"");
    let cases = [
        (
            foreign(r#""@method" "@target-uri""#, &nonce, ""),
            ProofError::NotCovered("content-digest"),
        ),
        (
            foreign(r#""@target-uri" "content-digest""#, &nonce, ""),
            ProofError::NotCovered("@method"),
        ),
        (
            foreign(r#""@method" "content-digest""#, &nonce, ""),
            ProofError::NotCovered("@target-uri"),
        ),
        (
            foreign(&format!("{COVERED} \"cookie\""), &nonce, ""),
            ProofError::UnknownComponent,
        ),
        (
            foreign(&format!("{COVERED} \"content-digest\";req"), &nonce, ""),
            ProofError::UnknownComponent,
        ),
        (
            foreign(&format!("{COVERED} \"idempotency-key\""), &nonce, ""),
            ProofError::MissingComponent("idempotency-key"),
        ),
        (
            foreign(COVERED, &foreign_params(";nonce=\"x\";alg=\"hmac-sha256\""), &lines()),
            ProofError::Algorithm,
        ),
    ];
    for (request, error) in cases {
        assert_eq!(verify(&request, &EXPECT), Err(error));
    }
}

#[test]
fn unreadable_headers_are_refused() {
    let nonce = foreign_params(";nonce=\"x\"");
    let keyid = key(1).did();
    let unreadable = [
        foreign(&format!("{COVERED} \"@method\""), &nonce, ""),
        foreign(COVERED, &foreign_params(""), &lines()),
        foreign(COVERED, &foreign_params(";nonce=\"\""), &lines()),
        foreign(
            COVERED,
            &foreign_params(&format!(";nonce=\"{}\"", "x".repeat(129))),
            &lines(),
        ),
        foreign(COVERED, &foreign_params(";nonce=7"), &lines()),
        foreign(COVERED, &format!(";keyid=\"{keyid}\";nonce=\"x\""), &lines()),
        foreign(COVERED, ";created=1772323200;keyid=\"alice\";nonce=\"x\"", &lines()),
        SignedRequest {
            signature_input: String::new(),
            ..signed()
        },
        SignedRequest {
            signature_input: "sig1=1".to_owned(),
            ..signed()
        },
        SignedRequest {
            signature_input: "a=(), b=()".to_owned(),
            ..signed()
        },
        SignedRequest {
            signature: "sig1=:AAAA:".to_owned(),
            ..signed()
        },
        SignedRequest {
            signature: signed().signature.replace("sig1", "sig2"),
            ..signed()
        },
        SignedRequest {
            signature_input: signed().signature_input.replace(';', "; "),
            ..signed()
        },
    ];
    for request in unreadable {
        let error = verify(&request, &EXPECT).unwrap_err();
        assert!(matches!(error, ProofError::Header { .. }), "{request:?}: {error}");
    }
}
