//! What a home refuses to be asked.

use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_proof::token::{Standard, TokenKind, issue, key_id};
use imajin_testkit::{Backend, on_both};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::pair::{Nodes, allow, claims, depart, message, web_did};
use crate::oidc::{Person, ada};
use crate::world::{Reply, World, assert_refused};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    nonce: String,
    return_to: String,
}

impl TokenKind for Request {
    const TYP: &'static str = "login-request+jwt";
}

fn standard(visited: &World, home: &World) -> Standard {
    let now = visited.env.now();
    Standard {
        iss: web_did(visited).to_string(),
        aud: web_did(home).to_string(),
        sub: web_did(visited).to_string(),
        jti: "1".to_owned(),
        iat: now,
        exp: now.plus(Span::minutes(10)),
    }
}

fn request(visited: &World) -> Request {
    Request {
        nonce: "n".to_owned(),
        return_to: format!("{}/auth/federation/callback", visited.origin),
    }
}

async fn ask(home: &World, person: &Person, key: &SecretKey, standard: &Standard, request: &Request) -> Reply {
    let token = issue(key, &key_id(&key.public()), standard, request).unwrap();
    person
        .open(home, &format!("/auth/federation/authorize?request={token}"))
        .await
}

async fn a_request_that_was_not_signed_by_who_asks_is_refused(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let person = ada(&home).await;
    let (standard, request) = (standard(&visited, &home), request(&visited));
    let good = ask(&home, &person, visited.keyring.node_key(), &standard, &request).await;
    assert_eq!(good.status, axum::http::StatusCode::OK, "{good:?}");
    let other = SecretKey::generate(&visited.env);
    let bad = ask(&home, &person, &other, &standard, &request).await;
    assert_refused(&bad, 401, "bad_signature");
    nodes.close().await;
}

async fn a_request_to_another_home_or_an_old_one_is_refused(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let person = ada(&home).await;
    let key = visited.keyring.node_key();
    let mut wrong = standard(&visited, &home);
    wrong.aud = "did:web:other.example".to_owned();
    assert_refused(
        &ask(&home, &person, key, &wrong, &request(&visited)).await,
        401,
        "bad_signature",
    );
    let departed = depart(&visited, &home).await;
    nodes.clock.advance(Span::minutes(10));
    let person = Person {
        token: home.login(person.key.as_ref().unwrap()).await,
        key: person.key,
    };
    assert_refused(&person.open(&home, &departed.path).await, 401, "bad_signature");
    nodes.close().await;
}

async fn an_answer_goes_to_nobody_but_who_asks(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let person = ada(&home).await;
    for elsewhere in [
        "https://evil.example/".to_owned(),
        home.origin.clone(),
        format!("{}.evil.example/", visited.origin),
        format!("{}/x?y=1", visited.origin),
        "javascript:alert(1)".to_owned(),
    ] {
        let request = Request {
            return_to: elsewhere.clone(),
            ..request(&visited)
        };
        let reply = ask(
            &home,
            &person,
            visited.keyring.node_key(),
            &standard(&visited, &home),
            &request,
        )
        .await;
        assert_refused(&reply, 400, "invalid_request");
    }
    nodes.close().await;
}

async fn a_yes_needs_both_signatures_by_who_is_signed_in(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let person = ada(&home).await;
    let departed = depart(&visited, &home).await;
    let nonce = claims(&departed.request)["nonce"].as_str().unwrap().to_owned();
    let key = person.key.clone().unwrap();
    let (visited_did, home_did) = (web_did(&visited), web_did(&home));
    let good = message(&key, &visited_did, &home_did, &nonce, &home);
    let body = json!({"request": departed.request, "message": good});
    // A cookie alone.
    let cookie = person.cookie();
    let headers = [("cookie", cookie.as_str()), ("origin", home.origin.as_str())];
    let reply = home.post_from("/auth/api/federation/allow", &headers, &body).await;
    assert_refused(&reply, 401, "unauthenticated");
    // Signed by somebody else than who is signed in.
    let eve = home.registered("eve").await;
    let mixed = Person {
        key: Some(eve.clone()),
        token: person.token.clone(),
    };
    assert_refused(&allow(&home, &mixed, &body).await, 400, "invalid_request");
    // Somebody else's message, or one about something else.
    let by_eve = message(&eve, &visited_did, &home_did, &nonce, &home);
    let bad = json!({"request": departed.request, "message": by_eve});
    assert_refused(&allow(&home, &person, &bad).await, 401, "bad_signature");
    let other = message(&key, &visited_did, &home_did, "another", &home);
    let bad = json!({"request": departed.request, "message": other});
    assert_refused(&allow(&home, &person, &bad).await, 400, "invalid_request");
    assert!(allow(&home, &person, &body).await.status.is_success());
    nodes.close().await;
}

on_both! {
    a_request_that_was_not_signed_by_who_asks_is_refused,
    a_request_to_another_home_or_an_old_one_is_refused,
    an_answer_goes_to_nobody_but_who_asks,
    a_yes_needs_both_signatures_by_who_is_signed_in,
}
