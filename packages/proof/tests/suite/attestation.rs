use imajin_did::{Did, SecretKey};
use imajin_kernel::{Span, Timestamp};
use imajin_proof::ProofError;
use imajin_proof::attestation::{Attestation, AttestationError, Confidence, Statement, revocation_verify, revoke};
use serde_json::{Value, json};

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

fn statement(claim: Value) -> Statement {
    Statement {
        subject: key(2).did(),
        attestation_type: "event.attended".to_owned(),
        claim,
        confidence: "0.9".parse().unwrap(),
    }
}

fn signed() -> Attestation {
    Attestation::sign(&key(1), key(1).did(), statement(json!({"event": "evt_1"})), now()).unwrap()
}

#[test]
fn an_attestation_travels_as_text_and_is_checked_offline() {
    let text = serde_json::to_vec(&signed()).unwrap();
    let read = Attestation::from_slice(&text).unwrap();
    assert_eq!(read, signed());
    read.verify_self_certified().unwrap();
    assert_eq!(read.id().unwrap().len(), 64);
    let mut answered: Value = serde_json::from_slice(&text).unwrap();
    answered["id"] = json!(read.id().unwrap());
    answered["status"] = json!("active");
    answered["recordedAt"] = json!("2027-01-15T08:00:00Z");
    assert_eq!(Attestation::from_slice(answered.to_string().as_bytes()).unwrap(), read);
}

#[test]
fn the_signed_bytes_are_canonical_json_with_an_exact_confidence() {
    let bytes = signed().signed_bytes().unwrap();
    let expected = format!(
        concat!(
            r#"{{"attestationType":"event.attended","attester":"{}","claim":{{"event":"evt_1"}},"confidence":0.9,"#,
            r#""subject":"{}","timestamp":1800000000000,"version":1}}"#
        ),
        key(1).did(),
        key(2).did()
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn every_changed_member_breaks_it() {
    let good: Value = serde_json::to_value(signed()).unwrap();
    let changes = [
        ("attester", json!(key(3).did())),
        ("subject", json!(key(3).did())),
        ("attestationType", json!("event.missed")),
        ("claim", json!({"event": "evt_2"})),
        ("confidence", json!(0.91)),
        ("timestamp", json!(1_800_000_000_001_i64)),
    ];
    for (member, value) in changes {
        let mut forged = good.clone();
        forged[member] = value;
        let forged = Attestation::from_slice(forged.to_string().as_bytes()).unwrap();
        let refused = forged.verify_self_certified();
        assert_eq!(
            refused,
            Err(AttestationError::Proof(ProofError::BadSignature)),
            "{member}"
        );
    }
}

#[test]
fn what_is_no_attestation_is_refused() {
    let good: Value = serde_json::to_value(signed()).unwrap();
    let changes = [
        ("version", json!(2)),
        ("attestationType", json!("")),
        ("attestationType", json!("a b")),
        ("attestationType", json!("x".repeat(65))),
        ("claim", json!("x".repeat(5000))),
        ("claim", json!(9_007_199_254_740_993_i64)),
        ("confidence", json!(1.1)),
        ("confidence", json!(-0.1)),
        ("confidence", json!(0.123_456_7)),
        ("confidence", json!("0.9")),
        ("confidence", json!(2)),
        ("subject", json!("did:email:ada_at_example.org")),
        ("attester", json!("did:email:ada_at_example.org")),
        ("more", json!(true)),
    ];
    for (member, value) in changes {
        let mut forged = good.clone();
        forged[member] = value.clone();
        assert!(
            Attestation::from_slice(forged.to_string().as_bytes()).is_err(),
            "{member}: {value}"
        );
    }
    let whole = serde_json::to_string(&signed()).unwrap();
    let twice = whole.replacen('{', "{\"version\":1,", 1);
    assert!(
        Attestation::from_slice(twice.as_bytes()).is_err(),
        "a member that occurs twice"
    );
}

#[test]
fn every_confidence_survives_json_exactly() {
    for millionths in 0..=1_000_000_u32 {
        let text = format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000);
        let confidence: Confidence = text.parse().unwrap();
        assert_eq!(confidence.millionths(), millionths);
        let value = serde_json::to_value(confidence).unwrap();
        assert_eq!(serde_json::from_value::<Confidence>(value).unwrap(), confidence);
    }
    for bad in [
        "",
        ".5",
        "0.",
        "1.0000001",
        "-0",
        "1e-3",
        "01",
        "0.1234567",
        "0.5 ",
        "+0.5",
    ] {
        assert!(bad.parse::<Confidence>().is_err(), "{bad}");
    }
}

#[test]
fn it_is_fresh_for_five_minutes() {
    let attestation = signed();
    attestation.fresh(now().plus(Span::minutes(5))).unwrap();
    assert_eq!(attestation.fresh(now().plus(Span::minutes(6))), Err(ProofError::TooOld));
    assert_eq!(
        attestation.fresh(now().minus(Span::minutes(1))),
        Err(ProofError::FromTheFuture)
    );
}

#[test]
fn only_the_attester_revokes_and_only_this_one() {
    let attestation = signed();
    let id = attestation.id().unwrap();
    let keys = |seed: u8| vec![key(seed).public()];
    let revocation = revoke(&key(1), key(1).did(), id.clone(), Some("a mistake".to_owned()), now()).unwrap();
    revocation_verify(&attestation, &revocation, &keys(1)).unwrap();
    assert!(revocation_verify(&attestation, &revocation, &keys(2)).is_err());
    let by_subject = revoke(&key(2), key(2).did(), id, None, now()).unwrap();
    assert!(revocation_verify(&attestation, &by_subject, &keys(2)).is_err());
    let other = revoke(&key(1), key(1).did(), "00".repeat(32), None, now()).unwrap();
    assert!(revocation_verify(&attestation, &other, &keys(1)).is_err());
    assert!(revoke(&key(1), key(1).did(), String::new(), Some("x".repeat(501)), now()).is_err());
    let foreign: Did = "did:web:example.org".parse().unwrap();
    let unknown = Attestation::sign(&key(1), foreign, statement(json!(null)), now()).unwrap();
    assert_eq!(
        unknown.verify_self_certified(),
        Err(AttestationError::Proof(ProofError::NoKey))
    );
}
