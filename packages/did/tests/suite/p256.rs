use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::{
    Did, DidDocument, DidError, KeyKind, Method, MultikeyError, NotAP256Point, P256Key, ResolveError, SecretKey,
    SelfCertifying, Verify, VerifyingKey,
};
use serde_json::{Value, json};

use crate::{did, vectors};

const P256: &str = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";

fn p256_vectors() -> Vec<(String, Value)> {
    let all = vectors(include_str!("../vectors/did-key-nist.json"));
    let members = all.as_object().unwrap().clone().into_iter();
    members.filter(|(name, _)| name.starts_with("did:key:zDn")).collect()
}

fn coordinate(jwk: &Value, name: &str) -> [u8; 32] {
    let bytes = URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    bytes.try_into().unwrap()
}

#[test]
fn the_did_key_vectors_of_p_256_give_the_same_bytes() {
    let mut with_jwk = 0;
    for (name, vector) in p256_vectors() {
        let Some(VerifyingKey::P256(key)) = did(&name).verifying_key() else {
            panic!("{name} is a P-256 key");
        };
        assert_eq!(format!("did:key:{}", key.multikey()), name);
        assert_eq!(P256Key::from_compressed(&key.to_compressed()), Ok(key.clone()));
        assert_eq!(P256Key::from_uncompressed(&key.to_uncompressed()), Ok(key.clone()));
        let document: DidDocument = serde_json::from_value(vector["didDocument"].clone()).unwrap();
        assert_eq!(
            document.authentication_verifying_keys(),
            [VerifyingKey::P256(key.clone())]
        );
        assert_eq!(document.authentication_keys(), [], "it is no key of ours");
        let jwk = &vector["verificationMethod"]["publicKeyJwk"];
        if jwk.is_object() {
            with_jwk += 1;
            assert_eq!(key.coordinates(), (coordinate(jwk, "x"), coordinate(jwk, "y")));
            assert_eq!(
                P256Key::from_coordinates(&coordinate(jwk, "x"), &coordinate(jwk, "y")),
                Ok(key)
            );
        }
    }
    assert_eq!((p256_vectors().len(), with_jwk), (3, 2));
}

#[test]
fn the_other_curves_of_the_vectors_are_refused_by_name() {
    let all = vectors(include_str!("../vectors/did-key-nist.json"));
    let others: Vec<&String> = all
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| !name.starts_with("did:key:zDn"))
        .collect();
    assert_eq!(others.len(), 4, "P-384 and P-521");
    for name in others {
        assert_eq!(
            name.parse::<Did>(),
            Err(DidError::Multikey(MultikeyError::UnknownKind)),
            "{name}"
        );
    }
}

#[test]
fn a_p_256_key_is_a_did_key_and_nothing_else() {
    let key = did(P256);
    assert_eq!((key.method(), key.public_key()), (Method::Key, None));
    assert_eq!((key.canonical(), key.also_known_as()), (key.clone(), vec![]));
    assert!(key.is_equivalent(&key));
    let minted = P256.replace("did:key:", "did:mjn:");
    assert_eq!(
        minted.parse::<Did>(),
        Err(DidError::Multikey(MultikeyError::NotEd25519)),
        "it is not minted as an identity"
    );
    assert_eq!(
        P256Key::from_multikey(&SecretKey::from_seed([1; 32]).public().multikey()),
        Err(MultikeyError::NotP256)
    );
    let resolved = SelfCertifying.resolve_now(&key).unwrap();
    assert_eq!(resolved.keys, []);
    assert_eq!(
        resolved.document.authentication_verifying_keys(),
        [key.verifying_key().unwrap()]
    );
    assert_eq!(resolved.document.also_known_as, Vec::<String>::new());
    assert_eq!(
        SelfCertifying.resolve_now(&did("did:web:example.org")),
        Err(ResolveError::Unsupported)
    );
}

#[test]
fn what_is_no_point_in_the_expected_form_is_refused() {
    let Some(VerifyingKey::P256(key)) = did(P256).verifying_key() else {
        unreachable!()
    };
    let (compressed, uncompressed) = (key.to_compressed(), key.to_uncompressed());
    let changed = |bytes: &[u8], first: u8| [&[first], &bytes[1..]].concat();
    // The field's prime (SP 800-186, section 3.2.1.3): the smallest x that is not reduced.
    let prime = hex::decode("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff").unwrap();
    let unreduced = [vec![2], prime].concat();
    // There is a point with x = 0 but none with x = 1, whose cubic is no square.
    let no_square = [vec![2], vec![0; 31], vec![1]].concat();
    let mut off_curve = uncompressed;
    off_curve[64] ^= 1;
    let in_compressed = [
        vec![],
        vec![0],
        compressed[..32].to_vec(),
        [compressed.as_slice(), &[0]].concat(),
        changed(&compressed, 4),
        changed(&compressed, 5),
        unreduced,
        no_square,
        uncompressed.to_vec(),
    ];
    for bytes in in_compressed {
        assert_eq!(P256Key::from_compressed(&bytes), Err(NotAP256Point), "{bytes:?}");
    }
    let hybrid = changed(&uncompressed, 6 | (uncompressed[64] & 1));
    let in_uncompressed = [vec![0], hybrid, off_curve.to_vec(), compressed.to_vec(), vec![4; 64]];
    for bytes in in_uncompressed {
        assert_eq!(P256Key::from_uncompressed(&bytes), Err(NotAP256Point), "{bytes:?}");
    }
    let negated = P256Key::from_compressed(&changed(&compressed, compressed[0] ^ 1)).unwrap();
    assert_ne!(negated, key);
    assert_eq!(negated.coordinates().0, key.coordinates().0);
}

#[test]
fn a_verifying_key_is_its_multikey_and_knows_its_kind() {
    let ed25519 = SecretKey::from_seed([1; 32]);
    let either = VerifyingKey::from(ed25519.public());
    let signature = ed25519.sign(b"x");
    assert_eq!(
        (either.kind(), either.verify(b"x", &signature)),
        (KeyKind::Ed25519, Ok(()))
    );
    assert!(either.verify(b"y", &signature).is_err());
    let p256 = did(P256).verifying_key().unwrap();
    assert_eq!(p256.kind(), KeyKind::P256);
    assert!(p256.verify(b"x", &signature).is_err());
    for key in [either, p256] {
        let json = serde_json::to_value(&key).unwrap();
        assert_eq!(json, key.multikey());
        assert_eq!(serde_json::from_value::<VerifyingKey>(json).unwrap(), key);
        assert_eq!(did(&format!("did:key:{key}")).verifying_key(), Some(key));
    }
}

#[test]
fn documents_of_others_may_write_keys_in_older_forms() {
    let (ed25519, p256) = (
        SecretKey::from_seed([1; 32]).public(),
        did(P256).verifying_key().unwrap(),
    );
    let VerifyingKey::P256(point) = &p256 else {
        unreachable!()
    };
    let x = URL_SAFE_NO_PAD.encode(ed25519.as_bytes());
    let base58 = bs58::encode(ed25519.as_bytes()).into_string();
    let p256_base58 = bs58::encode(point.to_compressed()).into_string();
    let id = "did:web:other.example";
    let cases = [
        (
            json!({"type": "Ed25519VerificationKey2020", "publicKeyMultibase": ed25519.multikey()}),
            Some(ed25519.into()),
        ),
        (
            json!({"type": "Ed25519VerificationKey2020", "publicKeyMultibase": p256.multikey()}),
            None,
        ),
        (
            json!({"type": "Ed25519VerificationKey2018", "publicKeyBase58": base58}),
            Some(ed25519.into()),
        ),
        (
            json!({"type": "JsonWebKey2020", "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": x}}),
            Some(ed25519.into()),
        ),
        (
            json!({"type": "JsonWebKey", "publicKeyJwk": {"kty": "OKP", "crv": "Ed25519", "x": x, "d": x}}),
            None,
        ),
        (
            json!({"type": "JsonWebKey", "publicKeyJwk": {"kty": "OKP", "crv": "X25519", "x": x}}),
            None,
        ),
        (
            json!({"type": "JsonWebKey", "publicKeyMultibase": ed25519.multikey()}),
            None,
        ),
        (
            json!({"type": "Multikey", "publicKeyMultibase": p256.multikey()}),
            Some(p256.clone()),
        ),
        (
            json!({"type": "P256Key2021", "publicKeyBase58": p256_base58}),
            Some(p256),
        ),
        (
            json!({"type": "Mystery", "publicKeyMultibase": ed25519.multikey()}),
            None,
        ),
    ];
    for (mut method, expected) in cases {
        method["id"] = json!("#key");
        method["controller"] = json!(id);
        let document: DidDocument =
            serde_json::from_value(json!({"id": id, "authentication": [method.clone()]})).unwrap();
        assert_eq!(
            document.authentication_verifying_keys(),
            expected.into_iter().collect::<Vec<_>>(),
            "{method}"
        );
    }
}
