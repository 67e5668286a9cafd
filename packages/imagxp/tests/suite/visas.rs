//! Visas: what a broker issues, and what a publisher refuses.

use http::HeaderMap;
use imajin_imagxp::Purpose;
use imajin_imagxp::broker::{VisaIssued, VisaOrder, discovery_document};
use imajin_imagxp::visa::{
    Visa, VisaDraft, VisaError, VisaExpectation, visa_issuer, visa_keys, visa_read, visa_verify,
};
use imajin_kernel::{Env, ManualClock, Span};
use imajin_proof::jose::{self, Algorithm, Jwks, SigningKey};
use imajin_proof::token::{Standard, TokenError, TokenKind};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{NOW, key};

const ISSUER: &str = "https://broker.example/broker";
const HOST: &str = "site.example";

fn signing(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &Env::fixed(ManualClock::at(NOW), 7)).unwrap()
}

fn set(keys: &[&SigningKey]) -> Jwks {
    Jwks::new(keys.iter().map(|key| key.jwk().clone()).collect()).unwrap()
}

fn draft(holder: &str) -> VisaDraft<'_> {
    VisaDraft {
        issuer: ISSUER,
        publisher: HOST,
        agent: "bot.example.org",
        holder,
        jti: "v-1",
        now: NOW,
        lifetime: Span::minutes(10),
        max: "0.05 USD".parse().unwrap(),
        uses: 5,
        purpose: None,
    }
}

fn verify(token: &str, keys: &Jwks, holders: &[String], purpose: Option<Purpose>) -> Result<Visa, VisaError> {
    let expect = VisaExpectation {
        issuer: ISSUER,
        audience: HOST,
        holders,
        purpose,
        takes_bearer: false,
        now: NOW,
    };
    visa_verify(token, keys, &expect)
}

#[test]
fn what_a_broker_issues_a_publisher_takes() {
    let (broker, agent) = (signing(Algorithm::ES256), key());
    let holder = agent.thumbprint();
    let token = draft(&holder).issue(&broker).unwrap();
    let holders = [String::from("another"), holder.clone()];
    let visa = verify(&token, &set(&[&broker]), &holders, Some(Purpose::Summary)).unwrap();
    assert_eq!((visa.issuer.as_str(), visa.jti.as_str(), visa.uses), (ISSUER, "v-1", 5));
    assert_eq!((visa.max.to_string().as_str(), visa.holder), ("0.05 USD", Some(holder)));
    assert_eq!(visa.expires_at.as_seconds(), NOW.as_seconds() + 600);
    assert_eq!(visa_issuer(&token).unwrap(), ISSUER);
    // After a rotation the old key still counts as long as it is published.
    let new = signing(Algorithm::ES256);
    assert!(verify(&token, &set(&[&new, &broker]), &holders, None).is_ok());
    assert_eq!(
        verify(&token, &set(&[&new]), &holders, None),
        Err(VisaError::Token(TokenError::UnknownKey))
    );
}

#[test]
fn a_visa_for_another_site_agent_or_purpose_is_refused() {
    let (broker, agent) = (signing(Algorithm::ES256), key());
    let (keys, holder) = (set(&[&broker]), agent.thumbprint());
    let holders = [holder.clone()];
    let other = VisaDraft {
        publisher: "other.example",
        ..draft(&holder)
    };
    let token = other.issue(&broker).unwrap();
    let refused = |token: &str, purpose| verify(token, &keys, &holders, purpose).unwrap_err();
    assert_eq!(refused(&token, None), VisaError::Token(TokenError::WrongAudience));
    let token = draft("somebody else's").issue(&broker).unwrap();
    assert_eq!(refused(&token, None), VisaError::OtherHolder);
    let bound = VisaDraft {
        purpose: Some(Purpose::Summary),
        ..draft(&holder)
    };
    let token = bound.issue(&broker).unwrap();
    for purpose in [None, Some(Purpose::CrawlTraining)] {
        assert_eq!(refused(&token, purpose), VisaError::OtherPurpose);
    }
    assert!(verify(&token, &keys, &holders, Some(Purpose::Summary)).is_ok());
    let old = VisaDraft {
        now: NOW.minus(Span::minutes(10)),
        ..draft(&holder)
    };
    let token = old.issue(&broker).unwrap();
    assert_eq!(refused(&token, None), VisaError::Token(TokenError::Expired));
}

/// The claims of a visa as somebody may write them who does not keep to the rules.
#[derive(Serialize, Deserialize)]
struct Loose(serde_json::Map<String, serde_json::Value>);

impl TokenKind for Loose {
    const TYP: &'static str = "pay+jwt";
}

#[derive(Serialize, Deserialize)]
struct OtherKind {
    cur: String,
}

impl TokenKind for OtherKind {
    const TYP: &'static str = "receipt+jwt";
}

fn standard(lifetime: Span) -> Standard {
    Standard {
        iss: ISSUER.to_owned(),
        aud: HOST.to_owned(),
        sub: "bot.example.org".to_owned(),
        jti: "v".to_owned(),
        iat: NOW,
        exp: NOW.plus(lifetime),
    }
}

#[test]
fn alg_none_a_symmetric_one_another_kind_and_a_foreign_kid_are_refused() {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as TEXT;
    let (broker, agent) = (signing(Algorithm::ES256), key());
    let (keys, holder) = (set(&[&broker]), agent.thumbprint());
    let holders = [holder.clone()];
    let token = draft(&holder).issue(&broker).unwrap();
    let (_, rest) = token.split_once('.').unwrap();
    for (alg, kid) in [
        ("none", broker.kid()),
        ("HS256", broker.kid()),
        ("ES256", "foreign"),
        ("EdDSA", broker.kid()),
    ] {
        let header = json!({"typ": "pay+jwt", "alg": alg, "kid": kid}).to_string();
        let forged = format!("{}.{rest}", TEXT.encode(header));
        assert!(
            matches!(
                verify(&forged, &keys, &holders, None),
                Err(VisaError::Token(TokenError::WrongKind | TokenError::UnknownKey))
            ),
            "{alg} {kid}"
        );
    }
    let other = jose::issue(&broker, &standard(Span::minutes(1)), &OtherKind { cur: "USD".into() }).unwrap();
    assert_eq!(
        verify(&other, &keys, &holders, None),
        Err(VisaError::Token(TokenError::WrongKind))
    );
    // A key that the broker publishes for something else signs no visas.
    let ed = signing(Algorithm::EdDSA);
    assert_eq!(draft(&holder).issue(&ed), Err(VisaError::Token(TokenError::WrongKind)));
    let claims = Loose(
        json!({"cnf": {"jkt": holder}, "cur": "USD", "max_micros": 5})
            .as_object()
            .unwrap()
            .clone(),
    );
    let by_ed = jose::issue(&ed, &standard(Span::minutes(1)), &claims).unwrap();
    let both = set(&[&broker, &ed]);
    assert_eq!(visa_keys(&both).keys().len(), 1);
    assert_eq!(
        verify(&by_ed, &both, &holders, None),
        Err(VisaError::Token(TokenError::UnknownKey))
    );
}

#[test]
fn a_promise_of_nothing_or_for_ever_is_none() {
    let (broker, agent) = (signing(Algorithm::ES256), key());
    let (keys, holder) = (set(&[&broker]), agent.thumbprint());
    let holders = [holder.clone()];
    for (lifetime, claims, error) in [
        (Span::minutes(61), json!({"max_micros": 5}), VisaError::TooLong),
        (Span::minutes(1), json!({"max_micros": 0}), VisaError::Nothing),
        (Span::minutes(1), json!({"max_micros": -5}), VisaError::Nothing),
        (
            Span::minutes(1),
            json!({"max_micros": 5, "uses": 0}),
            VisaError::Nothing,
        ),
        (
            Span::minutes(1),
            json!({"max_micros": 5, "cur": "SOL"}),
            VisaError::Nothing,
        ),
        (
            Span::minutes(1),
            json!({"max_micros": 5, "cur": "gold!"}),
            VisaError::Currency,
        ),
        (
            Span::minutes(1),
            json!({"max_micros": 0.5}),
            VisaError::Token(TokenError::Claims),
        ),
        (
            Span::minutes(1),
            json!({"max_micros": 5, "cnf": null}),
            VisaError::Token(TokenError::Claims),
        ),
    ] {
        let mut members = json!({"cnf": {"jkt": holder}, "cur": "USD"});
        members
            .as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        let token = jose::issue(
            &broker,
            &standard(lifetime),
            &Loose(members.as_object().unwrap().clone()),
        )
        .unwrap();
        assert_eq!(verify(&token, &keys, &holders, None), Err(error), "{members}");
    }
    // Uses that are not named are one.
    let claims = json!({"cnf": {"jkt": holder}, "cur": "USD", "max_micros": 5});
    let token = jose::issue(
        &broker,
        &standard(Span::minutes(1)),
        &Loose(claims.as_object().unwrap().clone()),
    )
    .unwrap();
    assert_eq!(verify(&token, &keys, &holders, None).unwrap().uses, 1);
}

#[test]
fn a_broker_issues_no_visa_that_nobody_would_take() {
    let (broker, holder) = (signing(Algorithm::ES256), key().thumbprint());
    for bad in [
        VisaDraft {
            uses: 0,
            ..draft(&holder)
        },
        VisaDraft {
            jti: "",
            ..draft(&holder)
        },
        VisaDraft {
            lifetime: Span::hours(2),
            ..draft(&holder)
        },
        VisaDraft {
            max: "1 SOL".parse().unwrap(),
            ..draft(&holder)
        },
    ] {
        assert!(bad.issue(&broker).is_err(), "{bad:?}");
    }
}

#[test]
fn either_header_carries_the_visa_and_two_different_ones_are_none() {
    let mut headers = HeaderMap::new();
    assert_eq!(visa_read(&headers), Ok(None));
    headers.insert("x-imagxp-payment", "a.b.c".parse().unwrap());
    assert_eq!(visa_read(&headers), Ok(Some("a.b.c")));
    headers.insert("x-imagxp-credential", "a.b.c".parse().unwrap());
    assert_eq!(visa_read(&headers), Ok(Some("a.b.c")));
    headers.insert("x-imagxp-credential", "d.e.f".parse().unwrap());
    assert!(visa_read(&headers).is_err());
    headers.remove("x-imagxp-payment");
    assert_eq!(visa_read(&headers), Ok(Some("d.e.f")));
}

#[test]
fn an_order_is_read_strictly_and_the_answer_names_the_header() {
    let order = json!({
        "publisher": HOST, "max_amount": {"amount": "0.05", "currency": "USD"}, "purpose": "SUMMARY",
        "ttl": 600, "uses": 3,
    });
    let read: VisaOrder = serde_json::from_value(order.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), order);
    for (name, value) in [
        ("purpose", json!("STEAL")),
        ("max_amount", json!("5")),
        ("ttl", json!(-1)),
        ("more", json!(1)),
    ] {
        let mut bad = order.clone();
        bad[name] = value;
        assert!(serde_json::from_value::<VisaOrder>(bad).is_err(), "{name}");
    }
    assert_eq!(VisaIssued::new("t".into()).header_name, "x-imagxp-credential");
    let document = discovery_document(ISSUER);
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(
        document["jwks_uri"],
        "https://broker.example/broker/.well-known/jwks.json"
    );
}
