use imajin_consent::{ConsentError, ContentRef, DECLARATION_BYTES_MAX, Declaration, IntendedUse};
use imajin_did::PublicKey;
use imajin_kernel::{Code, Env, ManualClock, Problem, Span};
use imajin_proof::ProofError;
use serde_json::{Value, json};

use crate::{NOW, draft, key};

fn content() -> ContentRef {
    "fair_example01".parse().unwrap()
}

fn signed() -> Declaration {
    draft(content(), IntendedUse::Read).sign(&key(2)).unwrap()
}

fn with(change: impl FnOnce(&mut Value)) -> Result<Declaration, ConsentError> {
    let mut value = signed().to_value();
    change(&mut value);
    Declaration::parse(&serde_json::to_vec(&value).unwrap())
}

#[test]
fn a_declaration_is_what_its_consumer_signed() {
    let declaration = signed();
    assert_eq!(
        Declaration::parse(&declaration.canonical_bytes().unwrap()),
        Ok(declaration.clone())
    );
    let verified = declaration.verify(&[key(9).public(), key(2).public()], NOW).unwrap();
    assert_eq!(verified.consumer(), key(2).did());
    assert_eq!(verified.nonce_kept_until(), NOW.plus(Span::seconds(330)));
    let env = Env::fixed(ManualClock::at(NOW), 1);
    let draft = |env| imajin_consent::DeclarationDraft::now(key(2).did(), content(), IntendedUse::Query, env);
    let (one, another) = (draft(&env), draft(&env));
    assert_ne!(one.nonce, another.nonce);
}

#[test]
fn somebody_elses_signature_is_refused() {
    let refused = |keys: &[PublicKey]| signed().verify(keys, NOW).unwrap_err();
    assert_eq!(
        refused(&[key(3).public()]),
        ConsentError::Proof(ProofError::BadSignature)
    );
    assert_eq!(refused(&[]), ConsentError::Proof(ProofError::NoKey));
}

#[test]
fn a_changed_declaration_is_refused() {
    for (name, value) in [
        ("consumer", json!(key(3).did())),
        ("content", json!("fair_example02")),
        ("intendedUse", json!("train")),
        ("scope", json!("all of it")),
        ("expires", json!("2027-01-01T00:00:00Z")),
        // The same moment, written in another way: the text is signed, not the moment.
        ("timestamp", json!("2026-03-01T01:00:00+01:00")),
        ("nonce", json!("n-0002")),
    ] {
        let changed = with(|document| document[name] = value).unwrap();
        let refused = changed.verify(&[key(2).public()], NOW).unwrap_err();
        assert_eq!(refused, ConsentError::Proof(ProofError::BadSignature), "{name}");
    }
}

#[test]
fn a_declaration_counts_for_five_minutes() {
    let at = |span| signed().verify(&[key(2).public()], NOW.plus(span)).map(|_verified| ());
    assert_eq!(at(Span::seconds(300)), Ok(()));
    assert_eq!(at(Span::seconds(301)), Err(ProofError::TooOld.into()));
    assert_eq!(at(Span::seconds(-30)), Ok(()));
    assert_eq!(at(Span::seconds(-31)), Err(ProofError::FromTheFuture.into()));
    let stored = signed().verify_stored(&[key(2).public()]);
    assert!(stored.is_ok(), "a logged one is evidence for ever");
}

#[test]
fn expired_consent_is_refused() {
    let mut draft = draft(content(), IntendedUse::Read);
    draft.expires = Some(NOW.plus(Span::seconds(10)));
    let at = |span| {
        let declaration = draft.sign(&key(2)).unwrap();
        declaration
            .verify(&[key(2).public()], NOW.plus(span))
            .map(|_verified| ())
    };
    assert_eq!(at(Span::seconds(9)), Ok(()));
    assert_eq!(at(Span::seconds(10)), Err(ConsentError::Expired));
}

#[test]
fn what_is_not_exactly_a_declaration_is_refused_by_name() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 12] = [
        (|value| value["version"] = json!("1.1"), "another version"),
        (|value| value["version"] = json!(1), "version invalid type"),
        (
            |value| drop(value.as_object_mut().unwrap().remove("nonce")),
            "nonce is missing",
        ),
        (|value| value["nonce"] = json!(""), "nonce must have 1 to 128"),
        (|value| value["nonce"] = json!("a b"), "nonce must have 1 to 128"),
        (|value| value["consumer"] = json!("ada"), "consumer"),
        (
            |value| value["content"] = json!("https://node.example/x"),
            "content write the id",
        ),
        (
            |value| value["intendedUse"] = json!("steal"),
            "intendedUse unknown variant",
        ),
        (|value| value["scope"] = json!("a\nb"), "scope must not have control"),
        (|value| value["expires"] = json!("tomorrow"), "expires not an RFC 3339"),
        (|value| value["expires"] = json!(null), "expires invalid type"),
        (
            |value| value["onlyOnMondays"] = json!(true),
            "does not know: onlyOnMondays",
        ),
    ];
    for (change, message) in cases {
        let error = with(change).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn bytes_that_two_readers_could_read_differently_are_refused() {
    let text = serde_json::to_string(&signed().to_value()).unwrap();
    let twice = text.replacen('{', r#"{"intendedUse":"train","#, 1);
    assert!(matches!(
        Declaration::parse(twice.as_bytes()),
        Err(ConsentError::NotJson(_))
    ));
    assert!(matches!(Declaration::parse(b"[]"), Err(ConsentError::NotJson(_))));
    let long = format!("{text}{}", " ".repeat(DECLARATION_BYTES_MAX));
    let error = Declaration::parse(long.as_bytes()).unwrap_err();
    assert_eq!(
        (error.code(), error.clone()),
        (Code::BodyTooLarge, ConsentError::TooLarge)
    );
    assert_eq!(Problem::from(ConsentError::Replayed).code, Code::Replayed);
}
