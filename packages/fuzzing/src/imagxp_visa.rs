//! Visas.

use std::sync::OnceLock;

use imajin_imagxp::visa::{VisaDraft, VisaExpectation, visa_issuer, visa_verify};
use imajin_kernel::{Env, ManualClock, Span};
use imajin_proof::jose::{Algorithm, Jwks, SigningKey};

const ISSUER: &str = "https://broker.example/broker";
const HOST: &str = "site.example";

/// The keys of a broker, and the only visa that it has issued.
struct Broker {
    keys: Jwks,
    visa: String,
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
        Some(Broker {
            keys: Jwks::new(vec![key.jwk().clone()]).ok()?,
            visa: draft.issue(&key).ok()?,
        })
    });
    broker.as_ref()
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    broker()
        .map(|broker| broker.visa.clone().into_bytes())
        .into_iter()
        .collect()
}

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(broker) = broker() else { return };
    let _issuer = visa_issuer(text);
    let holders = ["thumbprint".to_owned()];
    let expect = VisaExpectation {
        issuer: ISSUER,
        audience: HOST,
        holders: &holders,
        purpose: None,
        now: crate::NOW,
    };
    let verified = visa_verify(text, &broker.keys, &expect);
    assert_eq!(
        verified.is_ok(),
        text == broker.visa,
        "one visa has one text, and there is no other"
    );
}
