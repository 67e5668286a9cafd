use imajin_did::{Keyring, MasterKey, SealError, Sealed, SecretKey};

use crate::env;

/// HKDF-SHA256, salt "imajin master key 1", key 0x11 × 32, info "row-seal/pay".
const HKDF_EXPECTED: &str = "ec01370fdb0f5d2d24c5dd104e4db9be745da79567b1ad023f2b98c70650ea55";

#[test]
fn a_sealed_key_opens_with_the_same_master_key_and_label_only() {
    let ring = Keyring::generate(&env());
    let other = Keyring::new(MasterKey::from_bytes([3; 32]), SecretKey::from_seed([3; 32]));
    let key = SecretKey::from_seed([5; 32]);
    let sealed = ring.seal_key("event/1", &key, &env());
    assert_eq!(ring.open_key("event/1", &sealed).unwrap().public(), key.public());
    assert_eq!(
        ring.clone().open_key("event/1", &sealed).unwrap().public(),
        key.public()
    );
    assert_eq!(ring.open_key("event/2", &sealed).err(), Some(SealError::Broken));
    assert_eq!(other.open_key("event/1", &sealed).err(), Some(SealError::Broken));
    let text = ring.seal("smtp", b"hunter2", &env());
    assert_eq!(ring.open("smtp", &text).unwrap().as_slice(), b"hunter2");
    assert_eq!(ring.open_key("smtp", &text).err(), Some(SealError::NotAKey));
}

#[test]
fn every_changed_bit_and_every_cut_is_refused() {
    let master = MasterKey::from_bytes([1; 32]);
    let sealed = Sealed::seal(&master, "label", b"secret", &env());
    assert_eq!(
        Sealed::from_bytes(sealed.as_bytes())
            .open(&master, "label")
            .unwrap()
            .as_slice(),
        b"secret"
    );
    for bit in 0..sealed.as_bytes().len() * 8 {
        let mut changed = sealed.as_bytes().to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(Sealed::from_bytes(changed).open(&master, "label").is_err(), "bit {bit}");
    }
    for length in 0..sealed.as_bytes().len() {
        assert!(
            Sealed::from_bytes(&sealed.as_bytes()[..length])
                .open(&master, "label")
                .is_err(),
            "{length} bytes"
        );
    }
}

#[test]
fn derived_keys_are_repeatable_and_apart() {
    let master = MasterKey::from_hex(&"11".repeat(32)).unwrap();
    assert_eq!(*master.to_hex(), "11".repeat(32));
    assert_eq!(master.derive("row-seal/pay"), master.derive("row-seal/pay"));
    assert_ne!(master.derive("row-seal/pay"), master.derive("row-seal/auth"));
    assert_ne!(master.derive("x"), MasterKey::from_bytes([2; 32]).derive("x"));
    // Computed once with an independent HKDF; a change would lock every node out of its own keys.
    assert_eq!(hex::encode(master.derive("row-seal/pay")), HKDF_EXPECTED);
}
