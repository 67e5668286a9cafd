use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::PublicKey;
use imajin_kernel::{Code, Span};
use imajin_proof::token::{Standard, Token, TokenError, TokenKind, issue, jwk, key_id, verify};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{NOW, key};

const ISS: &str = "https://node.example/auth";
const AUD: &str = "https://node.example";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Session {
    tier: String,
}

impl TokenKind for Session {
    const TYP: &'static str = "session+jwt";
}

#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    tier: String,
}

impl TokenKind for Receipt {
    const TYP: &'static str = "receipt+jwt";
}

fn standard() -> Standard {
    Standard {
        iss: ISS.to_owned(),
        aud: AUD.to_owned(),
        sub: key(2).did().to_string(),
        jti: "ses_1".to_owned(),
        iat: NOW,
        exp: NOW.plus(Span::hours(24)),
    }
}

fn session() -> Session {
    Session {
        tier: "soft".to_owned(),
    }
}

fn issued() -> String {
    issue(&key(1), "k1", &standard(), &session()).unwrap()
}

fn key_of(kid: &str) -> Option<PublicKey> {
    (kid == "k1").then(|| key(1).public())
}

fn check(text: &str) -> Result<Token<Session>, TokenError> {
    verify(text, &key_of, ISS, AUD, NOW)
}

/// A token with any header and payload, signed well.
fn forged(header: &Value, payload: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap());
    let signed = format!("{}.{}", part(header), part(payload));
    let signature = URL_SAFE_NO_PAD.encode(key(1).sign(signed.as_bytes()).to_bytes());
    format!("{signed}.{signature}")
}

fn header() -> Value {
    json!({"typ": "session+jwt", "alg": "EdDSA", "kid": "k1"})
}

fn payload() -> Value {
    json!({
        "iss": ISS, "aud": AUD, "sub": "s", "jti": "j", "tier": "key",
        "iat": NOW.as_seconds(), "exp": NOW.as_seconds() + 60,
    })
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

#[test]
fn a_token_comes_back_as_it_was_issued() {
    let token = check(&issued()).unwrap();
    assert_eq!(
        token,
        Token {
            kid: "k1".to_owned(),
            standard: standard(),
            claims: session()
        }
    );
}

#[test]
fn an_unmodified_jwt_library_reads_ours_and_we_read_its() {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.validate_exp = false;
    validation.set_audience(&[AUD]);
    validation.set_issuer(&[ISS]);
    let public = DecodingKey::from_ed_components(jwk(&key(1).public(), "k1")["x"].as_str().unwrap()).unwrap();
    let read = jsonwebtoken::decode::<Value>(issued(), &public, &validation).unwrap();
    assert_eq!(
        (read.header.typ.as_deref(), read.claims["tier"].as_str()),
        (Some("session+jwt"), Some("soft"))
    );

    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("session+jwt".to_owned());
    header.kid = Some("k1".to_owned());
    let secret = EncodingKey::from_ed_der(&key(1).to_pkcs8_der());
    let text = jsonwebtoken::encode(&header, &payload(), &secret).unwrap();
    assert_eq!(check(&text).unwrap().claims.tier, "key");
}

#[test]
fn every_claim_is_demanded() {
    assert!(check(&forged(&header(), &payload())).is_ok());
    for name in ["iss", "aud", "sub", "jti", "iat", "exp"] {
        let text = forged(&header(), &without(payload(), name));
        assert_eq!(check(&text).unwrap_err(), TokenError::Malformed, "{name}");
    }
    let in_payload = [
        ("iss", json!("https://evil.example"), TokenError::WrongIssuer),
        ("aud", json!("https://evil.example"), TokenError::WrongAudience),
        ("aud", json!(["https://node.example"]), TokenError::Malformed),
        ("exp", json!(NOW.as_seconds()), TokenError::Expired),
        ("exp", json!("2030-01-01"), TokenError::Malformed),
        ("iat", json!(NOW.as_seconds() + 31), TokenError::NotYetValid),
        ("nbf", json!(NOW.as_seconds() + 31), TokenError::NotYetValid),
        ("tier", json!(7), TokenError::Claims),
    ];
    for (name, value, error) in in_payload {
        assert_eq!(
            check(&forged(&header(), &with(payload(), name, value))).unwrap_err(),
            error,
            "{name}"
        );
    }
}

#[test]
fn type_algorithm_and_key_are_demanded() {
    let cases = [
        (with(header(), "typ", json!("receipt+jwt")), TokenError::WrongKind),
        (with(header(), "typ", json!("JWT")), TokenError::WrongKind),
        (without(header(), "typ"), TokenError::WrongKind),
        (with(header(), "alg", json!("none")), TokenError::WrongKind),
        (with(header(), "alg", json!("HS256")), TokenError::WrongKind),
        (with(header(), "crit", json!(["b64"])), TokenError::WrongKind),
        (with(header(), "kid", json!("k2")), TokenError::UnknownKey),
        (without(header(), "kid"), TokenError::UnknownKey),
    ];
    for (header, error) in cases {
        assert_eq!(check(&forged(&header, &payload())).unwrap_err(), error, "{header}");
    }
    let other = issue(&key(2), "k1", &standard(), &session()).unwrap();
    assert_eq!(check(&other).unwrap_err(), TokenError::BadSignature);
    assert_eq!(check(&other).unwrap_err().code(), Code::BadSignature);
    let receipt = verify::<Receipt>(&issued(), &key_of, ISS, AUD, NOW);
    assert_eq!(receipt.unwrap_err(), TokenError::WrongKind, "one kind is not another");
    let late = verify::<Session>(&issued(), &key_of, ISS, AUD, NOW.plus(Span::hours(24)));
    assert_eq!(late.unwrap_err(), TokenError::Expired);
}

#[test]
fn every_changed_bit_and_every_other_shape_is_refused() {
    let text = issued();
    for bit in 0..text.len() * 8 {
        let mut changed = text.clone().into_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(changed) = String::from_utf8(changed) {
            assert!(check(&changed).is_err(), "{changed}");
        }
    }
    for shape in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        &format!("{text}."),
        &format!("x.{text}"),
        &"a".repeat(20_000),
    ] {
        assert!(check(shape).is_err(), "{shape}");
    }
}

#[test]
fn claims_cannot_replace_standard_ones() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Sly {
        exp: i64,
    }
    impl TokenKind for Sly {
        const TYP: &'static str = "sly+jwt";
    }
    #[derive(Debug, Serialize, Deserialize)]
    struct Bare(u8);
    impl TokenKind for Bare {
        const TYP: &'static str = "bare+jwt";
    }
    assert_eq!(
        issue(&key(1), "k1", &standard(), &Sly { exp: i64::MAX }),
        Err(TokenError::Claims)
    );
    assert_eq!(issue(&key(1), "k1", &standard(), &Bare(1)), Err(TokenError::Claims));
}

/// RFC 8037, appendices A.2 and A.3: the public key of RFC 8032's first test as a JWK, and its thumbprint.
#[test]
fn key_ids_are_jwk_thumbprints() {
    let public = PublicKey::from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap();
    assert_eq!(key_id(&public), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let key = jwk(&public, "k1");
    assert_eq!(key["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    assert_eq!(
        (&key["kty"], &key["crv"], &key["kid"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("k1"))
    );
}
