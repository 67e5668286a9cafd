//! What nodes make of somebody who has moved: the new home, and those that they visit.

use axum::http::StatusCode;
use imajin_did::{Did, Keyring, SecretKey};
use imajin_key_log::{Entry, EntryDraft, KeyLog, receipt_sign};
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::federation::pair::{Nodes, web_did};
use crate::keys::{Ada, hash, signed_as};
use crate::moves::{moves, path, register, visit, word_of};
use crate::oidc::{ada, operator, signed};
use crate::world::{Reply, World, assert_refused};

/// What registers an identity with one of its keys, whichever that is.
async fn registration(world: &World, did: &Did, key: &SecretKey) -> Value {
    let (id, text) = world.challenge(did.as_str()).await;
    json!({
        "publicKey": key.public().to_hex(), "type": "human", "did": did,
        "challengeId": id, "signature": key.sign(text.as_bytes()).to_hex(),
    })
}

/// The same, sent in a request that the key has signed.
async fn registered(world: &World, did: &Did, key: &SecretKey) -> Reply {
    let body = registration(world, did, key).await.to_string();
    let signed = signed_as(world, did, key, "POST", "/auth/api/register", &body);
    world.send_signed(&signed, "/auth/api/register", &body).await
}

/// Shows a log at another node.
async fn shown(from: &World, to: &World, ada: &Ada) {
    let reply = to.post("/auth/api/mirror", &ada.log(from).await).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

/// A first entry, which only the home of somebody takes.
async fn log_begun(world: &World, key: &SecretKey) -> Reply {
    let entry = EntryDraft::inception(&key.public(), None, None, world.env.now());
    let entry = entry.sign(&[key]).unwrap();
    let path = format!("/auth/api/identity/{}/log", key.did());
    world.post(&path, &serde_json::to_value(&entry).unwrap()).await
}

async fn who_visited_the_new_home_before_is_at_home_there_afterwards(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (old, new) = (nodes.node(1).await, nodes.node(2).await);
    let key = ada(&old).await.key.unwrap();
    assert_eq!(visit(&new, &old, &key).await.status, StatusCode::SEE_OTHER);
    register(&new, &key).await;
    assert_refused(&log_begun(&new, &key).await, 409, "conflict");
    assert_eq!(moves(&old, &key, &web_did(&new)).await.status, StatusCode::OK);
    // It is the old home's word that makes it so, and the person's registration that has it asked for.
    let again = new
        .post("/auth/api/register", &new.registration(&key, None).await)
        .await;
    assert_eq!(
        (again.status, &again.json()["created"], &again.json()["handle"]),
        (StatusCode::OK, &json!(false), &json!("ada_moved"))
    );
    let begun = log_begun(&new, &key).await;
    assert_eq!(begun.status, StatusCode::OK, "{begun:?}");
    for world in [&old, &new] {
        assert_eq!(world.audit().await, []);
    }
    new.execute("DELETE FROM mutation_log WHERE action = 'identity.arrive'")
        .await;
    assert!(!new.audit().await.is_empty());
    nodes.close().await;
}

async fn homes_are_followed_one_after_the_other(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (first, second) = (nodes.node(1).await, nodes.node(2).await);
    let (third, visited) = (nodes.node(3).await, nodes.node(4).await);
    let key = ada(&first).await.key.unwrap();
    assert_eq!(visit(&visited, &first, &key).await.status, StatusCode::SEE_OTHER);
    for node in [&second, &third] {
        register(node, &key).await;
    }
    assert_eq!(moves(&first, &key, &web_did(&second)).await.status, StatusCode::OK);
    assert_eq!(moves(&second, &key, &web_did(&third)).await.status, StatusCode::OK);
    assert_eq!(visit(&visited, &third, &key).await.status, StatusCode::SEE_OTHER);
    // Nobody is sent to a node that has sent them on.
    assert_eq!(moves(&first, &key, &web_did(&first)).await.status, StatusCode::OK);
    let on = moves(&first, &key, &web_did(&second)).await;
    assert_refused(&on, 409, "conflict");
    assert!(on.text.contains("moved on from there"), "{on:?}");
    for world in [&first, &second, &third, &visited] {
        assert_eq!(world.audit().await, []);
    }
    nodes.close().await;
}

async fn nobody_has_two_homes(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (old, new, other) = (nodes.node(1).await, nodes.node(2).await, nodes.node(3).await);
    let key = ada(&old).await.key.unwrap();
    for node in [&new, &other] {
        register(node, &key).await;
    }
    let moved = moves(&old, &key, &web_did(&new)).await;
    old.clock.advance(imajin_kernel::Span::hours(1));
    let again = moves(&old, &key, &web_did(&new)).await;
    assert_eq!(
        (again.status, again.json()),
        (StatusCode::OK, moved.json()),
        "said twice, it counts once"
    );
    let second = moves(&old, &key, &web_did(&other)).await;
    assert_refused(&second, 409, "conflict");
    assert!(second.text.contains(&new.origin), "{second:?}");
    let looked_up = old.get("/auth/api/lookup/ada", &[]).await.json();
    assert_eq!(looked_up["movedTo"], json!(new.origin), "{looked_up}");
    assert_eq!(moves(&old, &key, &web_did(&old)).await.status, StatusCode::OK);
    let looked_up = old.get("/auth/api/lookup/ada", &[]).await.json();
    assert_eq!(looked_up["movedTo"], Value::Null, "{looked_up}");
    assert_eq!(moves(&old, &key, &web_did(&other)).await.status, StatusCode::OK);
    assert_eq!(old.audit().await, []);
    nodes.close().await;
}

async fn nobody_moves_to_a_node_that_is_blocked(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (old, new) = (nodes.node(1).await, nodes.node(2).await);
    let operator = operator(&old).await;
    let key = ada(&old).await.key.unwrap();
    register(&new, &key).await;
    let rule = json!({"name": web_did(&new), "verdict": "block", "reason": "It lies."});
    let blocked = signed(&old, &operator, "POST", "/auth/api/peers", &rule).await;
    assert_eq!(blocked.status, StatusCode::OK, "{blocked:?}");
    let refused = moves(&old, &key, &web_did(&new)).await;
    assert_refused(&refused, 403, "forbidden");
    assert!(refused.text.contains("does not talk to that one"), "{refused:?}");
    nodes.close().await;
}

async fn a_replaced_key_comes_along_with_its_log(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (old, new) = (nodes.node(1).await, nodes.node(2).await);
    let ada = Ada::registered(&old, "ada").await;
    let rotation = ada.rotation(&old, &SecretKey::generate(&old.env)).await;
    assert_eq!(ada.send(&old, "rotate", &rotation).await.status, StatusCode::OK);
    // Without the log nobody knows why that key should count, and the signature has to be of the identity.
    assert_refused(&registered(&new, &ada.did, &ada.next).await, 401, "bad_signature");
    let unsigned = registration(&new, &ada.did, &ada.next).await;
    assert_refused(&new.post("/auth/api/register", &unsigned).await, 401, "bad_signature");
    shown(&old, &new, &ada).await;
    assert_refused(&new.post("/auth/api/register", &unsigned).await, 401, "bad_signature");
    let first = new.registration(&ada.phone, None).await;
    let refused = new.post("/auth/api/register", &first).await;
    assert_refused(&refused, 409, "conflict");
    assert!(refused.text.contains("was replaced"), "{refused:?}");
    let done = registered(&new, &ada.did, &ada.next).await;
    assert_eq!(
        (done.status, &done.json()["did"]),
        (StatusCode::CREATED, &json!(ada.did))
    );
    assert_eq!(
        new.session_did(&ada.login(&new, &ada.next).await).await,
        Some(ada.did.clone())
    );

    let said = word_of(&ada.did, &ada.next, &web_did(&old), &web_did(&new), &old);
    let moved = ada.request(&old, &ada.next, "POST", &path(&ada.did), Some(&said)).await;
    assert_eq!(moved.status, StatusCode::OK, "{moved:?}");
    // The old home follows the keys at the new one.
    let device = SecretKey::generate(&new.env);
    let state = ada.state(&new).await;
    let entry = EntryDraft::addition(&state, &device.public(), new.env_now());
    let entry = entry.sign(&[&ada.next]).unwrap();
    assert_eq!(ada.send(&new, "rotate", &entry).await.status, StatusCode::OK);
    let resolved = old.get(&format!("/1.0/identifiers/{}", ada.did), &[]).await.json();
    assert_eq!(
        resolved["didDocumentMetadata"]["versionId"],
        json!(entry.hash().unwrap()),
        "{resolved:#}"
    );
    assert_eq!(
        resolved["didDocument"]["service"][0]["serviceEndpoint"],
        json!(format!("{}/mjn", new.origin))
    );
    for world in [&old, &new] {
        assert_eq!(world.audit().await, []);
    }
    nodes.close().await;
}

async fn an_identity_that_has_ended_moves_nowhere(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (old, new) = (nodes.node(1).await, nodes.node(2).await);
    let ada = Ada::registered(&old, "ada").await;
    let entry = EntryDraft::deactivation(&ada.state(&old).await, old.env_now());
    let entry = entry.sign(&[&ada.phone, &ada.next]).unwrap();
    assert_eq!(ada.send(&old, "deactivate", &entry).await.status, StatusCode::OK);
    let said = word_of(&ada.did, &ada.phone, &web_did(&old), &web_did(&new), &old);
    let refused = ada
        .request(&old, &ada.phone, "POST", &path(&ada.did), Some(&said))
        .await;
    assert_refused(&refused, 410, "gone");
    shown(&old, &new, &ada).await;
    let body = new.registration(&ada.phone, None).await;
    assert_refused(&new.post("/auth/api/register", &body).await, 410, "gone");
    nodes.close().await;
}

/// Two entries after the first one, each with a receipt of the same moment.
fn forked(ada: &Ada, world: &World, witness: &Keyring) -> KeyLog {
    let state = ada.first.state().unwrap();
    let follow = |behind: &SecretKey| -> Entry {
        let keys = vec![ada.next.public()];
        let draft = EntryDraft::rotation(&state, keys, Some(hash(behind)), state.recovery, world.env_now());
        draft.sign(&[&ada.phone, &ada.next]).unwrap()
    };
    let behind = [(); 2].map(|()| SecretKey::generate(&world.env));
    let entries = vec![ada.first.clone(), follow(&behind[0]), follow(&behind[1])];
    let receipt = |entry| receipt_sign(witness.node_key(), witness.node_did().clone(), world.env_now(), entry);
    let receipts = entries.iter().map(|entry| receipt(entry).unwrap()).collect();
    KeyLog { entries, receipts }
}

async fn an_identity_that_is_contested_moves_nowhere(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (old, new) = (nodes.node(1).await, nodes.node(2).await);
    let ada = Ada::registered(&old, "ada").await;
    let witness = Keyring::generate(&old.env);
    let log = forked(&ada, &old, &witness);
    for world in [&old, &new] {
        let trusted = [witness.node_did().clone()];
        world.auth.mirror_store(log.clone(), None, &trusted).await.unwrap();
    }
    let said = word_of(&ada.did, &ada.phone, &web_did(&old), &web_did(&new), &old);
    let refused = ada
        .request(&old, &ada.phone, "POST", &path(&ada.did), Some(&said))
        .await;
    assert_refused(&refused, 409, "conflict");
    let body = new.registration(&ada.phone, None).await;
    let refused = new.post("/auth/api/register", &body).await;
    assert_refused(&refused, 409, "conflict");
    assert!(refused.text.contains("contradict each other"), "{refused:?}");
    nodes.close().await;
}

on_both! {
    who_visited_the_new_home_before_is_at_home_there_afterwards,
    homes_are_followed_one_after_the_other,
    nobody_has_two_homes,
    nobody_moves_to_a_node_that_is_blocked,
    a_replaced_key_comes_along_with_its_log,
    an_identity_that_has_ended_moves_nowhere,
    an_identity_that_is_contested_moves_nowhere,
}
