use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::{Span, Timestamp};
use imajin_proof::digest::sha256_hex;
use imajin_proof::{DataIntegrityProof, ProofError, jcs};
use serde_json::{Value, json};

/// The example of the W3C Recommendation `vc-di-eddsa`, appendix B.2 (the files are those of
/// its repository, <https://github.com/w3c/vc-di-eddsa>, `TestVectors/eddsa-jcs-2022`).
macro_rules! vector {
    ($name:literal) => {
        include_str!(concat!("../vectors/eddsa-jcs-2022/", $name))
    };
}

fn signed() -> (Value, DataIntegrityProof, PublicKey) {
    let mut document: Value = serde_json::from_str(vector!("signedJCS.json")).unwrap();
    let proof = document.as_object_mut().unwrap().remove("proof").unwrap();
    let proof: DataIntegrityProof = serde_json::from_value(proof).unwrap();
    let (did, _fragment) = proof.verification_method.split_once('#').unwrap();
    let key = did.parse::<Did>().unwrap().public_key().unwrap();
    (document, proof, key)
}

#[test]
fn the_vector_of_the_recommendation_verifies() {
    let (document, proof, key) = signed();
    proof.verify(&document, &key).unwrap();
    let mut options = serde_json::to_value(&proof).unwrap();
    options.as_object_mut().unwrap().remove("proofValue");
    let options = jcs::to_string(&options).unwrap();
    assert_eq!(options, vector!("proofCanonJCS.txt").trim());
    let document = jcs::to_string(&document).unwrap();
    assert_eq!(document, vector!("canonDocJCS.txt").trim());
    let combined = format!("{}{}", sha256_hex(options.as_bytes()), sha256_hex(document.as_bytes()));
    assert_eq!(combined, vector!("combinedHashJCS.txt").trim());
}

#[test]
fn a_proof_made_here_is_the_one_that_others_would_make() {
    // Ed25519 is deterministic, so the same options give the same bytes: sign twice, in both forms of the document.
    let key = SecretKey::from_seed([3; 32]);
    let method = format!("{}#{}", key.did(), key.public().multikey());
    let now = Timestamp::from_millis(1_772_323_200_999);
    let document = json!({"@context": ["https://www.w3.org/ns/credentials/v2"], "id": "urn:a"});
    let proof = DataIntegrityProof::create(&document, &key, &method, "assertionMethod", Some(now)).unwrap();
    assert_eq!(proof.created.as_deref(), Some("2026-03-01T00:00:00Z"));
    assert_eq!(proof.context.as_ref(), document.get("@context"));
    let mut whole = document.clone();
    whole["proof"] = serde_json::to_value(&proof).unwrap();
    proof.verify(&whole, &key.public()).unwrap();
    let read: DataIntegrityProof = serde_json::from_value(whole["proof"].clone()).unwrap();
    assert_eq!(read, proof);
}

#[test]
fn whatever_is_changed_no_longer_verifies() {
    let (document, proof, key) = signed();
    for path in ["/name", "/issuer", "/credentialSubject/id", "/type/1"] {
        let mut changed = document.clone();
        *changed.pointer_mut(path).unwrap() = json!("other");
        assert_eq!(proof.verify(&changed, &key), Err(ProofError::BadSignature), "{path}");
    }
    let mut added = document.clone();
    added["more"] = json!(1);
    assert_eq!(proof.verify(&added, &key), Err(ProofError::BadSignature));
    let base = serde_json::to_value(&proof).unwrap();
    for (name, value) in [
        ("created", json!("2023-02-24T23:36:39Z")),
        ("proofPurpose", json!("authentication")),
        ("verificationMethod", json!("did:key:zOther#zOther")),
        ("nonce", json!("added")),
        ("proofValue", json!("z1111")),
        ("proofValue", json!("u1111")),
        ("@context", json!(["https://www.w3.org/ns/credentials/v1"])),
    ] {
        let mut changed = base.clone();
        changed[name] = value;
        let changed: DataIntegrityProof = serde_json::from_value(changed).unwrap();
        assert_eq!(changed.verify(&document, &key), Err(ProofError::BadSignature), "{name}");
    }
    let other = SecretKey::from_seed([9; 32]).public();
    assert_eq!(proof.verify(&document, &other), Err(ProofError::BadSignature));
}

#[test]
fn contexts_may_be_added_behind_the_signed_ones_only() {
    let (document, proof, key) = signed();
    let mut longer = document.clone();
    longer["@context"]
        .as_array_mut()
        .unwrap()
        .push(json!("https://example.org/more"));
    proof.verify(&longer, &key).unwrap();
    let mut before = document.clone();
    before["@context"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!("https://example.org/more"));
    assert_eq!(proof.verify(&before, &key), Err(ProofError::BadSignature));
    let mut without = document;
    without.as_object_mut().unwrap().remove("@context");
    assert_eq!(proof.verify(&without, &key), Err(ProofError::BadSignature));
}

#[test]
fn another_cryptosuite_is_refused_by_name() {
    let (document, mut proof, key) = signed();
    proof.cryptosuite = "eddsa-rdfc-2022".to_owned();
    assert!(matches!(
        proof.verify(&document, &key),
        Err(ProofError::WrongKind { .. })
    ));
    assert!(matches!(
        DataIntegrityProof::create(
            &json!([1]),
            &SecretKey::from_seed([3; 32]),
            "a#b",
            "assertionMethod",
            None
        ),
        Err(ProofError::Jcs(_))
    ));
}

#[test]
fn purpose_and_time_count_where_they_are_asked_for() {
    let (document, proof, key) = signed();
    let made: Timestamp = proof.created.as_deref().unwrap().parse().unwrap();
    let purpose = "assertionMethod";
    proof.verify_at(&document, &key, purpose, made).unwrap();
    let early = made.minus(Span::minutes(1));
    assert_eq!(
        proof.verify_at(&document, &key, purpose, early),
        Err(ProofError::FromTheFuture)
    );
    assert!(matches!(
        proof.verify_at(&document, &key, "authentication", made),
        Err(ProofError::WrongKind { .. })
    ));
    let secret = SecretKey::from_seed([3; 32]);
    let mut ending = DataIntegrityProof::create(&json!({"a": 1}), &secret, "x#y", purpose, None).unwrap();
    ending.expires = Some("2030-01-01T00:00:00Z".to_owned());
    let verdict = ending.verify_at(&json!({"a": 1}), &secret.public(), purpose, made);
    assert_eq!(verdict, Err(ProofError::BadSignature), "an end is signed, too");
}
