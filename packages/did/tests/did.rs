//! The public behaviour of `imajin-did`: forms of DIDs, keys, seals and documents.

use imajin_did::{
    Did, DidDocument, DidError, KeyError, Keyring, MasterKey, Method, MethodReference, MultikeyError, PublicKey,
    ResolveError, SealError, Sealed, SecretKey, SelfCertifying, Service, Signature,
};
use imajin_kernel::{Env, ManualClock, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn env() -> Env {
    Env::fixed(ManualClock::at(Timestamp::from_seconds(1_772_323_200)), 7)
}

fn did(text: &str) -> Did {
    text.parse().unwrap()
}

mod forms {
    use super::*;

    #[test]
    fn every_key_of_the_imajin_vectors_has_its_four_names() {
        let vectors = vectors(include_str!("vectors/imajin.json"));
        for key in vectors["keys"].as_array().unwrap() {
            let secret = SecretKey::from_seed_hex(key["seed"].as_str().unwrap()).unwrap();
            let public = secret.public();
            assert_eq!(public.to_hex(), key["public_key_hex"].as_str().unwrap());
            assert_eq!(PublicKey::from_hex(&public.to_hex()), Ok(public));
            let native = secret.did();
            assert_eq!(native.as_str(), key["did_mjn"].as_str().unwrap());
            let others: Vec<String> = native.also_known_as().iter().map(ToString::to_string).collect();
            assert_eq!(
                others,
                [key["did_key"].as_str().unwrap(), key["did_imajin"].as_str().unwrap()]
            );
            for other in native.also_known_as() {
                assert_eq!(other.canonical(), native);
                assert_eq!(other.public_key(), Some(public));
                assert_eq!(did(other.as_str()), other);
            }
            let short = Did::short_alias(&public);
            assert_eq!(did(short.as_str()).method(), Method::ImajinShort);
            assert_eq!(short.as_str(), format!("did:imajin:{}", &public.to_hex()[..16]));
            assert_eq!(
                (short.public_key(), short.canonical()),
                (None, short.clone()),
                "it proves nothing"
            );
        }
    }

    #[test]
    fn the_did_key_vectors_give_the_same_bytes() {
        let vectors = vectors(include_str!("vectors/did-key-ed25519.json"));
        for (name, vector) in vectors.as_object().unwrap() {
            let key = did(name).public_key().unwrap();
            assert_eq!(
                SecretKey::from_seed_hex(vector["seed"].as_str().unwrap())
                    .unwrap()
                    .public(),
                key
            );
            assert_eq!(did(name).canonical().as_str(), name.replace("did:key:", "did:mjn:"));
            if let Some(base58) = vector["verificationKeyPair"]["publicKeyBase58"].as_str() {
                assert_eq!(did(&format!("did:imajin:{base58}")).canonical(), Did::from_key(&key));
            }
        }
        assert_eq!(vectors.as_object().unwrap().len(), 5);
    }

    #[test]
    fn what_is_no_did_is_refused_with_its_reason() {
        let p256 = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";
        let cases = [
            ("", DidError::NotADid),
            ("did:mjn", DidError::NotADid),
            (
                "DID:mjn:z6MkneMkZqwqRiU5mJzSG3kDwzt9P8C59N4NGTfBLfSGE7c7",
                DidError::NotADid,
            ),
            ("did:example:1", DidError::UnknownMethod),
            ("did:mjn:", DidError::Multikey(MultikeyError::NotBase58btc)),
            ("did:mjn:z0", DidError::Multikey(MultikeyError::Malformed)),
            ("did:mjn:z6Mk", DidError::Multikey(MultikeyError::NotEd25519)),
            (p256, DidError::Multikey(MultikeyError::NotEd25519)),
            (
                "did:imajin:9C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFWPUFJtp",
                DidError::Imajin,
            ),
            ("did:imajin:79B5562E8FE654F9", DidError::Imajin),
            (
                "did:imajin:11111111111111111111111111111111",
                DidError::Key(KeyError::SmallOrder),
            ),
            ("did:email:bob", DidError::Email),
            ("did:email:Bob_at_example.org", DidError::Email),
            ("did:email:_at_example.org", DidError::Email),
            ("did:email:a%2b_at_example.org", DidError::Email),
            ("did:email:%61_at_example.org", DidError::Email),
            ("did:web:Example.org", DidError::Web),
            ("did:web:example.org:..:x", DidError::Web),
            ("did:web:example.org%3A99999", DidError::Web),
            ("did:web:example.org/x", DidError::Web),
            ("did:web:user@example.org", DidError::Web),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Did>(), Err(error), "{text}");
        }
        assert_eq!(
            format!("did:web:{}", "a".repeat(900)).parse::<Did>(),
            Err(DidError::TooLong)
        );
        assert!(serde_json::from_value::<Did>(json!("did:mjn:nonsense")).is_err());
    }

    #[test]
    fn a_mailbox_has_one_did() {
        let cases = [
            (
                " Ryan@Example.ORG ",
                "did:email:ryan_at_example.org",
                "ryan@example.org",
            ),
            (
                "first.last@mail.example.org",
                "did:email:first.last_at_mail.example.org",
                "first.last@mail.example.org",
            ),
            ("a+b@example.org", "did:email:a%2Bb_at_example.org", "a+b@example.org"),
            (
                "look_at_me@example.org",
                "did:email:look_at_me_at_example.org",
                "look_at_me@example.org",
            ),
            (
                "jürgen@example.org",
                "did:email:j%C3%BCrgen_at_example.org",
                "jürgen@example.org",
            ),
        ];
        for (mailbox, text, normal) in cases {
            let soft = Did::from_mailbox(mailbox).unwrap();
            assert_eq!(soft.as_str(), text);
            assert_eq!(did(text), soft);
            assert_eq!(soft.mailbox().as_deref(), Some(normal));
            assert_eq!(
                (soft.public_key(), soft.also_known_as(), soft.canonical()),
                (None, vec![], soft.clone())
            );
        }
        for wrong in [
            "",
            "ryan",
            "@example.org",
            "ryan@",
            "a b@example.org",
            "a@exa mple.org",
            "a@bücher.example",
        ] {
            assert_eq!(Did::from_mailbox(wrong), Err(DidError::Mailbox), "{wrong}");
        }
        let alias = did("did:email:ryan_at_example_org");
        assert_eq!(
            alias.mailbox(),
            None,
            "the form with underscores names a mailbox only after proof"
        );
    }

    #[test]
    fn did_web_names_a_document() {
        let cases = [
            (
                "example.org",
                "did:web:example.org",
                "https://example.org/.well-known/did.json",
            ),
            (
                "Localhost:7000",
                "did:web:localhost%3A7000",
                "https://localhost:7000/.well-known/did.json",
            ),
        ];
        for (authority, text, url) in cases {
            let web = Did::from_web_authority(authority).unwrap();
            assert_eq!(web.as_str(), text);
            assert_eq!(web.web_document_url().as_deref(), Some(url));
        }
        let path = did("did:web:example.org:users:ryan").web_document_url();
        assert_eq!(path.as_deref(), Some("https://example.org/users/ryan/did.json"));
        for wrong in [
            "",
            "a b",
            "example.org/path",
            "example.org:",
            "example.org:1:2",
            "user@example.org",
        ] {
            assert_eq!(Did::from_web_authority(wrong), Err(DidError::Web), "{wrong}");
        }
        assert_eq!(
            did("did:mjn:z6MkneMkZqwqRiU5mJzSG3kDwzt9P8C59N4NGTfBLfSGE7c7").web_document_url(),
            None
        );
    }

    proptest! {
        #[test]
        fn all_forms_of_a_key_round_trip(seed: [u8; 32]) {
            let key = SecretKey::from_seed(seed).public();
            let native = Did::from_key(&key);
            prop_assert_eq!(native.method(), Method::Mjn);
            for form in native.also_known_as().into_iter().chain([native.clone()]) {
                prop_assert_eq!(&did(form.as_str()), &form);
                prop_assert_eq!(form.canonical(), native.clone());
                prop_assert_eq!(form.also_known_as().len(), 2);
                let json = serde_json::to_string(&form).unwrap();
                prop_assert_eq!(serde_json::from_str::<Did>(&json).unwrap(), form);
            }
            prop_assert_eq!(PublicKey::from_multikey(&key.multikey()), Ok(key));
        }

        #[test]
        fn any_text_parses_to_itself_or_not_at_all(text in "(did:(mjn|key|imajin|email|web):)?[ -~]{0,60}") {
            if let Ok(parsed) = text.parse::<Did>() {
                prop_assert_eq!(parsed.as_str(), &text);
                let canonical = parsed.canonical();
                prop_assert_eq!(canonical.canonical(), canonical.clone());
                prop_assert_eq!(did(canonical.as_str()), canonical);
            }
        }

        #[test]
        fn a_mailbox_survives_its_did(local in "[a-z0-9._+!#-]{1,20}", domain in "[a-z0-9]{1,10}(\\.[a-z]{2,5}){1,2}") {
            let mailbox = format!("{local}@{domain}");
            let soft = Did::from_mailbox(&mailbox).unwrap();
            prop_assert_eq!(did(soft.as_str()).mailbox(), Some(mailbox));
        }
    }
}

mod keys {
    use super::*;

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
        assert!(Signature::from_hex(&signature.to_hex()[2..]).is_err());
        assert_eq!(Signature::from_slice(&[0; 63]), None);
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
}

mod seals {
    use super::*;

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
        assert_eq!(hex::encode(master.derive("row-seal/pay")), super::HKDF_EXPECTED);
    }
}

/// HKDF-SHA256, salt "imajin master key 1", key 0x11 × 32, info "row-seal/pay".
const HKDF_EXPECTED: &str = "ec01370fdb0f5d2d24c5dd104e4db9be745da79567b1ad023f2b98c70650ea55";

mod documents {
    use super::*;

    #[test]
    fn a_document_lists_the_key_once_for_each_use() {
        let key = SecretKey::from_seed([1; 32]).public();
        let node = Did::from_web_authority("node.example").unwrap();
        let service = Service::new("mjn", "MJNNode", "https://node.example/mjn");
        let document = DidDocument::for_key(node, &key, vec![service]);
        let multikey = key.multikey();
        let key_id = format!("did:web:node.example#{multikey}");
        let expected = json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": "did:web:node.example",
            "alsoKnownAs": [
                format!("did:mjn:{multikey}"), format!("did:key:{multikey}"),
                key.did().also_known_as()[1].to_string(),
            ],
            "verificationMethod": [{
                "id": key_id, "type": "Multikey", "controller": "did:web:node.example", "publicKeyMultibase": multikey,
            }],
            "authentication": [key_id],
            "assertionMethod": [key_id],
            "service": [{
                "id": "did:web:node.example#mjn", "type": "MJNNode", "serviceEndpoint": "https://node.example/mjn",
            }],
        });
        assert_eq!(serde_json::to_value(&document).unwrap(), expected);
        assert_eq!(serde_json::from_value::<DidDocument>(expected).unwrap(), document);
        assert_eq!(document.authentication_keys(), [key]);
        assert_eq!(document.assertion_keys(), [key]);
    }

    #[test]
    fn a_mailbox_never_gets_into_a_document() {
        let key = SecretKey::from_seed([1; 32]).public();
        let soft = Did::from_mailbox("ryan@example.org").unwrap();
        let document = DidDocument::for_key(soft.clone(), &key, vec![]).with_alias(&soft);
        assert_eq!(document.id, key.did());
        assert!(!serde_json::to_string(&document).unwrap().contains("ryan"));
        let alias = Did::from_web_authority("node.example").unwrap();
        let document = document.with_alias(&alias).with_alias(&alias);
        assert_eq!(
            document
                .also_known_as
                .iter()
                .filter(|name| *name == alias.as_str())
                .count(),
            1
        );
    }

    #[test]
    fn only_keys_of_the_subject_count_in_a_document_of_others() {
        let (own, foreign) = (
            SecretKey::from_seed([1; 32]).public(),
            SecretKey::from_seed([2; 32]).public(),
        );
        let method = |id: &str, kind: &str, controller: &str, key: &PublicKey| json!({"id": id, "type": kind, "controller": controller, "publicKeyMultibase": key.multikey()});
        let id = "did:web:other.example";
        let document: DidDocument = serde_json::from_value(json!({
            "@context": "https://www.w3.org/ns/did/v1",
            "id": id,
            "verificationMethod": [
                method("#own", "Multikey", id, &own),
                method("#delegated", "Multikey", "did:web:evil.example", &foreign),
                method("#other-kind", "JsonWebKey2020", id, &foreign),
            ],
            "authentication": [
                "did:web:other.example#own", "#own", "#delegated", "#other-kind", "#missing",
                "did:web:evil.example#own",
                method("did:web:other.example#embedded", "Multikey", "did:web:evil.example", &foreign),
            ],
            "controller": "did:web:boss.example",
        }))
        .unwrap();
        assert_eq!(document.authentication_keys(), [own]);
        assert_eq!(document.assertion_keys(), []);
        assert!(matches!(document.authentication[6], MethodReference::Embedded(_)));
        assert_eq!(
            serde_json::to_value(&document).unwrap()["controller"],
            "did:web:boss.example"
        );
    }

    #[test]
    fn a_key_resolves_by_itself_and_a_mailbox_does_not() {
        let key = SecretKey::from_seed([1; 32]).public();
        let resolved = SelfCertifying.resolve_now(&key.did().also_known_as()[0]).unwrap();
        assert_eq!(
            (resolved.did, resolved.keys, resolved.contested),
            (key.did(), vec![key], false)
        );
        for text in [
            "did:email:a_at_example.org",
            "did:web:example.org",
            "did:imajin:79b5562e8fe654f9",
        ] {
            assert_eq!(
                SelfCertifying.resolve_now(&did(text)),
                Err(ResolveError::Unsupported),
                "{text}"
            );
        }
    }
}
