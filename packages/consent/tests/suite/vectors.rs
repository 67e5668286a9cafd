//! Documents that Node.js has signed.

use imajin_consent::{Declaration, GrantRevocation, StandingGrant};
use imajin_did::{Did, PublicKey};
use serde_json::Value;

use crate::NOW;

fn vectors() -> (Value, PublicKey) {
    let value: Value = serde_json::from_str(include_str!("../vectors/consent.json")).unwrap();
    let did: Did = value["did"].as_str().unwrap().parse().unwrap();
    let key = did.public_key().unwrap();
    (value, key)
}

#[test]
fn declarations_of_another_implementation_verify() {
    let (vectors, key) = vectors();
    for entry in vectors["declarations"].as_array().unwrap() {
        let bytes = serde_json::to_vec(&entry["document"]).unwrap();
        let verified = Declaration::parse(&bytes).unwrap().verify(&[key], NOW).unwrap();
        assert_eq!(hex::encode(verified.digest()), entry["sha256"].as_str().unwrap());
    }
}

#[test]
fn grants_and_revocations_of_another_implementation_verify() {
    let (vectors, key) = vectors();
    let grants: Vec<StandingGrant> = vectors["grants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let grant: StandingGrant = serde_json::from_value(entry["document"].clone()).unwrap();
            grant.verify(&[key]).unwrap();
            assert_eq!(grant.digest().unwrap(), entry["sha256"].as_str().unwrap());
            grant
        })
        .collect();
    let revocation: GrantRevocation = serde_json::from_value(vectors["revocation"].clone()).unwrap();
    assert_eq!(revocation.verify(&grants[0], &[key]), Ok(()));
    assert!(revocation.verify(&grants[1], &[key]).is_err());
}
