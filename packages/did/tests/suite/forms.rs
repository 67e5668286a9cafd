use imajin_did::{Did, DidError, KeyError, Method, MultikeyError, PublicKey, SecretKey};
use proptest::prelude::*;
use serde_json::json;

use crate::{did, vectors};

#[test]
fn every_key_of_the_imajin_vectors_has_its_four_names() {
    let vectors = vectors(include_str!("../vectors/imajin.json"));
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
            assert!(other.is_equivalent(&native) && native.is_equivalent(&other));
            assert_eq!(other.public_key(), Some(public));
            assert_eq!(did(other.as_str()), other);
        }
        let short = Did::short_alias(&public);
        assert_eq!(did(short.as_str()).method(), Method::ImajinShort);
        assert_eq!(
            short.as_str(),
            format!("did:imajin:{}", public.to_hex().get(..16).unwrap())
        );
        assert_eq!(
            (short.public_key(), short.canonical()),
            (None, short.clone()),
            "it proves nothing"
        );
        assert!(!short.is_equivalent(&native), "only an alias table knows");
    }
}

#[test]
fn the_did_key_vectors_give_the_same_bytes() {
    let vectors = vectors(include_str!("../vectors/did-key-ed25519.json"));
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
        ("did:key:z6Mk", DidError::Multikey(MultikeyError::UnknownKind)),
        ("did:imajin:9C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFW", DidError::Imajin),
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
        ("did:email:%C3%9C_at_example.org", DidError::Email),
        ("did:email:a%0Ab_at_example.org", DidError::Email),
        ("did:email:a%20b_at_example.org", DidError::Email),
        ("did:email:%FF_at_example.org", DidError::Email),
        ("did:web:Example.org", DidError::Web),
        ("did:web:example.org:..:x", DidError::Web),
        ("did:web:example.org%3A99999", DidError::Web),
        ("did:web:example.org/x", DidError::Web),
        ("did:web:user@example.org", DidError::Web),
        ("did:web:127.0.0.1", DidError::Web),
        ("did:web:127.1%3A7000", DidError::Web),
        ("did:web:2130706433", DidError::Web),
        ("did:web:0x7f000001", DidError::Web),
        ("did:web:%5B%3A%3A1%5D", DidError::Web),
        ("did:web:example.org%3a7000", DidError::Web),
        ("did:web:example.org.", DidError::Web),
        ("did:web:example.org:", DidError::Web),
        ("did:web:example.org:a%2Fb", DidError::Web),
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

    #[test]
    fn one_mailbox_has_one_text(local in "[a-zA-Z0-9._%üÜßİ+-]{1,12}") {
        let text = format!("did:email:{local}_at_example.org");
        if let Ok(parsed) = text.parse::<Did>() {
            prop_assert_eq!(Did::from_mailbox(&parsed.mailbox().unwrap()).unwrap(), parsed);
        }
        if let Ok(soft) = Did::from_mailbox(&format!("{local}@example.org")) {
            prop_assert_eq!(Did::from_mailbox(&soft.mailbox().unwrap()).unwrap(), soft);
        }
    }
}
