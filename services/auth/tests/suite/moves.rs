//! Somebody moves from one node to another, and is known at a third.

use axum::http::StatusCode;
use imajin_did::{Did, SecretKey};
use imajin_proof::SignedMessage;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::federation::pair::{Nodes, arrive, at_home, claims, depart, message, web_did};
use crate::oidc::{Person, ada, signed};
use crate::world::{Reply, World, assert_refused};

/// What somebody signs to move.
fn word(key: &SecretKey, from: &Did, to: &Did, world: &World) -> Value {
    word_of(&key.did(), key, from, to, world)
}

/// The same, with any key of an identity.
pub(crate) fn word_of(did: &Did, key: &SecretKey, from: &Did, to: &Did, world: &World) -> Value {
    let payload = json!({"from": from, "to": to});
    let message = SignedMessage::sign(key, did.clone(), "move", None, world.env.now(), payload).unwrap();
    serde_json::to_value(message).unwrap()
}

pub(crate) fn path(did: &Did) -> String {
    format!("/auth/api/identity/{did}/move")
}

pub(crate) async fn moves(from: &World, key: &SecretKey, to: &Did) -> Reply {
    let word = word(key, &web_did(from), to, from);
    signed(from, key, "POST", &path(&key.did()), &word).await
}

pub(crate) async fn visit(visited: &World, home: &World, key: &SecretKey) -> Reply {
    let person = Person {
        token: home.login(key).await,
        key: Some(key.clone()),
    };
    let departed = depart(visited, home).await;
    let back = at_home(visited, home, &person, &departed).await;
    arrive(visited, &back, &departed.cookie).await
}

pub(crate) async fn register(world: &World, key: &SecretKey) {
    let body = world.registration(key, Some("ada_moved")).await;
    assert_eq!(
        world.post("/auth/api/register", &body).await.status,
        StatusCode::CREATED
    );
}

/// Somebody who is at home at a node of a test's own, and one who came back.
pub(crate) async fn fill(world: &World) {
    let nodes = Nodes::new(Backend::Sqlite);
    let elsewhere = nodes.node(6).await;
    let key = world.registered("mover").await;
    register(&elsewhere, &key).await;
    let own: Did = "did:web:localhost%3A7000".parse().unwrap();
    let said = word(&key, &own, &web_did(&elsewhere), world);
    let moved = signed(world, &key, "POST", &path(&key.did()), &said).await;
    assert_eq!(moved.status, StatusCode::OK, "{moved:?}");
    nodes.close().await;
}

async fn who_moves_is_found_at_the_new_home_and_let_in_from_there(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (old, new, visited) = (nodes.node(1).await, nodes.node(2).await, nodes.node(3).await);
    let key = ada(&old).await.key.unwrap();
    assert_eq!(visit(&visited, &old, &key).await.status, StatusCode::SEE_OTHER);
    register(&new, &key).await;
    // Registered elsewhere is not moved: whoever stole the key could have done that.
    assert_refused(&visit(&visited, &new, &key).await, 403, "forbidden");
    let moved = moves(&old, &key, &web_did(&new)).await;
    assert_eq!(
        (moved.status, moved.json()["url"].clone()),
        (StatusCode::OK, json!(new.origin)),
        "{moved:?}"
    );

    let told = old.get(&path(&key.did()), &[]).await.json();
    assert_eq!(
        (&told["to"], &told["message"]["from"]),
        (&json!(web_did(&new)), &json!(key.did()))
    );
    let endpoint = format!("{}/mjn", new.origin);
    let document = old
        .get(&format!("/auth/api/identity/{}/did.json", key.did()), &[])
        .await
        .json();
    assert_eq!(
        document["service"][0]["serviceEndpoint"],
        json!(endpoint),
        "{document:#}"
    );
    let resolved = old.get(&format!("/1.0/identifiers/{}", key.did()), &[]).await.json();
    assert_eq!(
        resolved["didDocument"]["service"][0]["serviceEndpoint"],
        json!(endpoint)
    );
    // The old home signs nobody in elsewhere any more, and says where to go.
    let departed = depart(&visited, &old).await;
    let nonce = claims(&departed.request)["nonce"].as_str().unwrap().to_owned();
    let said = message(&key, &web_did(&visited), &web_did(&old), &nonce, &old);
    let person = Person {
        token: old.login(&key).await,
        key: Some(key.clone()),
    };
    let body = json!({"request": departed.request, "message": said});
    let refused = crate::federation::pair::allow(&old, &person, &body).await;
    assert_refused(&refused, 409, "conflict");
    assert!(refused.text.contains(&new.origin), "{refused:?}");
    // Where they were known, they come from the new home now, and go on being who they were.
    assert_eq!(visit(&visited, &new, &key).await.status, StatusCode::SEE_OTHER);
    assert_eq!(visit(&visited, &new, &key).await.status, StatusCode::SEE_OTHER);

    // And back again.
    assert_eq!(moves(&old, &key, &web_did(&old)).await.status, StatusCode::OK);
    assert_refused(&old.get(&path(&key.did()), &[]).await, 404, "not_found");
    assert_refused(&visit(&visited, &old, &key).await, 403, "forbidden");
    assert_eq!(moves(&new, &key, &web_did(&old)).await.status, StatusCode::OK);
    assert_eq!(visit(&visited, &old, &key).await.status, StatusCode::SEE_OTHER);
    for world in [&old, &new, &visited] {
        assert_eq!(world.audit().await, []);
    }
    nodes.close().await;
}

async fn nobody_is_moved_by_others_or_to_nowhere(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (old, new) = (nodes.node(1).await, nodes.node(2).await);
    let (key, eve) = (ada(&old).await.key.unwrap(), old.registered("eve").await);
    let (from, to) = (web_did(&old), web_did(&new));
    let send = async |signer: &SecretKey, did: &Did, word: &Value| signed(&old, signer, "POST", &path(did), word).await;
    assert_refused(&moves(&old, &key, &to).await, 409, "conflict");
    register(&new, &key).await;
    let own = word(&key, &from, &to, &old);
    assert_refused(&send(&eve, &key.did(), &own).await, 403, "forbidden");
    assert_refused(&send(&eve, &eve.did(), &own).await, 403, "forbidden");
    let mut forged = word(&eve, &from, &to, &old);
    forged["from"] = json!(key.did());
    assert_refused(&send(&key, &key.did(), &forged).await, 401, "bad_signature");
    let mut changed = own.clone();
    changed["payload"]["to"] = json!("did:web:evil.example");
    assert_ne!(send(&key, &key.did(), &changed).await.status, StatusCode::OK);
    let about_another = word(&key, &to, &from, &old);
    assert_refused(&send(&key, &key.did(), &about_another).await, 400, "invalid_request");
    let nobody: Did = "did:web:localhost%3A1".parse().unwrap();
    assert_refused(&moves(&old, &key, &nobody).await, 503, "unavailable");
    assert_refused(
        &send(&key, &key.did(), &json!({"to": to})).await,
        400,
        "invalid_request",
    );
    // A word that is older than five minutes moves nobody.
    old.clock.advance(imajin_kernel::Span::minutes(6));
    assert_refused(&send(&key, &key.did(), &own).await, 401, "stale_signature");
    // Whoever is a guest moves from home.
    let guest = ada(&new).await.key.unwrap();
    visit(&old, &new, &guest).await;
    let word = word(&guest, &from, &to, &old);
    assert_refused(&send(&guest, &guest.did(), &word).await, 403, "forbidden");
    assert_refused(&old.get(&path(&key.did()), &[]).await, 404, "not_found");
    assert_eq!(old.audit().await, []);
    nodes.close().await;
}

on_both! {
    who_moves_is_found_at_the_new_home_and_let_in_from_there,
    nobody_is_moved_by_others_or_to_nowhere,
}
