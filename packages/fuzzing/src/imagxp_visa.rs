//! Visas.

use std::sync::OnceLock;

use imajin_imagxp::visa::{VisaDraft, VisaExpectation, visa_issuer, visa_verify};
use imajin_kernel::{Env, ManualClock, Span};
use imajin_proof::jose::{Algorithm, Jwks, SigningKey, issue};
use imajin_proof::token::{Standard, TokenKind};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "https://broker.example/broker";
const HOST: &str = "site.example";

/// The keys of a broker, and the only visas that it has issued: one for a publisher and a key, and a bearer's.
struct Broker {
    keys: Jwks,
    visa: String,
    bearer: String,
}

/// What a bearer's visa says beside the standard claims.
#[derive(Serialize, Deserialize)]
struct Bearer {
    cur: String,
    max_micros: i64,
}

impl TokenKind for Bearer {
    const TYP: &'static str = "pay+jwt";
}

fn broker() -> Option<&'static Broker> {
    static BROKER: OnceLock<Option<Broker>> = OnceLock::new();
    let broker = BROKER.get_or_init(|| {
        let env = Env::fixed(ManualClock::at(crate::NOW), 1);
        let key = SigningKey::generate(Algorithm::ES256, &env).ok()?;
        let draft = VisaDraft {
            issuer: ISSUER,
            publisher: HOST,
            agent: "bot.example.org",
            holder: "thumbprint",
            jti: "v",
            now: crate::NOW,
            lifetime: Span::minutes(10),
            max: "0.05 USD".parse().ok()?,
            uses: 2,
            purpose: None,
        };
        let standard = Standard {
            iss: ISSUER.to_owned(),
            aud: String::new(),
            sub: "bot.example.org".to_owned(),
            jti: "b".to_owned(),
            iat: crate::NOW,
            exp: crate::NOW.plus(Span::minutes(10)),
        };
        let bearer = Bearer {
            cur: "USD".to_owned(),
            max_micros: 50_000,
        };
        Some(Broker {
            keys: Jwks::new(vec![key.jwk().clone()]).ok()?,
            visa: draft.issue(&key).ok()?,
            bearer: issue(&key, &standard, &bearer).ok()?,
        })
    });
    broker.as_ref()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let visas = broker().map(|broker| [broker.visa.clone(), broker.bearer.clone()]);
    visas.into_iter().flatten().map(String::into_bytes).collect()
}

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(broker) = broker() else { return };
    let _issuer = visa_issuer(text);
    let holders = ["thumbprint".to_owned()];
    for takes_bearer in [false, true] {
        let expect = VisaExpectation {
            issuer: ISSUER,
            audience: HOST,
            holders: &holders,
            purpose: None,
            takes_bearer,
            now: crate::NOW,
        };
        let verified = visa_verify(text, &broker.keys, &expect);
        assert_eq!(
            verified.is_ok(),
            text == broker.visa || (takes_bearer && text == broker.bearer),
            "one visa has one text, and there is no other"
        );
    }
}
