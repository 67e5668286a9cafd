//! The header fields of RFC 9421 and RFC 9530, one per line: `Signature-Input`, `Signature`, `Content-Digest`,
//! `Idempotency-Key`.

use http::{HeaderMap, HeaderName, HeaderValue};
use imajin_did::SecretKey;
use imajin_proof::http_sig::{
    Expectation, MessageView, RequestToSign, ResponseExpectation, ResponseParams, SignatureParams, SignedRequest,
    SignedResponse, audit, sign, sign_response,
};

const METHOD: &str = "POST";
const URL: &str = "https://node.example/events/api/checkout?x=1";
const BODY: &[u8] = b"{}";
const NAMES: [&str; 4] = ["signature-input", "signature", "content-digest", "idempotency-key"];

fn key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

fn signed() -> Option<SignedRequest> {
    let params = SignatureParams {
        keyid: key().did(),
        created: crate::NOW,
        nonce: "0123456789abcdef".to_owned(),
        tag: None,
    };
    let request = RequestToSign {
        method: METHOD,
        target_uri: URL,
        idempotency_key: Some("order-7"),
        body: BODY,
    };
    sign(&key(), &request, &params).ok()
}

fn answer() -> Option<SignedResponse> {
    let params = ResponseParams {
        keyid: key().did(),
        created: crate::NOW,
        tag: None,
    };
    sign_response(&key(), 200, BODY, &signed()?, &params).ok()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let request = signed().map(|request| {
        let optional = [request.content_digest, request.idempotency_key].map(Option::unwrap_or_default);
        format!(
            "{}\n{}\n{}",
            request.signature_input,
            request.signature,
            optional.join("\n")
        )
    });
    let response = answer().map(|answer| {
        let digest = answer.content_digest.unwrap_or_default();
        format!("{}\n{}\n{digest}\n", answer.signature_input, answer.signature)
    });
    let odd = concat!(
        r#"a=("@query-param";name="x" "content-digest";key="sha-256" "idempotency-key";bs "#,
        r#""signature";sf "@status";req)"#,
        r#";created=1772323200;expires=1772323300;alg="ecdsa-p256-sha256";tag="t", b=()"#,
        "\na=:AA==:, b=:AA==:\nsha-256=:AA==:, sha-512=:AA==:\nx",
    );
    let texts = [request, response, Some(odd.to_owned())];
    texts.into_iter().flatten().map(String::into_bytes).collect()
}

pub(crate) fn run(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for (name, line) in NAMES.into_iter().zip(data.split(|byte| *byte == b'\n')) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let keys = [key().public()];
    let view = MessageView::request(METHOD, URL, &headers);
    check_views(&view, &headers);
    let Ok(request) = SignedRequest::from_parts(METHOD, URL, &headers, BODY.to_vec()) else {
        return;
    };
    let expect = Expectation {
        now: crate::NOW,
        target_uri: URL,
        method: METHOD,
        tag: None,
    };
    if let Ok(verified) = request.verify(&keys, &expect) {
        assert_eq!(request.keyid().as_ref(), Ok(&verified.did));
        let known = signed().and_then(|known| known.verify(&keys, &expect).ok());
        assert_eq!(
            known.map(|known| known.base).as_ref(),
            Some(&verified.base),
            "nobody signed this"
        );
        let audited = audit(&verified.base, &verified.signature, &keys).map(|audited| audited.nonce);
        assert_eq!(audited, Ok(verified.nonce));
    }
    let (Ok(response), Some(asked)) = (SignedResponse::from_parts(200, &headers, BODY.to_vec()), signed()) else {
        return;
    };
    let fresh = ResponseExpectation {
        now: crate::NOW,
        tag: None,
    };
    if let Ok(verified) = response.verify(&keys, &asked, &fresh) {
        let known = answer().and_then(|known| Some(known.verify(&keys, &asked, &fresh).ok()?.base));
        assert_eq!(known, Some(verified.base), "nobody signed this");
    }
}

/// Every signature that can be read has a base with one line for each component, and the parameters.
fn check_views(request: &MessageView<'_>, headers: &HeaderMap) {
    let response = MessageView::response(200, headers, Some(request));
    for view in [request, &response] {
        for signature in view.signatures().into_iter().flatten().flatten() {
            if let Ok(base) = signature.base(view) {
                assert_eq!(
                    base.lines().count(),
                    signature.covered().count().saturating_add(1),
                    "{base}"
                );
                assert!(
                    base.bytes().all(|byte| byte == b'\n' || (0x20..=0x7e).contains(&byte)),
                    "{base}"
                );
            }
        }
    }
}
