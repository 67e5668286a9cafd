//! The examples of RFC 9421: appendix B, and the response of section 2.4. Those by algorithms that we do not have are
//! here to be refused.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use imajin_did::{KeyKind, P256Key, PublicKey, SecretKey, VerifyingKey};
use imajin_kernel::Timestamp;
use imajin_proof::ProofError;
use imajin_proof::http_sig::{COMPONENTS_MAX, FIELD_LENGTH_MAX, LABELS_MAX, MessageSignature, MessageView};

const URL: &str = "https://example.com/foo?param=Value&Pet=dog";
const REQUEST: [(&str, &str); 5] = [
    ("host", "example.com"),
    ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
    ("content-type", "application/json"),
    (
        "content-digest",
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
    ),
    ("content-length", "18"),
];
const RESPONSE: [(&str, &str); 4] = [
    ("date", "Tue, 20 Apr 2021 02:07:56 GMT"),
    ("content-type", "application/json"),
    (
        "content-digest",
        "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:",
    ),
    ("content-length", "23"),
];

/// B.1.3 and B.1.4.
fn p256() -> VerifyingKey {
    let spki = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50\
                VGGdldkkDXZCnTNnoXQ==";
    let spki = STANDARD.decode(spki).unwrap();
    P256Key::from_uncompressed(&spki[spki.len() - 65..]).unwrap().into()
}

fn ed25519() -> VerifyingKey {
    let public = PublicKey::from_spki_pem(
        "-----BEGIN PUBLIC KEY-----\n\
         MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n\
         -----END PUBLIC KEY-----\n",
    );
    public.unwrap().into()
}

fn ed25519_secret() -> SecretKey {
    let secret = SecretKey::from_pkcs8_pem(
        "-----BEGIN PRIVATE KEY-----\n\
         MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n\
         -----END PRIVATE KEY-----\n",
    );
    secret.unwrap()
}

fn headers(fields: &[(&'static str, &str)], label: &str, input: &str, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let signed = [
        ("signature-input", format!("{label}={input}")),
        ("signature", format!("{label}=:{signature}:")),
    ];
    for (name, value) in fields
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .chain(signed)
    {
        headers.append(HeaderName::from_static(name), HeaderValue::try_from(value).unwrap());
    }
    headers
}

fn only(message: &MessageView<'_>) -> Result<MessageSignature, ProofError> {
    let mut signatures = message.signatures().unwrap();
    assert_eq!(signatures.len(), 1);
    signatures.remove(0)
}

fn verified(message: &MessageView<'_>, key: &VerifyingKey) -> String {
    only(message).unwrap().verify(message, key).unwrap()
}

#[test]
fn b_2_4_a_response_by_ecdsa_p256() {
    let input = concat!(
        r#"("@status" "content-type" "content-digest" "content-length")"#,
        r#";created=1618884473;keyid="test-key-ecc-p256""#,
    );
    let signature = "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==";
    let headers = headers(&RESPONSE, "sig-b24", input, signature);
    let message = MessageView::response(200, &headers, None);
    let base = verified(&message, &p256());
    assert!(base.starts_with("\"@status\": 200\n\"content-type\": application/json\n\"content-digest\": sha-512=:mEW"));
    assert!(base.ends_with(&format!("\"content-length\": 23\n\"@signature-params\": {input}")));
    let signature = only(&message).unwrap();
    assert_eq!(
        (signature.label(), signature.keyid()),
        ("sig-b24", Some("test-key-ecc-p256"))
    );
    assert_eq!(signature.created(), Some(Timestamp::from_seconds(1_618_884_473)));
    assert_eq!(
        (
            signature.nonce(),
            signature.tag(),
            signature.algorithm(),
            signature.expires()
        ),
        (None, None, None, None)
    );
    let other = MessageView::response(201, &headers, None);
    assert_eq!(signature.verify(&other, &p256()), Err(ProofError::BadSignature));
    assert_eq!(signature.verify(&message, &ed25519()), Err(ProofError::BadSignature));
}

#[test]
fn b_2_6_a_request_by_ed25519_is_verified_and_reproduced() {
    let input = concat!(
        r#"("date" "@method" "@path" "@authority" "content-type" "content-length");"#,
        r#"created=1618884473;keyid="test-key-ed25519""#,
    );
    let signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    let headers = headers(&REQUEST, "sig-b26", input, signature);
    let message = MessageView::request("POST", URL, &headers);
    let base = verified(&message, &ed25519());
    let expected = format!(
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n\
         \"content-type\": application/json\n\"content-length\": 18\n\"@signature-params\": {input}"
    );
    assert_eq!(base, expected);
    assert_eq!(VerifyingKey::from(ed25519_secret().public()), ed25519());
    assert_eq!(
        STANDARD.encode(ed25519_secret().sign(base.as_bytes()).to_bytes()),
        signature
    );
}

#[test]
fn b_2_1_to_b_2_3_and_b_2_5_are_by_algorithms_that_are_refused() {
    let rsa = STANDARD.encode([7; 256]);
    let cases = [
        (
            r#"();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#,
            rsa.as_str(),
        ),
        (
            concat!(
                r#"("@authority" "content-digest" "@query-param";name="Pet")"#,
                r#";created=1618884473;keyid="test-key-rsa-pss";tag="header-example""#,
            ),
            rsa.as_str(),
        ),
        (
            concat!(
                r#"("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length")"#,
                r#";created=1618884473;keyid="test-key-rsa-pss""#,
            ),
            rsa.as_str(),
        ),
        (
            r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
            "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
        ),
    ];
    for (input, signature) in cases {
        // As they are, without `alg`: what cannot be a signature of ours says so.
        let plain = headers(&REQUEST, "sig", input, signature);
        let error = only(&MessageView::request("POST", URL, &plain)).unwrap_err();
        assert!(error.to_string().contains("64 bytes"), "{error}");
        for algorithm in [
            "rsa-pss-sha512",
            "hmac-sha256",
            "rsa-v1_5-sha256",
            "ecdsa-p384-sha384",
            "none",
            "",
        ] {
            let named = headers(&REQUEST, "sig", &format!("{input};alg=\"{algorithm}\""), signature);
            let error = only(&MessageView::request("POST", URL, &named)).unwrap_err();
            assert_eq!(error, ProofError::Algorithm, "{algorithm}");
        }
    }
}

#[test]
fn b_2_2_the_selected_components_have_the_values_of_the_example() {
    let input = r#"("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="k""#;
    let headers = headers(&REQUEST, "sig", input, &STANDARD.encode([7; 64]));
    let message = MessageView::request("POST", URL, &headers);
    let base = only(&message).unwrap().base(&message).unwrap();
    let lines: Vec<&str> = base.lines().collect();
    assert_eq!(lines[0], "\"@authority\": example.com");
    assert_eq!(lines[2], "\"@query-param\";name=\"Pet\": dog");
}

/// B.3: what a proxy that ends TLS signs for the servers behind it.
#[test]
fn b_3_a_proxy_with_a_client_certificate() {
    let certificate = concat!(
        ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQ",
        "KDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBD",
        "QTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDM",
        "FkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXm",
        "ckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQY",
        "DVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8B",
        "Af8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQ",
        "GV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0",
        "Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:",
    );
    let input = concat!(
        r#"("@path" "@query" "@method" "@authority" "client-cert")"#,
        r#";created=1618884473;keyid="test-key-ecc-p256""#,
    );
    let signature = "xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==";
    let headers = headers(&[("client-cert", certificate)], "ttrp", input, signature);
    let url = "https://service.internal.example/foo?param=Value&Pet=dog";
    verified(&MessageView::request("POST", url, &headers), &p256());
}

#[test]
fn b_4_what_a_proxy_may_change_and_what_not() {
    let input = r#"("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519""#;
    let signature = "ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==";
    let with = |fields: &[(&'static str, &str)]| headers(fields, "transform", input, signature);
    let url = "https://example.org/demo?name1=Value1&Name2=value2";
    let twice = [("accept", "application/json"), ("accept", "*/*")];
    let unchanged = with(&twice);
    let more = with(&[twice[0], twice[1], ("accept-language", "en-US,en;q=0.5")]);
    let collapsed = with(&[("accept", "application/json, */*")]);
    let spaced = with(&[("accept", "  application/json,   */*  ")]);
    let reordered = with(&[twice[1], twice[0]]);
    let good = [
        (url, &unchanged),
        ("https://example.org/demo?name1=Value1&Name2=value2&param=added", &more),
        (url, &collapsed),
    ];
    for (url, headers) in good {
        verified(&MessageView::request("GET", url, headers), &ed25519());
    }
    let bad = [
        ("POST", "https://example.com/demo?name1=Value1&Name2=value2", &unchanged),
        ("GET", "https://example.com/demo?name1=Value1&Name2=value2", &unchanged),
        ("GET", url, &reordered),
        ("GET", url, &spaced),
    ];
    for (method, url, headers) in bad {
        let message = MessageView::request(method, url, headers);
        assert_eq!(
            only(&message).unwrap().verify(&message, &ed25519()),
            Err(ProofError::BadSignature)
        );
    }
}

/// Section 2.4: a response that covers components of its request.
#[test]
fn section_2_4_a_response_bound_to_its_request() {
    let input = concat!(
        r#"("@status" "content-digest" "content-type" "@authority";req "@method";req "@path";req "#,
        r#""content-digest";req);created=1618884479;keyid="test-key-ecc-p256""#,
    );
    let signature = "dMT/A/76ehrdBTD/2Xx8QuKV6FoyzEP/I9hdzKN8LQJLNgzU4W767HK05rx1i8meNQQgQPgQp8wq2ive3tV5Ag==";
    let digest = "sha-512=:0Y6iCBzGg5rZtoXS95Ijz03mslf6KAMCloESHObfwnHJDbkkWWQz6PhhU9kxsTbARtY2PTBOzq24uJFpHsMuAg==:";
    let fields = [("content-digest", digest), ("content-type", "application/json")];
    let headers = headers(&fields, "reqres", input, signature);
    let asked = self::headers(&REQUEST, "sig1", "()", "AA==");
    let request = MessageView::request("POST", URL, &asked);
    verified(&MessageView::response(503, &headers, Some(&request)), &p256());
    let other = MessageView::request("PUT", URL, &asked);
    let message = MessageView::response(503, &headers, Some(&other));
    assert_eq!(
        only(&message).unwrap().verify(&message, &p256()),
        Err(ProofError::BadSignature)
    );
    let alone = MessageView::response(503, &headers, None);
    assert_eq!(only(&alone).unwrap().base(&alone), Err(ProofError::UnknownComponent));
}

/// The base of a request that covers `components`, without its last line.
fn base_of(components: &str, url: &str, fields: &[(&'static str, &str)]) -> Result<String, ProofError> {
    let headers = headers(fields, "s", &format!("({components})"), &STANDARD.encode([7; 64]));
    let message = MessageView::request("GET", url, &headers);
    let base = only(&message)?.base(&message)?;
    Ok(base
        .rsplit_once('\n')
        .map_or_else(String::new, |(lines, _params)| lines.to_owned()))
}

/// Sections 2.1 and 2.2.
#[test]
fn components_have_the_values_of_section_2() {
    let fields = [
        ("x-dictionary", "a=1,    b=2;x=1;y=2,   c=(a   b   c)"),
        ("x-lines", "value, with, lots"),
        ("x-lines", " of, commas "),
        ("content-digest", "sha-256=:AA==:  ,  sha-512=:AQ==:"),
        ("x-empty", ""),
    ];
    let url = "https://EXAMPLE.com:443/a/b?param=value&foo=bar&baz=bat%2Dman&q%C3%BC=%20x&foo=2";
    let cases = [
        (r#""@authority""#, r#""@authority": example.com"#),
        (r#""@scheme""#, r#""@scheme": https"#),
        (r#""@path""#, r#""@path": /a/b"#),
        (
            r#""@query-param";name="param""#,
            r#""@query-param";name="param": value"#,
        ),
        (r#""@query-param";name="baz""#, r#""@query-param";name="baz": bat-man"#),
        (
            r#""@query-param";name="q%C3%BC""#,
            r#""@query-param";name="q%C3%BC": %20x"#,
        ),
        (r#""x-dictionary";key="a""#, r#""x-dictionary";key="a": 1"#),
        (r#""x-dictionary";key="b""#, r#""x-dictionary";key="b": 2;x=1;y=2"#),
        (r#""x-dictionary";key="c""#, r#""x-dictionary";key="c": (a b c)"#),
        (r#""x-lines""#, r#""x-lines": value, with, lots, of, commas"#),
        (
            r#""x-lines";bs"#,
            r#""x-lines";bs: :dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"#,
        ),
        (
            r#""content-digest";sf"#,
            r#""content-digest";sf: sha-256=:AA==:, sha-512=:AQ==:"#,
        ),
        (r#""x-empty""#, r#""x-empty": "#),
    ];
    for (component, line) in cases {
        assert_eq!(base_of(component, url, &fields).as_deref(), Ok(line));
    }
    let bare = "http://localhost:7000";
    for (component, line) in [
        (r#""@query""#, r#""@query": ?"#),
        (r#""@path""#, r#""@path": /"#),
        (r#""@authority""#, r#""@authority": localhost:7000"#),
        (r#""@request-target""#, r#""@request-target": /"#),
    ] {
        assert_eq!(base_of(component, bare, &[]).as_deref(), Ok(line));
    }
}

#[test]
fn components_that_cannot_be_computed_or_are_missing_are_refused() {
    let fields = [("x-lines", "a"), ("x-dictionary", "a=1")];
    let url = "https://example.com/?foo=1&foo=2";
    let unknown = [
        r#""@query-param""#,
        r#""@status";tr"#,
        r#""x-lines";sf"#,
        r#""x-lines";bs;sf"#,
        r#""x-lines";bs=?0"#,
        r#""@method";key="a""#,
        r#""X-Lines""#,
        r#""@unknown""#,
        r#""""#,
        r#""x lines""#,
        r#""x-lines";foo"#,
        r#""x-lines";req"#,
        r#""@signature-params""#,
    ];
    for component in unknown {
        assert_eq!(
            base_of(component, url, &fields),
            Err(ProofError::UnknownComponent),
            "{component}"
        );
    }
    let missing = [
        r#""@status""#,
        r#""x-none""#,
        r#""x-dictionary";key="d""#,
        r#""@query-param";name="foo""#,
        r#""@query-param";name="none""#,
    ];
    for component in missing {
        let error = base_of(component, url, &fields).unwrap_err();
        assert!(matches!(error, ProofError::MissingComponent(_)), "{component}: {error}");
    }
    let twice = base_of(r#""x-lines";bs;req "x-lines";req;bs"#, url, &fields).unwrap_err();
    assert!(matches!(twice, ProofError::Header { .. }), "{twice}");
}

#[test]
fn of_several_signatures_each_is_judged_alone() {
    let good = concat!(
        r#"("date" "@method" "@path" "@authority" "content-type" "content-length")"#,
        r#";created=1618884473;keyid="test-key-ed25519""#,
    );
    let signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    let mut headers = headers(&REQUEST, "sig-b26", good, signature);
    let more =
        HeaderValue::from_static(r#"rsa=();alg="rsa-pss-sha512", odd=("@odd"), named=();alg="ecdsa-p256-sha256""#);
    headers.append("signature-input", more);
    let more = format!("rsa=:{0}:, odd=:{0}:, named=:{0}:", STANDARD.encode([7; 64]));
    headers.append("signature", HeaderValue::try_from(more).unwrap());
    let message = MessageView::request("POST", URL, &headers);
    let signatures = message.signatures().unwrap();
    assert!(signatures[0].as_ref().unwrap().verify(&message, &ed25519()).is_ok());
    assert_eq!(signatures[1].as_ref().unwrap_err(), &ProofError::Algorithm);
    assert_eq!(signatures[2].as_ref().unwrap_err(), &ProofError::UnknownComponent);
    let named = signatures[3].as_ref().unwrap();
    assert_eq!(named.algorithm(), Some(KeyKind::P256));
    assert_eq!(
        named.verify(&message, &ed25519()),
        Err(ProofError::Algorithm),
        "the key decides"
    );
    assert_eq!(named.verify(&message, &p256()), Err(ProofError::BadSignature));
    assert_eq!(named.covered().count(), 0);
}

#[test]
fn everything_has_a_limit() {
    let signature = STANDARD.encode([7; 64]);
    let error = |headers: &HeaderMap| MessageView::request("GET", URL, headers).signatures().unwrap_err();
    let long = format!("(\"@method\");keyid=\"{}\"", "k".repeat(FIELD_LENGTH_MAX));
    assert_eq!(
        error(&headers(&[], "s", &long, &signature)),
        ProofError::TooLong("Signature-Input")
    );
    let mut lines = headers(&[], "s", "()", &signature);
    for _ in 0..FIELD_LENGTH_MAX / 64 {
        lines.append(
            "signature",
            HeaderValue::try_from(format!("x=:{}:", "A".repeat(80))).unwrap(),
        );
    }
    assert_eq!(error(&lines), ProofError::TooLong("Signature"));
    let many: Vec<String> = (0..=LABELS_MAX).map(|index| format!("s{index}=()")).collect();
    let mut labels = HeaderMap::new();
    labels.insert("signature-input", HeaderValue::try_from(many.join(", ")).unwrap());
    labels.insert("signature", HeaderValue::from_static("s=:AA==:"));
    assert!(matches!(error(&labels), ProofError::Header { .. }));
    let many: Vec<String> = (0..=COMPONENTS_MAX).map(|index| format!("\"x-{index}\"")).collect();
    let components = base_of(&many.join(" "), URL, &[]).unwrap_err();
    assert!(matches!(components, ProofError::Header { .. }));
    let value = "v".repeat(FIELD_LENGTH_MAX + 1);
    for component in [r#""x-long""#, r#""x-long";key="a""#, r#""x-long";bs"#] {
        let error = base_of(component, URL, &[("x-long", &value)]).unwrap_err();
        assert_eq!(error, ProofError::TooLong("a header field"), "{component}");
    }
    let url = format!("https://example.com/{value}");
    assert!(base_of(r#""@path""#, &url, &[]).is_err());
    assert!(
        MessageView::request("GET", URL, &HeaderMap::new())
            .signatures()
            .is_err(),
        "not signed"
    );
}
