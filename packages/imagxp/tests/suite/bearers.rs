//! Visas that name neither the publisher nor a key, and those that name only one of them.

use imajin_imagxp::Purpose;
use imajin_imagxp::visa::{Visa, VisaError, VisaExpectation, VisaName, visa_is_bearer, visa_name, visa_verify};
use imajin_kernel::{Env, ManualClock, Span};
use imajin_proof::jose::{Algorithm, Jwks, SigningKey};
use imajin_proof::token::TokenError;
use serde_json::{Value, json};

use crate::{NOW, key};

const ISSUER: &str = "https://broker.example/broker";
const HOST: &str = "site.example";

/// A broker that signs whatever a test wants.
struct Broker {
    key: SigningKey,
    holders: [String; 1],
}

impl Broker {
    fn new() -> Self {
        Self {
            key: SigningKey::generate(Algorithm::ES256, &Env::fixed(ManualClock::at(NOW), 7)).unwrap(),
            holders: [key().thumbprint()],
        }
    }

    /// A bearer's visa, with these members beside its own, or in their place.
    fn visa(&self, changes: &Value) -> String {
        let mut members = json!({
            "iss": ISSUER, "sub": "bot.example.org", "jti": "b-1", "cur": "USD", "max_micros": 50_000,
            "iat": NOW.as_seconds(), "exp": NOW.as_seconds() + 600,
        });
        let own = members.as_object_mut().unwrap();
        own.extend(changes.as_object().unwrap().clone());
        self.signed(&members)
    }

    fn signed(&self, payload: &Value) -> String {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as TEXT;
        let header = json!({"typ": "pay+jwt", "alg": "ES256", "kid": self.key.kid()});
        let signed = format!(
            "{}.{}",
            TEXT.encode(header.to_string()),
            TEXT.encode(payload.to_string())
        );
        let signature = self.key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", TEXT.encode(signature))
    }

    fn verify(&self, token: &str, takes_bearer: bool) -> Result<Visa, VisaError> {
        let expect = VisaExpectation {
            issuer: ISSUER,
            audience: HOST,
            holders: &self.holders,
            purpose: Some(Purpose::RagRetrieval),
            takes_bearer,
            now: NOW,
        };
        visa_verify(token, &Jwks::new(vec![self.key.jwk().clone()]).unwrap(), &expect)
    }
}

#[test]
fn a_bearers_visa_counts_only_where_it_is_taken() {
    let broker = Broker::new();
    let token = broker.visa(&json!({}));
    assert_eq!(broker.verify(&token, false), Err(VisaError::Bearer));
    let visa = broker.verify(&token, true).unwrap();
    assert_eq!((visa.jti.as_str(), visa.holder), ("b-1", None));
    assert_eq!(visa.max.to_string(), "0.05 USD");
    let name = VisaName {
        broker: ISSUER.to_owned(),
        id: "b-1".to_owned(),
        is_bearer: true,
    };
    assert_eq!(visa_name(&token), Ok(name));
}

#[test]
fn a_bearers_visa_pays_once_whatever_it_says() {
    let broker = Broker::new();
    for uses in [1, 2, 1_000] {
        let token = broker.visa(&json!({"uses": uses}));
        assert_eq!(broker.verify(&token, true).unwrap().uses, 1, "{uses}");
    }
    let nothing = broker.visa(&json!({"uses": 0}));
    assert_eq!(broker.verify(&nothing, true), Err(VisaError::Nothing));
}

#[test]
fn what_a_visa_names_is_checked_also_where_bearers_are_taken() {
    let broker = Broker::new();
    let own = json!({"jkt": broker.holders[0]});
    let claims = VisaError::Token(TokenError::Claims);
    let malformed = VisaError::Token(TokenError::Malformed);
    let elsewhere = VisaError::Token(TokenError::WrongAudience);
    for (changes, error) in [
        // One of the two alone.
        (json!({"aud": HOST}), VisaError::HalfBound),
        (json!({"cnf": own}), VisaError::HalfBound),
        // Somebody else's, with the other one or without.
        (json!({"aud": "other.example"}), elsewhere),
        (json!({"aud": "other.example", "cnf": own}), elsewhere),
        (json!({"cnf": {"jkt": "another"}}), VisaError::OtherHolder),
        (json!({"aud": HOST, "cnf": {"jkt": "another"}}), VisaError::OtherHolder),
        // What is there and says nothing does not stand for nothing.
        (json!({"aud": null}), malformed),
        (json!({"aud": ""}), elsewhere),
        (json!({"aud": []}), malformed),
        (json!({"aud": [HOST]}), malformed),
        (json!({"cnf": null}), claims),
        (json!({"cnf": {}}), claims),
        (json!({"cnf": {"jwk": {"kty": "EC"}}}), claims),
        (json!({"aud": HOST, "cnf": null}), claims),
    ] {
        let token = broker.visa(&changes);
        assert_eq!(broker.verify(&token, true), Err(error), "{changes}");
        assert_eq!(broker.verify(&token, false), Err(error), "{changes}");
        assert_eq!(visa_is_bearer(&token), Ok(false), "{changes}");
    }
    let bound = broker.visa(&json!({"aud": HOST, "cnf": own, "uses": 3}));
    for takes_bearer in [false, true] {
        let visa = broker.verify(&bound, takes_bearer).unwrap();
        assert_eq!((visa.uses, visa.holder.as_ref()), (3, broker.holders.first()));
    }
}

#[test]
fn everything_else_is_demanded_of_a_bearers_visa_as_of_any() {
    let broker = Broker::new();
    let seconds = |span: Span| NOW.plus(span).as_seconds();
    for (changes, error) in [
        (json!({"purpose": "SUMMARY"}), VisaError::OtherPurpose),
        (json!({"exp": NOW.as_seconds()}), VisaError::Token(TokenError::Expired)),
        (json!({"exp": seconds(Span::minutes(61))}), VisaError::TooLong),
        (
            json!({"iss": "https://evil.example"}),
            VisaError::Token(TokenError::WrongIssuer),
        ),
        (json!({"jti": ""}), VisaError::Names),
        (json!({"sub": ""}), VisaError::Names),
        (json!({"max_micros": 0}), VisaError::Nothing),
        (json!({"cur": "gold!"}), VisaError::Currency),
    ] {
        assert_eq!(broker.verify(&broker.visa(&changes), true), Err(error), "{changes}");
    }
    let token = broker.visa(&json!({}));
    let (signed, _signature) = token.rsplit_once('.').unwrap();
    let forged = Broker {
        key: SigningKey::generate(Algorithm::ES256, &Env::fixed(ManualClock::at(NOW), 8)).unwrap(),
        ..Broker::new()
    };
    let other = forged.visa(&json!({}));
    assert_eq!(
        broker.verify(&other, true),
        Err(VisaError::Token(TokenError::UnknownKey))
    );
    let stolen = format!("{signed}.{}", other.rsplit_once('.').unwrap().1);
    assert_eq!(
        broker.verify(&stolen, true),
        Err(VisaError::Token(TokenError::BadSignature))
    );
}
