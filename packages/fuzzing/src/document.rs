//! DID documents of others.

use imajin_did::{Did, DidDocument, SecretKey, Service, VerificationMethod};

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let key = SecretKey::from_seed([1; 32]).public();
    let ours = DidDocument::for_key(
        key.did(),
        &key,
        vec![Service::new("mjn", "MJNNode", "https://node.example/mjn")],
    );
    let theirs = r##"{"@context":"https://www.w3.org/ns/did/v1","id":"did:web:other.example","verificationMethod":[
        {"id":"#a","type":"JsonWebKey2020","controller":"did:web:other.example","publicKeyJwk":
         {"kty":"OKP","crv":"Ed25519","x":"iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w"}},
        {"id":"#b","type":"P256Key2021","controller":"did:web:other.example",
         "publicKeyBase58":"ekVhkcBFq3w7jULLkBVye6PwaTuMbhJYuzwFnNcgQAPV"}],
        "authentication":["#a","did:web:other.example#b",{"id":"#c","type":"Multikey",
         "controller":"did:web:other.example",
         "publicKeyMultibase":"zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"}],"assertionMethod":["#a"],
        "service":[{"id":"#s","type":"A","serviceEndpoint":{"x":["B"]}}],"more":[1.5,null]}"##;
    let p256 = crate::P256_DID.parse::<Did>().ok();
    let p256 = p256.and_then(|did| {
        did.verifying_key()
            .map(|key| DidDocument::for_verifying_key(did, &key, vec![]))
    });
    let written = [Some(ours), p256].into_iter().flatten();
    let mut seeds: Vec<Vec<u8>> = written
        .filter_map(|document| serde_json::to_vec(&document).ok())
        .collect();
    seeds.push(theirs.as_bytes().to_vec());
    seeds
}

pub(crate) fn run(data: &[u8]) {
    let Ok(document) = serde_json::from_slice::<DidDocument>(data) else {
        return;
    };
    let text = serde_json::to_vec(&document).unwrap_or_default();
    assert_eq!(
        serde_json::from_slice::<DidDocument>(&text).ok().as_ref(),
        Some(&document)
    );
    let embedded = |references: &[imajin_did::MethodReference]| references.len();
    let lists = [
        (
            document.authentication_verifying_keys(),
            embedded(&document.authentication),
        ),
        (
            document.assertion_verifying_keys(),
            embedded(&document.assertion_method),
        ),
    ];
    for (keys, references) in lists {
        assert!(keys.len() <= references, "a reference gives at most one key");
        for key in keys {
            assert_eq!(imajin_did::VerifyingKey::from_multikey(&key.multikey()), Ok(key));
        }
    }
    let ours = document.authentication_verifying_keys();
    let ours = ours.iter().filter(|key| key.as_ed25519().is_some()).count();
    assert_eq!(document.authentication_keys().len(), ours);
    let foreign = |method: &VerificationMethod| method.controller != document.id.as_str();
    if document.verification_method.iter().all(foreign) {
        let only_ids =
            |reference: &imajin_did::MethodReference| matches!(reference, imajin_did::MethodReference::Id(_));
        if document.authentication.iter().all(only_ids) {
            assert_eq!(
                document.authentication_verifying_keys(),
                [],
                "keys of others do not count"
            );
        }
    }
}
