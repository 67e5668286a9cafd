use imajin_did::{KeyError, Keyring, MasterKey, PublicKey, SecretKey, Signature};
use proptest::prelude::*;

#[test]
fn weak_and_ambiguous_public_keys_are_refused() {
    let identity = format!("01{}", "00".repeat(31));
    let order_eight = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    // y = 2^255 - 18 is y = 1 written without reduction.
    let unreduced = format!("ee{}7f", "ff".repeat(30));
    // y = p + 3: a point of large order, but 3 is its only canonical y.
    let unreduced_large = format!("f0{}7f", "ff".repeat(30));
    assert_eq!(PublicKey::from_hex(&identity), Err(KeyError::SmallOrder));
    assert_eq!(PublicKey::from_hex(order_eight), Err(KeyError::SmallOrder));
    assert!(PublicKey::from_hex(&unreduced).is_err());
    assert_eq!(PublicKey::from_hex(&unreduced_large), Err(KeyError::NotCanonical));
    assert_eq!(
        PublicKey::from_hex(&format!("02{}", "00".repeat(31))),
        Err(KeyError::NotAPoint)
    );
    assert!(matches!(
        PublicKey::from_hex(&order_eight.to_uppercase()),
        Err(KeyError::Hex(_))
    ));
}

#[test]
fn a_signature_with_an_unreduced_s_is_refused() {
    let secret = SecretKey::from_seed([1; 32]);
    let mut bytes = secret.sign(b"x").to_bytes();
    // The order of the base point, little-endian (RFC 8032, section 5.1): S + L verifies where S is not checked.
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut carry = 0_u16;
    for (byte, addend) in bytes[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(addend);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    assert!(secret.public().verify(b"x", &Signature::from_bytes(bytes)).is_err());
}

#[test]
fn keys_survive_their_files() {
    let secret = SecretKey::from_seed([9; 32]);
    let pem = secret.to_pkcs8_pem();
    assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert_eq!(SecretKey::from_pkcs8_pem(&pem).unwrap().public(), secret.public());
    let public = secret.public().to_spki_pem();
    assert_eq!(PublicKey::from_spki_pem(&public), Ok(secret.public()));
    assert!(SecretKey::from_pkcs8_pem(&public).is_err());
    assert!(PublicKey::from_spki_pem(&pem).is_err());
    assert!(SecretKey::from_pkcs8_pem("nonsense").is_err());
}

#[test]
fn nothing_secret_is_printed() {
    let secret = SecretKey::from_seed([0xab; 32]);
    let ring = Keyring::new(MasterKey::from_bytes([0xcd; 32]), secret.clone());
    let printed = format!("{secret:?} {ring:?} {:?}", MasterKey::from_bytes([0xcd; 32]));
    assert!(
        !printed.contains("abab") && !printed.contains("cdcd") && !printed.contains("171"),
        "{printed}"
    );
}

#[test]
fn signatures_have_one_text() {
    let signature = SecretKey::from_seed([1; 32]).sign(b"x");
    let json = serde_json::to_value(signature).unwrap();
    assert_eq!(json, signature.to_hex());
    assert_eq!(serde_json::from_value::<Signature>(json).unwrap(), signature);
    assert!(Signature::from_hex(&signature.to_hex().to_uppercase()).is_err());
    assert!(Signature::from_hex(signature.to_hex().get(2..).unwrap()).is_err());
    assert_eq!(Signature::from_slice(&[0; 63]), None);
}

proptest! {
    #[test]
    fn a_key_has_one_encoding(bytes: [u8; 32], lowest in 0xe0_u8.., sign: bool) {
        // Random bytes are never near the prime, so half of the cases are put there.
        let mut near = [0xff; 32];
        (near[0], near[31]) = (lowest, if sign { 0xff } else { 0x7f });
        for bytes in [bytes, near] {
            if let Ok(key) = PublicKey::from_bytes(&bytes) {
                let point = ed25519_dalek::VerifyingKey::from_bytes(&bytes).unwrap().to_edwards();
                prop_assert_eq!(point.compress().to_bytes(), bytes);
                prop_assert_eq!(key.to_bytes(), bytes);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn every_changed_bit_of_message_or_signature_is_refused(seed: [u8; 32], message: [u8; 8]) {
        let secret = SecretKey::from_seed(seed);
        let signature = secret.sign(&message);
        prop_assert!(secret.public().verify(&message, &signature).is_ok());
        for bit in 0..512 {
            let mut changed = signature.to_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(secret.public().verify(&message, &Signature::from_bytes(changed)).is_err());
        }
        for bit in 0..64 {
            let mut changed = message;
            changed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(secret.public().verify(&changed, &signature).is_err());
        }
    }
}
