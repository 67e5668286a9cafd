use imajin_did::{Did, PublicKey};
use imajin_fair::{Manifest, ManifestSignature, SignatureError};
use imajin_kernel::{Code, Timestamp};
use serde_json::{Value, json};

use crate::support::{key, pays, person};

const VECTOR: &str = include_str!("../vectors/manifest.json");

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn signed() -> Manifest {
    let draft = json!({
        "title": "Strings", "author": person(1), "type": "audio", "note": {"kept": [1, 2]},
        "contributors": [pays(1, "artist", 0.7), pays(2, "writer", 0.3)]
    });
    let draft = Manifest::from_value(draft).unwrap();
    draft.sign(&key(1), person(1), now()).unwrap()
}

fn vector() -> (Value, Manifest, PublicKey) {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let manifest = Manifest::from_value(vector["manifest"].clone()).unwrap();
    let key = manifest.signer().and_then(Did::public_key).unwrap();
    (vector, manifest, key)
}

#[test]
fn the_minimal_form_verifies_as_it_stands() {
    let (vector, manifest, key) = vector();
    assert_eq!(
        key.to_hex(),
        "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664"
    );
    assert!(matches!(manifest.signature, Some(ManifestSignature::Hex(_))));
    assert_eq!(manifest.verify_signature(&key), Ok(()));
    assert_eq!(manifest.to_value(), vector["manifest"]);
    let mut unsigned = manifest;
    unsigned.signature = None;
    assert_eq!(unsigned.digest_hex().unwrap(), vector["canonical_sha256"]);
}

#[test]
fn a_native_signature_round_trips_and_verifies() {
    let manifest = signed();
    assert_eq!(manifest.signer(), Some(&person(1)));
    assert_eq!(manifest.id, manifest.computed_id().unwrap());
    let read = Manifest::parse(&serde_json::to_vec(&manifest).unwrap()).unwrap();
    assert_eq!(read.verify_signature(&key(1).public()), Ok(()));
    assert_eq!(read.digest().unwrap(), manifest.digest().unwrap());
    let signature = &read.to_value()["signature"];
    assert_eq!(signature["alg"], "EdDSA");
    assert_eq!(signature["created"], "2026-03-01T12:00:00Z");
    assert_eq!(signature["value"].as_str().unwrap().len(), 128);
}

/// Every way to change one leaf or to add one member of an object.
fn changes(value: &Value) -> Vec<Value> {
    let changed_leaf = |value: &Value| match value {
        Value::String(text) => Value::from(format!("{text}x")),
        Value::Number(_) => json!(0.123),
        _ => json!("changed"),
    };
    match value {
        Value::Object(members) => {
            let mut all = Vec::new();
            for (name, inner) in members {
                for change in changes(inner) {
                    let mut copy = members.clone();
                    copy.insert(name.clone(), change);
                    all.push(Value::Object(copy));
                }
                let mut less = members.clone();
                less.remove(name);
                all.push(Value::Object(less));
            }
            let mut more = members.clone();
            more.insert("added".to_owned(), json!(true));
            all.push(Value::Object(more));
            all
        }
        Value::Array(items) => {
            let mut all = Vec::new();
            for (index, inner) in items.iter().enumerate() {
                for change in changes(inner) {
                    let mut copy = items.clone();
                    copy[index] = change;
                    all.push(Value::Array(copy));
                }
            }
            let mut reversed = items.clone();
            reversed.reverse();
            if reversed != *items {
                all.push(Value::Array(reversed));
            }
            all
        }
        leaf => vec![changed_leaf(leaf)],
    }
}

#[test]
fn any_change_after_signing_is_refused() {
    let (vector, _, vector_key) = vector();
    for (original, key) in [
        (signed().to_value(), key(1).public()),
        (vector["manifest"].clone(), vector_key),
    ] {
        let changes = changes(&original);
        assert!(changes.len() > 20);
        for change in changes {
            // A change either makes it no manifest or breaks the signature.
            let accepted =
                Manifest::from_value(change.clone()).is_ok_and(|changed| changed.verify_signature(&key).is_ok());
            assert!(!accepted, "{change}");
        }
    }
}

#[test]
fn shares_moved_from_one_to_another_are_noticed() {
    let mut value = signed().to_value();
    value["contributors"][0]["share"] = json!(0.3);
    value["contributors"][1]["share"] = json!(0.7);
    let changed = Manifest::from_value(value).unwrap();
    let refused = changed.verify_signature(&key(1).public()).unwrap_err();
    assert_eq!(
        (refused.clone(), refused.code()),
        (SignatureError::Bad, Code::BadSignature)
    );
}

#[test]
fn another_key_is_not_the_signers() {
    assert_eq!(signed().verify_signature(&key(2).public()), Err(SignatureError::Bad));
    let mut unsigned = signed();
    unsigned.signature = None;
    assert_eq!(
        unsigned.verify_signature(&key(1).public()),
        Err(SignatureError::Unsigned)
    );
}

#[test]
fn only_the_author_signs() {
    let refused = signed().sign(&key(2), person(2), now()).unwrap_err();
    assert_eq!(refused.code(), Code::Forbidden);
    // The same key under another of its names is the same author.
    let alias: Did = person(1).as_str().replace("did:mjn:", "did:key:").parse().unwrap();
    let again = signed().sign(&key(1), alias, now()).unwrap();
    assert_eq!(again.verify_signature(&key(1).public()), Ok(()));
}

#[test]
fn an_id_that_is_a_digest_is_the_digest_of_its_manifest() {
    let mut other = signed();
    other.title = Some("Other".to_owned());
    let other = other.sign(&key(1), person(1), now()).unwrap();
    let mut value = signed().to_value();
    value["id"] = json!(other.id);
    value.as_object_mut().unwrap().remove("signature");
    let unsigned = imajin_proof::jcs::to_bytes(&value).unwrap();
    value["signature"] = json!(key(1).sign(&unsigned));
    let forged = Manifest::from_value(value).unwrap();
    assert_eq!(
        forged.verify_signature(&key(1).public()),
        Err(SignatureError::OtherContent)
    );
}

#[test]
fn what_is_signed_must_be_complete() {
    for member in ["version", "id", "derives_from", "terms"] {
        let mut value = signed().to_value();
        value.as_object_mut().unwrap().remove(member);
        let error = Manifest::from_value(value).unwrap_err().to_string();
        assert!(error.contains(member), "{error}");
    }
    let mut wrong = signed();
    wrong.contributors.pop();
    assert!(matches!(
        wrong.sign(&key(1), person(1), now()),
        Err(SignatureError::Invalid(_))
    ));
}
