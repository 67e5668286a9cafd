//! DIDs whose keys are at a host elsewhere.

use async_trait::async_trait;
use axum::http::StatusCode;
use imajin_auth_api::{AuthClient, CallerKeysRequest};
use imajin_did::{Did, DidDocument, Resolution, ResolveError, Resolver, SecretKey};
use imajin_kernel::Code;
use imajin_testkit::{Backend, on_both};
use imajin_web::{Custody, Tier};
use serde_json::json;

use crate::world::World;

/// The hosts of the tests; a real one is in the tests of the resolver itself.
pub(crate) struct Hosts;

fn key() -> SecretKey {
    SecretKey::from_seed([77; 32])
}

fn p256() -> Did {
    "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169"
        .parse()
        .unwrap()
}

#[async_trait]
impl Resolver for Hosts {
    async fn resolve(&self, did: &Did) -> Result<Resolution, ResolveError> {
        let known = Resolution {
            did: did.clone(),
            keys: vec![key().public()],
            document: DidDocument::for_key(did.clone(), &key().public(), Vec::new()),
            stale: false,
            contested: false,
        };
        match did.specific() {
            "visitor.example" => Ok(known),
            "away.example" => Ok(Resolution { stale: true, ..known }),
            "contested.example" => Ok(Resolution {
                contested: true,
                ..known
            }),
            "keyless.example" => Ok(Resolution {
                keys: Vec::new(),
                ..known
            }),
            "p256.example" => Ok(Resolution {
                keys: Vec::new(),
                document: DidDocument::for_verifying_key(did.clone(), &p256().verifying_key().unwrap(), Vec::new()),
                ..known
            }),
            "ended.example" => Err(ResolveError::Deactivated),
            _ if *did == key().did() => Ok(known),
            "html.example" => Err(ResolveError::Representation),
            "broken.example" => Err(ResolveError::Unavailable),
            "missing.example" => Err(ResolveError::NotFound),
            _ => Err(ResolveError::Refused),
        }
    }
}

async fn a_did_web_of_another_host_signs_as_a_visitor(backend: Backend) {
    let world = World::new(backend).await;
    let client = AuthClient::local(world.auth.clone());
    let ask = async |host: &str| {
        let did: Did = format!("did:web:{host}").parse().unwrap();
        client.caller_keys(CallerKeysRequest { did }).await
    };
    let visitor = ask("visitor.example").await.unwrap();
    assert_eq!(visitor.did.as_str(), "did:web:visitor.example");
    assert_eq!(
        (visitor.keys, visitor.tier, visitor.custody),
        (vec![key().public()], Tier::Visitor, Custody::Own)
    );
    // The node itself, too: it is not called by its own requests.
    let unknown = ["away", "contested", "keyless", "html", "broken", "missing", "private"];
    let unknown = unknown.iter().map(|host| format!("{host}.example"));
    for host in unknown.chain(["localhost%3A7000".to_owned()]) {
        assert_eq!(ask(&host).await.unwrap_err().code, Code::Unauthenticated, "{host}");
    }
    assert_eq!(ask("ended.example").await.unwrap_err().code, Code::Gone);
}

async fn a_did_web_of_another_host_is_resolved(backend: Backend) {
    let world = World::new(backend).await;
    let resolve = async |host: &str, accept: &str| {
        let path = format!("/1.0/identifiers/did:web:{host}");
        world.get(&path, &[("accept", accept)]).await
    };
    for (host, stale) in [("visitor.example", false), ("away.example", true)] {
        let json = resolve(host, "*/*").await.json();
        assert_eq!(json["didDocument"]["id"], json!(format!("did:web:{host}")));
        let resolution = &json["didResolutionMetadata"];
        assert_eq!(
            (&resolution["contentType"], &resolution["stale"]),
            (&json!("application/did+json"), &json!(stale))
        );
    }
    let document = resolve("visitor.example", "application/did+json").await;
    assert_eq!(document.header("content-type"), "application/did+json");
    assert_eq!(document.json()["id"], "did:web:visitor.example");
    let cbor = resolve("visitor.example", "application/did+cbor").await;
    assert_eq!(cbor.status, StatusCode::NOT_ACCEPTABLE);
    assert_eq!(
        cbor.json()["didResolutionMetadata"]["error"],
        "representationNotSupported"
    );
    for (host, status, error) in [
        ("html.example", 406, json!("representationNotSupported")),
        ("broken.example", 500, json!("internalError")),
        ("missing.example", 404, json!("notFound")),
        ("private.example", 404, json!("notFound")),
        ("ended.example", 410, json!(null)),
        ("127.0.0.1", 400, json!("invalidDid")),
    ] {
        let reply = resolve(host, "*/*").await;
        let json = reply.json();
        assert_eq!(
            (reply.status.as_u16(), &json["didResolutionMetadata"]["error"]),
            (status, &error),
            "{host}"
        );
        assert_eq!(json["didDocument"], json!(null));
    }
}

async fn a_node_that_a_registry_knows_is_resolved(backend: Backend) {
    let world = World::new(backend).await;
    let known = key().did();
    let json = world.get(&format!("/1.0/identifiers/{known}"), &[]).await.json();
    assert_eq!(json["didDocument"]["id"], json!(known));
    let client = AuthClient::local(world.auth.clone());
    let caller = client
        .caller_keys(CallerKeysRequest { did: known.clone() })
        .await
        .unwrap();
    assert_eq!(
        (caller.did, caller.tier),
        (known, Tier::Visitor),
        "it signs with the key that it is"
    );
}

async fn a_did_key_of_p_256_is_its_own_document(backend: Backend) {
    let world = World::new(backend).await;
    let did = "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169";
    let json = world.get(&format!("/1.0/identifiers/{did}"), &[]).await.json();
    assert_eq!(json["didDocument"]["id"], did);
    let method = &json["didDocument"]["verificationMethod"][0];
    assert_eq!(
        (&method["type"], &method["controller"]),
        (&json!("Multikey"), &json!(did))
    );
    assert_eq!(
        json!(format!("did:key:{}", method["publicKeyMultibase"].as_str().unwrap())),
        did
    );
    let client = AuthClient::local(world.auth.clone());
    let caller = client
        .caller_keys(CallerKeysRequest {
            did: did.parse().unwrap(),
        })
        .await;
    assert_eq!(
        caller.unwrap_err().code,
        Code::Unauthenticated,
        "it is no identity of ours"
    );
}

/// The contract knows P-256 for IMAGXP alone: such a key is resolved, and signs no request.
async fn p_256_keys_sign_no_requests_and_the_refusal_says_so(backend: Backend) {
    let world = World::new(backend).await;
    let client = AuthClient::local(world.auth.clone());
    let web: Did = "did:web:p256.example".parse().unwrap();
    for did in [web, p256()] {
        let refused = client
            .caller_keys(CallerKeysRequest { did: did.clone() })
            .await
            .unwrap_err();
        assert_eq!(refused.code, Code::Unauthenticated, "{did}");
        assert!(refused.detail.contains("P-256"), "{refused:?}");
        assert!(refused.hint.unwrap().contains("Ed25519"), "{did}");
        let resolved = world.get(&format!("/1.0/identifiers/{did}"), &[]).await.json();
        let method = &resolved["didDocument"]["verificationMethod"][0];
        assert!(
            method["publicKeyMultibase"].as_str().unwrap().starts_with("zDn"),
            "{resolved}"
        );
    }
}

on_both! {
    p_256_keys_sign_no_requests_and_the_refusal_says_so,
    a_did_web_of_another_host_signs_as_a_visitor,
    a_did_web_of_another_host_is_resolved,
    a_node_that_a_registry_knows_is_resolved,
    a_did_key_of_p_256_is_its_own_document,
}
