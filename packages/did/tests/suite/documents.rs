use imajin_did::{Did, DidDocument, MethodReference, PublicKey, ResolveError, SecretKey, SelfCertifying, Service};
use serde_json::json;

use crate::did;

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
    let method = |id: &str, kind: &str, controller: &str, key: &PublicKey| {
        let multikey = key.multikey();
        json!({"id": id, "type": kind, "controller": controller, "publicKeyMultibase": multikey})
    };
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
