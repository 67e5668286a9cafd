use axum::http::StatusCode;
use imajin_did::{Did, DidDocument, SecretKey};
use imajin_proof::token::key_id;
use imajin_testkit::Backend;
use serde_json::json;

use crate::world::{World, assert_refused};
use imajin_testkit::on_both;

const NODE_WEB: &str = "did:web:localhost%3A7000";

async fn an_identity_is_found_under_each_of_its_names(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let mut names: Vec<String> = key.did().also_known_as().iter().map(ToString::to_string).collect();
    names.extend([
        "ada".to_owned(),
        key.did().to_string(),
        Did::short_alias(&key.public()).to_string(),
    ]);
    for name in names {
        for route in ["lookup", "identity"] {
            let reply = world.get(&format!("/auth/api/{route}/{name}"), &[]).await;
            assert_eq!(reply.status, StatusCode::OK, "{name}");
            let json = reply.json();
            assert_eq!(json["did"], json!(key.did()));
            assert_eq!(json["publicKey"], json!(key.public().to_hex()));
            assert_eq!((&json["handle"], &json["name"]), (&json!("ada"), &json!("Ada")));
            assert_eq!(
                (&json["type"], &json["avatarUrl"]),
                (&json!("human"), &json!(crate::pictures::PICTURE))
            );
            assert_eq!(json["createdAt"], "2027-01-15T08:00:00Z");
        }
    }
    let stranger = SecretKey::generate(&world.env).did();
    for name in ["nobody", "x", stranger.as_str(), "did:web:localhost"] {
        assert_refused(
            &world.get(&format!("/auth/api/lookup/{name}"), &[]).await,
            404,
            "not_found",
        );
        assert_refused(
            &world.get(&format!("/auth/api/identity/{name}/did.json"), &[]).await,
            404,
            "not_found",
        );
    }
}

async fn a_did_document_is_cacheable_and_names_the_key(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let path = format!("/auth/api/identity/{}/did.json", key.did());
    let reply = world.get(&path, &[]).await;
    assert_eq!(reply.header("content-type"), "application/did+json");
    assert_eq!(reply.header("cache-control"), "public, max-age=300");
    let document: DidDocument = serde_json::from_str(&reply.text).unwrap();
    assert_eq!(
        (&document.id, document.authentication_keys()),
        (&key.did(), vec![key.public()])
    );
    for other in key.did().also_known_as() {
        assert!(document.also_known_as.contains(&other.to_string()));
    }
    let tag = reply.header("etag");
    for known in [tag.to_owned(), format!("W/{tag}, \"x\""), "*".to_owned()] {
        let again = world.get(&path, &[("if-none-match", &known)]).await;
        assert_eq!(
            (again.status, again.text.as_str()),
            (StatusCode::NOT_MODIFIED, ""),
            "{known}"
        );
        assert_eq!(again.header("etag"), tag);
    }
    assert_eq!(
        world.get(&path, &[("if-none-match", "\"x\"")]).await.status,
        StatusCode::OK
    );
}

async fn the_node_has_a_document_and_keys(backend: Backend) {
    let world = World::new(backend).await;
    let document: DidDocument = serde_json::from_str(&world.get("/.well-known/did.json", &[]).await.text).unwrap();
    assert_eq!(document.id.as_str(), NODE_WEB);
    assert!(document.also_known_as.contains(&world.keyring.node_did().to_string()));
    assert_eq!(document.authentication_keys(), [world.keyring.node_public()]);
    assert_eq!(document.service[0].kind, "MJNNode");
    let keys = world.get("/.well-known/jwks.json", &[]).await.json();
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    for key in keys {
        assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
        assert!(key.get("d").is_none());
    }
    assert_eq!(keys[1]["kid"], json!(key_id(&world.keyring.node_public())));
    assert_ne!(keys[0]["kid"], keys[1]["kid"]);
    let before = keys[0]["kid"].clone();
    let world = world.restart().await;
    assert_eq!(
        world.get("/.well-known/jwks.json", &[]).await.json()["keys"][0]["kid"],
        before
    );
}

async fn dids_resolve_as_a_universal_resolver_driver_answers(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let resolve = async |did: &str| world.get(&format!("/1.0/identifiers/{did}"), &[]).await;
    for did in key.did().also_known_as().into_iter().chain([key.did()]) {
        let reply = resolve(did.as_str()).await;
        assert_eq!(reply.status, StatusCode::OK, "{did}");
        let json = reply.json();
        assert_eq!(
            json["didDocument"]["id"],
            json!(did),
            "the document is about what was asked for"
        );
        assert_eq!(json["didResolutionMetadata"]["contentType"], "application/did+json");
        assert_eq!(json["didDocumentMetadata"]["created"], "2027-01-15T08:00:00Z");
        let canonical = json["didDocumentMetadata"].get("canonicalId");
        assert_eq!(canonical, (did != key.did()).then_some(&json!(key.did())));
    }
    let document = world
        .get(
            &format!("/1.0/identifiers/{}", key.did()),
            &[("accept", "application/did+json")],
        )
        .await;
    assert_eq!(document.json()["id"], json!(key.did()));
    assert_eq!(resolve(NODE_WEB).await.json()["didDocument"]["id"], NODE_WEB);
    assert_eq!(resolve(world.keyring.node_did().as_str()).await.status, StatusCode::OK);
    let stranger = SecretKey::generate(&world.env).did();
    let stranger_key = stranger.as_str().replace("did:mjn:", "did:key:");
    assert_eq!(
        resolve(&stranger_key).await.json()["didDocument"]["id"],
        json!(stranger_key)
    );
    for (did, status, error) in [
        (stranger.as_str(), 404, "notFound"),
        ("did:imajin:0123456789abcdef", 404, "notFound"),
        ("did:email:ada_at_example.org", 404, "notFound"),
        ("did:web:elsewhere.example", 404, "notFound"),
        ("did:ion:abc", 501, "methodNotSupported"),
        ("did:mjn:nonsense", 400, "invalidDid"),
        ("nonsense", 400, "invalidDid"),
    ] {
        let reply = resolve(did).await;
        assert_eq!(reply.status.as_u16(), status, "{did}: {reply:?}");
        let json = reply.json();
        assert_eq!(
            (&json["didResolutionMetadata"]["error"], &json["didDocument"]),
            (&json!(error), &json!(null))
        );
    }
}

async fn every_route_is_described(backend: Backend) {
    let world = World::new(backend).await;
    let spec = world.get("/auth/api/spec", &[]).await.json();
    let paths: Vec<&String> = spec["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.len(), 74, "{paths:?}");
    assert_eq!(world.get("/auth/ready", &[]).await.status, StatusCode::OK);
}

on_both! {
    an_identity_is_found_under_each_of_its_names,
    a_did_document_is_cacheable_and_names_the_key,
    the_node_has_a_document_and_keys,
    dids_resolve_as_a_universal_resolver_driver_answers,
    every_route_is_described,
}
