use imajin_imagxp::{ClaimError, Feedback};
use serde_json::{Number, json};

use crate::{URL, key};

const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn feedback_is_signed_by_the_agent_and_says_whether_the_money_may_go() {
    let (own, other) = (key(), key());
    for (score, is_release) in [("0.9", true), ("0.5", false), ("0", false), ("1", true)] {
        let score: Number = score.parse().unwrap();
        let feedback = Feedback::sign(&own, URL, score, "LOW_QUALITY_SPAM", DIGEST).unwrap();
        assert_eq!(feedback.is_release(), is_release);
        let header = feedback.to_header().unwrap();
        let read = Feedback::parse(header.as_bytes()).unwrap();
        assert_eq!(read, feedback);
        assert_eq!(read.verify(&[other.public().clone(), own.public().clone()]), Ok(()));
        assert_eq!(read.verify(&[other.public().clone()]), Err(ClaimError::BadSignature));
    }
}

#[test]
fn changed_unsigned_or_impossible_feedback_is_refused() {
    let own = key();
    let feedback = Feedback::sign(&own, URL, Number::from(1), "GOOD", DIGEST).unwrap();
    let good = serde_json::to_value(&feedback).unwrap();
    let parse = |value: &serde_json::Value| Feedback::parse(value.to_string().as_bytes());
    for (name, value) in [
        ("url", json!("https://x.example/")),
        ("quality_score", json!(0.4)),
        ("signature", json!(null)),
    ] {
        let mut changed = good.clone();
        changed[name] = value;
        let verified = parse(&changed).unwrap().verify(&[own.public().clone()]);
        assert_eq!(verified, Err(ClaimError::BadSignature), "{name}");
    }
    for (name, value) in [
        ("quality_score", json!(1.5)),
        ("quality_score", json!(-0.1)),
        ("claim_digest", json!("zz")),
        ("reason", json!("x".repeat(5_000))),
        ("more", json!(1)),
    ] {
        let mut changed = good.clone();
        changed[name] = value;
        assert!(parse(&changed).is_err(), "{name}");
    }
    assert!(Feedback::parse(b"%%%").is_err());
}
