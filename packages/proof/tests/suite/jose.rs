use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::{Did, SecretKey};
use imajin_kernel::{Env, ManualClock, Span};
use imajin_proof::jose::{
    Algorithm, Expect, JoseError, Jwk, Jwks, KEYS_MAX, SigningKey, issue, verify, verify_unaddressed,
};
use imajin_proof::token::{Standard, Token, TokenError, TokenKind};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{NOW, key};

const ISS: &str = "https://node.example/auth";
const AUD: &str = "client-1";
const EXPECT: Expect<'_> = Expect {
    iss: ISS,
    aud: AUD,
    now: NOW,
};

/// Kinds of token that differ in nothing but their type.
macro_rules! kinds {
    ($($name:ident $typ:literal),+) => { $(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        struct $name { nonce: String }
        impl TokenKind for $name { const TYP: &'static str = $typ; }
    )+ };
}
kinds!(IdToken "id+jwt", Session "session+jwt", Receipt "receipt+jwt", Pay "pay+jwt", Login "login+jwt");

fn env() -> Env {
    Env::fixed(ManualClock::at(NOW), 7)
}

/// One key of each algorithm, made once for the whole process.
fn signing(algorithm: Algorithm) -> &'static SigningKey {
    static KEYS: [OnceLock<SigningKey>; 3] = [const { OnceLock::new() }; 3];
    let index = Algorithm::ALL.iter().position(|known| *known == algorithm).unwrap();
    KEYS[index].get_or_init(|| SigningKey::generate(algorithm, &env()).unwrap())
}

fn set() -> Jwks {
    Jwks::new(
        Algorithm::ALL
            .map(|algorithm| signing(algorithm).jwk().clone())
            .to_vec(),
    )
    .unwrap()
}

fn standard() -> Standard {
    Standard {
        iss: ISS.to_owned(),
        aud: AUD.to_owned(),
        sub: key(2).did().to_string(),
        jti: "t1".to_owned(),
        iat: NOW,
        exp: NOW.plus(Span::minutes(5)),
    }
}

fn claims() -> IdToken {
    IdToken { nonce: "n".to_owned() }
}

fn check(text: &str) -> Result<Token<IdToken>, TokenError> {
    verify(text, &set(), &EXPECT)
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap())
}

fn payload() -> Value {
    json!({
        "iss": ISS, "aud": AUD, "sub": "s", "jti": "j", "nonce": "n",
        "iat": NOW.as_seconds(), "exp": NOW.as_seconds() + 60,
    })
}

fn header(key: &SigningKey) -> Value {
    json!({"typ": "id+jwt", "alg": key.algorithm().name(), "kid": key.kid()})
}

fn with(mut value: Value, name: &str, member: Value) -> Value {
    value[name] = member;
    value
}

/// A token with any header, signed well by `key`.
fn forged(key: &SigningKey, header: &Value, payload: &Value) -> String {
    let signed = format!("{}.{}", part(header), part(payload));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn a_token_of_every_algorithm_comes_back_as_it_was_issued() {
    for algorithm in Algorithm::ALL {
        let key = signing(algorithm);
        let token = check(&issue(key, &standard(), &claims()).unwrap()).unwrap();
        assert_eq!(
            (token.kid.as_str(), token.standard, token.claims),
            (key.kid(), standard(), claims())
        );
        assert_eq!(
            (key.algorithm(), key.jwk().thumbprint().as_str()),
            (algorithm, key.kid())
        );
        let again = SigningKey::from_pkcs8(algorithm, &key.to_pkcs8().unwrap()).unwrap();
        assert_eq!(again.jwk(), key.jwk());
        assert!(check(&issue(&again, &standard(), &claims()).unwrap()).is_ok());
    }
}

#[test]
fn an_unmodified_jwt_library_reads_ours_and_we_read_its() {
    let encoding = [
        // That library takes the inner key of RSA, so what it signs is in the crate's own tests; we read it by ES256.
        (
            Algorithm::ES256,
            EncodingKey::from_ec_der(&signing(Algorithm::ES256).to_pkcs8().unwrap()),
        ),
        (
            Algorithm::EdDSA,
            EncodingKey::from_ed_der(&signing(Algorithm::EdDSA).to_pkcs8().unwrap()),
        ),
    ];
    let published = serde_json::to_string(&set()).unwrap();
    let published: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&published).unwrap();
    for algorithm in Algorithm::ALL {
        let theirs = algorithm.name().parse::<jsonwebtoken::Algorithm>().unwrap();
        let mut validation = Validation::new(theirs);
        validation.validate_exp = false;
        validation.set_audience(&[AUD]);
        validation.set_issuer(&[ISS]);
        let jwk = published.find(signing(algorithm).kid()).unwrap();
        let text = issue(signing(algorithm), &standard(), &claims()).unwrap();
        let read = jsonwebtoken::decode::<Value>(text, &DecodingKey::from_jwk(jwk).unwrap(), &validation).unwrap();
        assert_eq!(
            (read.header.typ.as_deref(), &read.claims["nonce"]),
            (Some("id+jwt"), &json!("n"))
        );
    }
    for (algorithm, encoding) in encoding {
        let mut header = Header::new(algorithm.name().parse().unwrap());
        header.typ = Some("id+jwt".to_owned());
        header.kid = Some(signing(algorithm).kid().to_owned());
        let text = jsonwebtoken::encode(&header, &payload(), &encoding).unwrap();
        assert_eq!(check(&text).unwrap().claims, claims());
    }
}

#[test]
fn the_key_decides_about_the_algorithm() {
    for signer in Algorithm::ALL.map(signing) {
        for named in Algorithm::ALL
            .map(signing)
            .into_iter()
            .filter(|named| named.kid() != signer.kid())
        {
            let name = |kid: &str, alg: Algorithm| json!({"typ": "id+jwt", "alg": alg.name(), "kid": kid});
            let cases = [
                (name(named.kid(), signer.algorithm()), TokenError::WrongKind),
                (name(signer.kid(), named.algorithm()), TokenError::WrongKind),
                (name(named.kid(), named.algorithm()), TokenError::BadSignature),
            ];
            for (header, error) in cases {
                assert_eq!(
                    check(&forged(signer, &header, &payload())).unwrap_err(),
                    error,
                    "{header}"
                );
            }
        }
        for alg in [
            "none", "None", "NONE", "", "HS256", "HS512", "PS256", "ES384", "eddsa", "ES256K", "RS1",
        ] {
            let header = with(header(signer), "alg", json!(alg));
            assert_eq!(
                check(&forged(signer, &header, &payload())).unwrap_err(),
                TokenError::WrongKind,
                "{alg}"
            );
            let unsigned = format!("{}.{}.", part(&header), part(&payload()));
            assert_eq!(check(&unsigned).unwrap_err(), TokenError::WrongKind, "{alg}");
        }
    }
}

#[test]
fn a_mac_keyed_by_the_public_key_is_no_signature() {
    for key in Algorithm::ALL.map(signing) {
        let jwk = serde_json::to_value(key.jwk()).unwrap();
        let member = |name: &str| jwk[name].as_str().map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
        let secrets = ["n", "x", "y"].into_iter().filter_map(member);
        for secret in secrets.chain([serde_json::to_vec(&jwk).unwrap()]) {
            for alg in ["HS256", key.algorithm().name()] {
                let mut header = Header::new(jsonwebtoken::Algorithm::HS256);
                header.typ = Some("id+jwt".to_owned());
                header.kid = Some(key.kid().to_owned());
                let mac = jsonwebtoken::encode(&header, &payload(), &EncodingKey::from_secret(&secret)).unwrap();
                let mac = mac.rsplit_once('.').unwrap().1;
                let header = with(self::header(key), "alg", json!(alg));
                assert!(check(&format!("{}.{}.{mac}", part(&header), part(&payload()))).is_err());
            }
        }
    }
}

#[test]
fn no_kind_of_token_passes_for_another() {
    fn at_every_verifier(text: &str) -> Vec<(&'static str, Result<(), TokenError>)> {
        fn at<K: TokenKind>(text: &str) -> (&'static str, Result<(), TokenError>) {
            (K::TYP, verify::<K>(text, &set(), &EXPECT).map(|_token| ()))
        }
        vec![
            at::<IdToken>(text),
            at::<Session>(text),
            at::<Receipt>(text),
            at::<Pay>(text),
            at::<Login>(text),
        ]
    }
    fn of<K: TokenKind>(claims: &K) -> (&'static str, String) {
        (K::TYP, issue(signing(Algorithm::EdDSA), &standard(), claims).unwrap())
    }
    let nonce = || "n".to_owned();
    let tokens = [
        of(&IdToken { nonce: nonce() }),
        of(&Session { nonce: nonce() }),
        of(&Receipt { nonce: nonce() }),
        of(&Pay { nonce: nonce() }),
        of(&Login { nonce: nonce() }),
    ];
    for (kind, text) in tokens {
        for (verifier, result) in at_every_verifier(&text) {
            let expected = if kind == verifier {
                Ok(())
            } else {
                Err(TokenError::WrongKind)
            };
            assert_eq!(result, expected, "{kind} at the verifier of {verifier}");
        }
    }
}

#[test]
fn type_audience_issuer_name_and_time_are_demanded() {
    let key = signing(Algorithm::ES256);
    assert!(check(&forged(key, &header(key), &payload())).is_ok());
    for (name, error) in [("typ", TokenError::WrongKind), ("kid", TokenError::UnknownKey)] {
        let mut header = header(key);
        header.as_object_mut().unwrap().remove(name);
        assert_eq!(
            check(&forged(key, &header, &payload())).unwrap_err(),
            error,
            "without {name}"
        );
        header[name] = json!("other");
        assert_eq!(
            check(&forged(key, &header, &payload())).unwrap_err(),
            error,
            "another {name}"
        );
    }
    let cases = [
        ("aud", json!("client-2"), TokenError::WrongAudience),
        ("aud", json!([AUD]), TokenError::Malformed),
        ("iss", json!("https://evil.example"), TokenError::WrongIssuer),
        ("exp", json!(NOW.as_seconds()), TokenError::Expired),
        ("iat", json!(NOW.as_seconds() + 31), TokenError::NotYetValid),
        ("nonce", json!(1), TokenError::Claims),
    ];
    for (name, value, error) in cases {
        assert_eq!(
            check(&forged(key, &header(key), &with(payload(), name, value))).unwrap_err(),
            error,
            "{name}"
        );
    }
    let critical = with(header(key), "crit", json!(["b64"]));
    assert_eq!(
        check(&forged(key, &critical, &payload())).unwrap_err(),
        TokenError::WrongKind
    );
}

#[test]
fn a_token_may_name_nobody_where_that_is_asked_for_and_nobody_else_than_the_verifier() {
    let nobody = Standard {
        aud: String::new(),
        ..standard()
    };
    let text = issue(signing(Algorithm::ES256), &nobody, &claims()).unwrap();
    assert_eq!(check(&text).unwrap_err(), TokenError::Malformed);
    assert_eq!(
        verify_unaddressed::<IdToken>(&text, &set(), &EXPECT).unwrap().standard,
        nobody
    );
    let named = issue(signing(Algorithm::ES256), &standard(), &claims()).unwrap();
    let named = verify_unaddressed::<IdToken>(&named, &set(), &EXPECT).unwrap();
    assert_eq!(named.standard, standard());
    let key = signing(Algorithm::ES256);
    let empty = Expect { aud: "", ..EXPECT };
    for (aud, error) in [
        (json!("client-2"), TokenError::WrongAudience),
        (json!(""), TokenError::WrongAudience),
        (json!(null), TokenError::Malformed),
        (json!([]), TokenError::Malformed),
    ] {
        let text = forged(key, &header(key), &with(payload(), "aud", aud.clone()));
        for expect in [&EXPECT, &empty] {
            let read = verify_unaddressed::<IdToken>(&text, &set(), expect);
            assert_eq!(read.unwrap_err(), error, "{aud}");
        }
    }
}

#[test]
fn every_changed_byte_of_a_signature_is_refused() {
    for algorithm in Algorithm::ALL {
        let text = issue(signing(algorithm), &standard(), &claims()).unwrap();
        let (signed, signature) = text.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        for index in 0..signature.len() {
            let mut changed = signature.clone();
            changed[index] ^= 1;
            let changed = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(changed));
            assert_eq!(
                check(&changed).unwrap_err(),
                TokenError::BadSignature,
                "{algorithm} {index}"
            );
        }
        for length in [0, 1, signature.len() - 1] {
            let cut = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&signature[..length]));
            assert_eq!(
                check(&cut).unwrap_err(),
                TokenError::BadSignature,
                "{algorithm} cut to {length}"
            );
        }
    }
}

#[test]
fn a_key_set_survives_its_json_without_anything_private() {
    let text = serde_json::to_string(&set()).unwrap();
    assert_eq!(serde_json::from_str::<Jwks>(&text).unwrap(), set());
    let value: Value = serde_json::from_str(&text).unwrap();
    for key in value["keys"].as_array().unwrap() {
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(private).is_none(), "{private}");
        }
    }
    let printed = format!("{:?}", signing(Algorithm::EdDSA));
    assert_eq!(
        printed,
        format!("SigningKey(EdDSA {})", signing(Algorithm::EdDSA).kid())
    );
}

#[test]
fn a_foreign_key_set_is_read_with_care() {
    let good = serde_json::to_value(signing(Algorithm::ES256).jwk()).unwrap();
    let read = |keys: Vec<Value>| serde_json::from_value::<Jwks>(json!({"keys": keys}));
    let unusable = [
        json!({"kty": "oct", "kid": "1"}),
        json!({"kty": "EC", "crv": "P-384", "kid": "1", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "kid": "1", "x": "AA"}),
        with(good.clone(), "use", json!("enc")),
        with(good.clone(), "alg", json!("ES384")),
        with(good.clone(), "kid", json!("")),
        with(good.clone(), "kid", json!("k".repeat(257))),
        with(good.clone(), "x", good["y"].clone()),
        with(good.clone(), "x", json!("!")),
        json!({"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}),
        json!(7),
    ];
    for value in unusable {
        let set = read(vec![value.clone(), good.clone()]).unwrap();
        assert_eq!(set.keys(), [signing(Algorithm::ES256).jwk().clone()], "{value}");
    }
    let mut without_kid = good.clone();
    without_kid.as_object_mut().unwrap().remove("kid");
    assert_eq!(read(vec![without_kid]).unwrap().keys(), []);
    let error = |keys| read(keys).unwrap_err().to_string();
    assert_eq!(
        error(vec![with(good.clone(), "d", json!("AA"))]),
        JoseError::Published.to_string()
    );
    assert_eq!(
        error(vec![json!({"kty": "oct", "kid": "1", "k": "AA"})]),
        JoseError::Published.to_string()
    );
    let other = with(
        serde_json::to_value(signing(Algorithm::EdDSA).jwk()).unwrap(),
        "kid",
        good["kid"].clone(),
    );
    assert_eq!(error(vec![good.clone(), other]), JoseError::SameKid.to_string());
    assert_eq!(read(vec![good.clone(), good.clone()]).unwrap().keys().len(), 1);
    assert_eq!(error(vec![good; KEYS_MAX + 1]), JoseError::TooMany.to_string());
}

#[test]
fn what_is_no_private_key_of_the_algorithm_is_refused() {
    for algorithm in Algorithm::ALL {
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            let der = signing(other).to_pkcs8().unwrap();
            let error = SigningKey::from_pkcs8(algorithm, &der).unwrap_err();
            assert_eq!(error, JoseError::PrivateKey, "{other} as {algorithm}");
        }
        assert!(SigningKey::from_pkcs8(algorithm, b"nonsense").is_err());
        assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
    }
    assert_eq!("none".parse::<Algorithm>(), Err(JoseError::Algorithm));
}

#[test]
fn an_identity_key_is_a_jwk_and_back() {
    let ed25519: SecretKey = key(3);
    let jwk = Jwk::from_key(ed25519.public());
    assert_eq!(jwk.kid(), imajin_proof::token::key_id(&ed25519.public()));
    assert_eq!(jwk.verifying_key(), Some(ed25519.public().into()));
    let p256: Did = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
        .parse()
        .unwrap();
    let jwk = Jwk::from_key(p256.verifying_key().unwrap());
    assert_eq!(
        (jwk.algorithm(), jwk.verifying_key()),
        (Algorithm::ES256, p256.verifying_key())
    );
    assert_eq!(signing(Algorithm::RS256).jwk().verifying_key(), None);
}

/// RFC 7638, section 3.1, and RFC 7515, appendix A.3.
#[test]
fn the_examples_of_the_standards_hold() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV\
             4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d\
             0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-\
             csFCur-kEgU8awapJzKnqDKgw";
    let jwk: Jwk =
        serde_json::from_value(json!({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}))
            .unwrap();
    assert_eq!(
        (jwk.kid(), jwk.thumbprint().as_str()),
        ("2011-04-29", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
    );
    let jwk: Jwk = serde_json::from_value(json!({
        "kty": "EC", "crv": "P-256", "kid": "a3", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }))
    .unwrap();
    let signed = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19\
                  yb290Ijp0cnVlfQ";
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(jwk.verify(signed.as_bytes(), &signature));
    assert!(!jwk.verify(&signed.as_bytes()[1..], &signature));
}
