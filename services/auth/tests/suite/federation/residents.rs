//! A visitor registers here as well.

use imajin_did::SecretKey;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::pair::{Nodes, arrive, at_home, depart};
use crate::handles::handle_set;
use crate::oidc::ada;
use crate::world::{Reply, World, assert_refused};

async fn visit(visited: &World, home: &World, person: &crate::oidc::Person) -> Reply {
    let departed = depart(visited, home).await;
    let path = at_home(visited, home, person, &departed).await;
    arrive(visited, &path, &departed.cookie).await
}

async fn tier_of(visited: &World, arrived: &Reply) -> (String, serde_json::Value) {
    let token = arrived.cookie().split_once('=').unwrap().1.to_owned();
    let bearer = format!("Bearer {token}");
    let session = visited
        .get("/auth/api/session", &[("authorization", &bearer)])
        .await
        .json();
    (session["tier"].as_str().unwrap().to_owned(), session["handle"].clone())
}

async fn register(visited: &World, key: &SecretKey, handle: &str) -> Reply {
    visited
        .post("/auth/api/register", &visited.registration(key, Some(handle)).await)
        .await
}

async fn a_visitor_registers_here_and_stays_at_home(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let person = ada(&home).await;
    let key = person.key.clone().unwrap();
    let first = visit(&visited, &home, &person).await;
    assert_eq!(tier_of(&visited, &first).await.0, "visitor");
    // As a visitor they have no handle here.
    assert_refused(&handle_set(&visited, &key, Some("ada_there")).await, 403, "forbidden");

    let reply = register(&visited, &key, "ada_here").await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["created"].clone()),
        (201, json!(true)),
        "{reply:?}"
    );
    assert_eq!(reply.json()["did"], json!(key.did()));
    assert_eq!(tier_of(&visited, &first).await, ("key".to_owned(), json!("ada_here")));
    let again = register(&visited, &key, "ada_other").await;
    assert_eq!(
        (again.status.as_u16(), again.json()["created"].clone()),
        (200, json!(false))
    );
    visited.clock.advance(imajin_kernel::Span::days(8));
    let person = crate::oidc::Person {
        token: home.login(&key).await,
        key: Some(key.clone()),
    };
    assert_eq!(handle_set(&visited, &key, Some("ada_there")).await.status, 200);
    // Their own node still signs them in, and no other.
    assert_eq!(tier_of(&visited, &visit(&visited, &home, &person).await).await.0, "key");
    // Its home is where its keys are kept: no entry of a key log is taken here.
    let entry = imajin_key_log::EntryDraft::inception(&key.public(), None, None, visited.env.now())
        .sign(&[&key])
        .unwrap();
    let path = format!("/auth/api/identity/{}/log", key.did());
    let reply = visited.post(&path, &serde_json::to_value(&entry).unwrap()).await;
    assert_refused(&reply, 409, "conflict");
    for node in [&home, &visited] {
        assert_eq!(node.audit().await, []);
    }
    visited
        .execute("UPDATE identities SET custody = 'resident' WHERE custody = 'home'")
        .await;
    visited
        .execute("DELETE FROM mutation_log WHERE action = 'identity.settle'")
        .await;
    assert!(!visited.audit().await.is_empty());
    nodes.close().await;
}

async fn only_the_key_makes_a_resident_of_a_visitor(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let person = ada(&home).await;
    let arrived = visit(&visited, &home, &person).await;
    let eve = SecretKey::generate(&visited.env);
    let key = person.key.as_ref().unwrap();
    let mut body = visited.registration(key, Some("ada_here")).await;
    let text = visited.challenge(key.did().as_str()).await.1;
    body["signature"] = json!(eve.sign(text.as_bytes()).to_hex());
    assert_refused(&visited.post("/auth/api/register", &body).await, 401, "bad_signature");
    let taken = visited.registered("ada_here").await;
    assert_refused(&register(&visited, key, "ada_here").await, 409, "conflict");
    assert_ne!(taken.did(), key.did());
    assert_eq!(tier_of(&visited, &arrived).await.0, "visitor");
    assert_eq!(visited.audit().await, []);
    nodes.close().await;
}

on_both! {
    a_visitor_registers_here_and_stays_at_home,
    only_the_key_makes_a_resident_of_a_visitor,
}
