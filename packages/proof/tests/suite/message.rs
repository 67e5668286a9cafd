use imajin_did::{Did, PublicKey, Signature};
use imajin_kernel::{Code, Span, Timestamp};
use imajin_proof::digest::sha256_hex;
use imajin_proof::{ProofError, SignedMessage, envelope_bytes, jcs};
use serde_json::{Value, json};

use crate::{NOW, key};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/imajin.json")).unwrap()
}

fn public_key(vector: &Value) -> PublicKey {
    PublicKey::from_hex(vector.as_str().unwrap()).unwrap()
}

#[test]
fn every_signed_message_of_the_vectors_verifies_and_is_reproduced() {
    let vectors = vectors();
    let secrets: Vec<_> = vectors["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| imajin_did::SecretKey::from_seed_hex(key["seed"].as_str().unwrap()).unwrap())
        .collect();
    for vector in vectors["signed_messages"].as_array().unwrap() {
        let text = serde_json::to_vec(&vector["message"]).unwrap();
        let message = SignedMessage::from_slice(&text).unwrap();
        let bytes = message.signed_bytes().unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), vector["canonical"].as_str().unwrap());
        let public = public_key(&vector["public_key_hex"]);
        assert_eq!(message.verify(&message.kind, &public), Ok(()));
        assert_eq!(message.verify_self_certified(&message.kind), Ok(()));
        assert_eq!(
            serde_json::to_value(&message).unwrap()["from"],
            vector["message"]["from"]
        );

        let secret = secrets.iter().find(|secret| secret.public() == public).unwrap();
        let time = Timestamp::from_millis(message.timestamp);
        let again = SignedMessage::sign(
            secret,
            message.from.clone(),
            &message.kind,
            None,
            time,
            message.payload.clone(),
        );
        assert_eq!(again.unwrap(), message);
    }
}

#[test]
fn attestation_and_heartbeat_are_signed_through_the_envelope() {
    let vectors = vectors();
    for (name, member) in [("node_attestation", "attestation"), ("heartbeat", "heartbeat")] {
        let mut payload = vectors[name][member].clone();
        let signature = payload.as_object_mut().unwrap().remove("signature").unwrap();
        let signature = Signature::from_hex(signature.as_str().unwrap()).unwrap();
        let from: Did = payload["nodeId"].as_str().unwrap().parse().unwrap();
        let timestamp = payload["timestamp"].as_i64().unwrap();
        let bytes = envelope_bytes(&from, "agent", None, timestamp, &payload).unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            vectors[name]["canonical"].as_str().unwrap()
        );
        assert_eq!(from.public_key().unwrap().verify(&bytes, &signature), Ok(()));
    }
}

#[test]
fn the_manifest_is_signed_without_its_signature() {
    let vectors = vectors();
    let mut manifest = vectors["fair_manifest"]["manifest"].clone();
    let signature = manifest.as_object_mut().unwrap().remove("signature").unwrap();
    let bytes = jcs::to_bytes(&manifest).unwrap();
    assert_eq!(
        sha256_hex(&bytes),
        vectors["fair_manifest"]["canonical_sha256"].as_str().unwrap()
    );
    let signature = Signature::from_hex(signature.as_str().unwrap()).unwrap();
    let author = public_key(&vectors["keys"][0]["public_key_hex"]);
    assert_eq!(author.verify(&bytes, &signature), Ok(()));
}

fn ticket() -> SignedMessage {
    let (event, buyer) = (key(1), key(2).did());
    let payload = json!({"price": "10.00", "places": [1, 2], "vip": true});
    SignedMessage::sign(&event, event.did(), "ticket", Some(buyer), NOW, payload).unwrap()
}

#[test]
fn a_changed_member_breaks_the_signature() {
    let public = key(1).public();
    assert_eq!(ticket().verify("ticket", &public), Ok(()));
    let changes: [fn(&mut SignedMessage); 6] = [
        |message| message.from = key(1).did().also_known_as()[0].clone(),
        |message| message.to = None,
        |message| message.to = Some(key(3).did()),
        |message| message.timestamp += 1,
        |message| message.payload["vip"] = Value::Null,
        |message| message.payload["more"] = Value::Null,
    ];
    for change in changes {
        let mut message = ticket();
        change(&mut message);
        assert_eq!(message.verify("ticket", &public), Err(ProofError::BadSignature));
    }
    let error = ticket().verify("receipt", &public).unwrap_err();
    assert_eq!(
        error,
        ProofError::WrongKind {
            expected: "receipt".to_owned()
        }
    );
    assert_eq!(
        ticket().verify("ticket", &key(2).public()),
        Err(ProofError::BadSignature)
    );
    assert_eq!(ticket().verify_any("ticket", &[]), Err(ProofError::NoKey));
    assert_eq!(ticket().verify_any("ticket", &[key(2).public(), public]), Ok(()));
}

#[test]
fn every_changed_bit_of_the_text_is_refused() {
    let text = serde_json::to_vec(&ticket()).unwrap();
    let public = key(1).public();
    assert_eq!(
        SignedMessage::from_slice(&text).unwrap().verify("ticket", &public),
        Ok(())
    );
    for bit in 0..text.len() * 8 {
        let mut changed = text.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let outcome = SignedMessage::from_slice(&changed).and_then(|message| message.verify("ticket", &public));
        assert!(outcome.is_err(), "bit {bit}: {}", String::from_utf8_lossy(&changed));
    }
}

#[test]
fn members_outside_the_envelope_are_refused() {
    let mut text = serde_json::to_value(ticket()).unwrap();
    text["cc"] = json!("did:mjn:x");
    assert!(serde_json::from_value::<SignedMessage>(text).is_err());
}

#[test]
fn a_request_is_fresh_for_five_minutes() {
    let (message, public) = (ticket(), key(1).public());
    let at =
        |seconds: i64| message.verify_fresh("ticket", &public, Timestamp::from_seconds(NOW.as_seconds() + seconds));
    assert_eq!([at(-30), at(0), at(300)], [Ok(()), Ok(()), Ok(())]);
    assert_eq!(at(-31), Err(ProofError::FromTheFuture));
    assert_eq!(at(301), Err(ProofError::TooOld));
    assert_eq!(at(301).unwrap_err().code(), Code::StaleSignature);
    let forged = SignedMessage {
        timestamp: i64::MIN,
        ..message.clone()
    };
    assert!(forged.verify_fresh("ticket", &public, NOW.plus(Span::days(1))).is_err());
}

#[test]
fn a_typed_payload_signs_the_same_bytes() {
    #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Order {
        unit_price: String,
        count: u32,
    }
    let order = Order {
        unit_price: "1.00".to_owned(),
        count: 3,
    };
    let typed = SignedMessage::sign(&key(1), key(1).did(), "order", None, NOW, order.clone()).unwrap();
    let text = serde_json::to_vec(&typed).unwrap();
    let generic = SignedMessage::from_slice(&text).unwrap();
    assert_eq!(generic.verify("order", &key(1).public()), Ok(()));
    assert_eq!(generic.payload_as::<Order>().unwrap(), order);
    assert_eq!(generic.canonical_bytes(), typed.canonical_bytes());
    let (again, bytes) =
        SignedMessage::sign_to_bytes(&key(1), key(1).did(), "order", None, NOW, order.clone()).unwrap();
    assert_eq!(again, typed);
    assert_eq!(Ok(bytes), typed.canonical_bytes());
    assert!(generic.payload_as::<String>().is_err());
    let unsafe_number = SignedMessage::sign(&key(1), key(1).did(), "order", None, NOW, json!(u64::MAX));
    assert_eq!(unsafe_number.unwrap_err().code(), Code::InvalidRequest);
    let unsafe_number = SignedMessage::sign_to_bytes(&key(1), key(1).did(), "order", None, NOW, json!(u64::MAX));
    assert_eq!(unsafe_number.unwrap_err().code(), Code::InvalidRequest);
}
