//! Who signed a message, and when.

use aws_lc_rs::hmac;
use imajin_kernel::{Env, Span, Timestamp};
use secrecy::{ExposeSecret, SecretString};

use super::objects::Event;
use crate::{Headers, RailError};

/// The header with a time and signatures: `t=1800000000,v1=…,v1=…`.
const HEADER: &str = "stripe-signature";
/// The only scheme that is accepted.
const SCHEME: &str = "v1";
/// How far the time in the header may be from ours, either way.
const TOLERANCE: Span = Span::seconds(300);
/// Longer messages are not Stripe's: they would not have got past the route either.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// More signatures than ever come while secrets are rolled.
const SIGNATURES_MAX: usize = 16;

/// The secrets that messages are signed with.
pub(super) struct Webhook {
    keys: Vec<hmac::Key>,
    env: Env,
}

impl Webhook {
    pub(super) fn new(secrets: &[SecretString], env: Env) -> Self {
        let key = |secret: &SecretString| hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        Self {
            keys: secrets.iter().map(key).collect(),
            env,
        }
    }

    /// The event of a message, after checking its signature and its age.
    pub(super) fn verify(&self, message: &[u8], headers: &Headers) -> Result<Event, RailError> {
        if message.len() > MESSAGE_BYTES_MAX {
            let text = format!("a message has at most {MESSAGE_BYTES_MAX} bytes");
            return Err(RailError::Malformed(text));
        }
        let header = headers.iter().find(|(name, _)| name == HEADER);
        let (_, header) = header.ok_or(RailError::Forged)?;
        let (seconds, signatures) = header_parse(header).ok_or(RailError::Forged)?;
        let mut signed = format!("{seconds}.").into_bytes();
        signed.extend_from_slice(message);
        // Compared in constant time, each with each.
        let fits = |signature: &Vec<u8>| {
            self.keys
                .iter()
                .any(|key| hmac::verify(key, &signed, signature).is_ok())
        };
        if !signatures.iter().any(fits) {
            return Err(RailError::Forged);
        }
        let (at, now) = (Timestamp::from_seconds(seconds), self.env.now());
        if now.since(at) > TOLERANCE || at.since(now) > TOLERANCE {
            return Err(RailError::Stale);
        }
        serde_json::from_slice(message).map_err(|error| RailError::Malformed(error.to_string()))
    }
}

fn header_parse(header: &str) -> Option<(i64, Vec<Vec<u8>>)> {
    let mut seconds = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        let (name, value) = part.trim().split_once('=')?;
        match name {
            // The digits are signed as they stand: a sign or spaces would be another text for the same number.
            "t" if value.bytes().all(|digit| digit.is_ascii_digit()) => seconds = value.parse().ok(),
            "t" => return None,
            SCHEME if signatures.len() < SIGNATURES_MAX => signatures.push(hex::decode(value).ok()?),
            _ => {}
        }
    }
    Some((seconds?, signatures))
}

#[cfg(test)]
mod tests {
    use imajin_kernel::ManualClock;

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const BODY: &[u8] =
        br#"{"id":"evt_1","type":"x","created":1,"livemode":false,"account":null,"data":{"object":{}}}"#;

    fn webhook(secrets: &[&str]) -> Webhook {
        let env = Env::fixed(ManualClock::at(Timestamp::from_seconds(NOW)), 1);
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        Webhook::new(&secrets, env)
    }

    fn header(secret: &str, seconds: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signed = [format!("{seconds}.").as_bytes(), BODY].concat();
        format!("t={seconds},v0=00,v1={}", hex::encode(hmac::sign(&key, &signed)))
    }

    fn verify(webhook: &Webhook, header: &str, body: &[u8]) -> Result<String, RailError> {
        let headers = [(HEADER.to_owned(), header.to_owned())];
        webhook.verify(body, &headers).map(|event| event.id)
    }

    #[test]
    fn a_signature_under_any_secret_in_force_is_good() {
        let both = webhook(&["whsec_new", "whsec_old"]);
        for secret in ["whsec_new", "whsec_old"] {
            assert_eq!(verify(&both, &header(secret, NOW), BODY), Ok("evt_1".to_owned()));
        }
        let new = header("whsec_new", NOW);
        let (_time, signatures) = new.split_once(',').unwrap();
        let rolled = format!("{},{signatures}", header("whsec_other", NOW));
        assert_eq!(verify(&both, &rolled, BODY), Ok("evt_1".to_owned()));
    }

    #[test]
    fn a_foreign_or_missing_signature_is_forged() {
        let webhook = webhook(&["whsec_new"]);
        let changed = [BODY, b" "].concat();
        assert_eq!(
            verify(&webhook, &header("whsec_new", NOW), &changed),
            Err(RailError::Forged)
        );
        assert_eq!(
            verify(&webhook, &header("whsec_other", NOW), BODY),
            Err(RailError::Forged)
        );
        for broken in [
            "",
            "t=,v1=",
            "v1=00",
            "t=1",
            "t=+1800000000,v1=00",
            "t=1800000000,v1=zz",
            "nonsense",
        ] {
            assert_eq!(verify(&webhook, broken, BODY), Err(RailError::Forged), "{broken}");
        }
        assert!(matches!(webhook.verify(BODY, &[]), Err(RailError::Forged)));
        // The older scheme alone does not count.
        let old_scheme = header("whsec_new", NOW).replace("v1=", "v2=");
        assert_eq!(verify(&webhook, &old_scheme, BODY), Err(RailError::Forged));
    }

    #[test]
    fn an_old_or_future_signature_is_stale() {
        let webhook = webhook(&["whsec_new"]);
        for (seconds, good) in [(300, true), (301, false), (-300, true), (-301, false)] {
            let answer = verify(&webhook, &header("whsec_new", NOW - seconds), BODY);
            assert_eq!(answer.is_ok(), good, "{seconds}: {answer:?}");
            if !good {
                assert_eq!(answer, Err(RailError::Stale));
            }
        }
    }
}
