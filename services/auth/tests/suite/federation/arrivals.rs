//! What the visited node refuses to believe.

use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};

use super::pair::{Forger, Nodes, arrive, at_home, claims, depart, message, web_did};
use crate::oidc::{Person, ada};
use crate::world::{World, assert_refused};

struct Scene {
    nodes: Nodes,
    home: World,
    visited: World,
    person: Person,
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let nodes = Nodes::new(backend);
        let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
        let person = ada(&home).await;
        Self {
            nodes,
            home,
            visited,
            person,
        }
    }

    /// Somebody has left, and the answer can be made up: with the cookie that waits for it.
    async fn forger(&self) -> (Forger<'_>, String) {
        let departed = depart(&self.visited, &self.home).await;
        let forger = Forger {
            visited: &self.visited,
            home: &self.home,
            person: &self.person,
            nonce: claims(&departed.request)["nonce"].as_str().unwrap().to_owned(),
        };
        (forger, departed.cookie)
    }
}

async fn a_statement_counts_once(backend: Backend) {
    let scene = Scene::new(backend).await;
    let departed = depart(&scene.visited, &scene.home).await;
    let path = at_home(&scene.visited, &scene.home, &scene.person, &departed).await;
    let first = arrive(&scene.visited, &path, &departed.cookie).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{first:?}");
    assert_refused(&arrive(&scene.visited, &path, &departed.cookie).await, 401, "replayed");
    let visited = scene.visited;
    assert_refused(
        &arrive(&visited.restart().await, &path, &departed.cookie).await,
        401,
        "replayed",
    );
    scene.nodes.close().await;
}

async fn a_statement_for_another_node_is_refused(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (forger, cookie) = scene.forger().await;
    let mut standard = forger.standard();
    standard.aud = "did:web:other.example".to_owned();
    let path = forger.path(&standard, &forger.statement());
    assert_refused(&arrive(&scene.visited, &path, &cookie).await, 401, "bad_signature");
    scene.nodes.close().await;
}

async fn an_expired_statement_is_refused(backend: Backend) {
    let scene = Scene::new(backend).await;
    let departed = depart(&scene.visited, &scene.home).await;
    let path = at_home(&scene.visited, &scene.home, &scene.person, &departed).await;
    scene.nodes.clock.advance(Span::minutes(5));
    assert_refused(
        &arrive(&scene.visited, &path, &departed.cookie).await,
        401,
        "bad_signature",
    );
    scene.nodes.close().await;
}

async fn a_statement_that_counts_for_longer_is_refused(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (forger, cookie) = scene.forger().await;
    let mut standard = forger.standard();
    standard.exp = standard.iat.plus(Span::minutes(6));
    let path = forger.path(&standard, &forger.statement());
    assert_refused(&arrive(&scene.visited, &path, &cookie).await, 401, "bad_signature");
    scene.nodes.close().await;
}

async fn a_statement_by_another_nodes_key_is_refused(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (forger, cookie) = scene.forger().await;
    let other = SecretKey::generate(&scene.home.env);
    let path = Forger::path_by(&other, &forger.standard(), &forger.statement());
    assert_refused(&arrive(&scene.visited, &path, &cookie).await, 401, "bad_signature");
    // Another node in its own name: this browser has set out for somewhere else.
    let third = scene.nodes.node(3).await;
    let mut standard = forger.standard();
    standard.iss = web_did(&third).to_string();
    let path = Forger::path_by(third.keyring.node_key(), &standard, &forger.statement());
    assert_refused(&arrive(&scene.visited, &path, &cookie).await, 401, "bad_signature");
    scene.nodes.close().await;
}

async fn a_home_cannot_vouch_for_somebody_who_has_not_signed(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (forger, cookie) = scene.forger().await;
    let victim = SecretKey::generate(&scene.home.env).did();
    let mut standard = forger.standard();
    standard.sub = victim.to_string();
    let path = forger.path(&standard, &forger.statement());
    assert_refused(&arrive(&scene.visited, &path, &cookie).await, 401, "bad_signature");
    let mut lying = forger.statement();
    lying.message.from = victim;
    let path = forger.path(&standard, &lying);
    assert_refused(&arrive(&scene.visited, &path, &cookie).await, 401, "bad_signature");
    scene.nodes.close().await;
}

async fn a_message_about_another_sign_in_is_refused(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (forger, cookie) = scene.forger().await;
    let key = scene.person.key.as_ref().unwrap();
    let (visited, home) = (web_did(&scene.visited), web_did(&scene.home));
    let other = "did:web:other.example".parse().unwrap();
    for wrong in [
        message(key, &other, &home, &forger.nonce, &scene.home),
        message(key, &visited, &other, &forger.nonce, &scene.home),
        message(key, &visited, &home, "another", &scene.home),
    ] {
        let mut statement = forger.statement();
        statement.message = wrong;
        let path = forger.path(&forger.standard(), &statement);
        assert_refused(&arrive(&scene.visited, &path, &cookie).await, 401, "bad_signature");
    }
    let mut statement = forger.statement();
    statement.nonce = "another".to_owned();
    let path = forger.path(&forger.standard(), &statement);
    assert_refused(&arrive(&scene.visited, &path, &cookie).await, 401, "bad_signature");
    scene.nodes.close().await;
}

async fn another_browser_cannot_use_a_statement(backend: Backend) {
    let scene = Scene::new(backend).await;
    let departed = depart(&scene.visited, &scene.home).await;
    let path = at_home(&scene.visited, &scene.home, &scene.person, &departed).await;
    assert_refused(&arrive(&scene.visited, &path, "").await, 401, "unauthenticated");
    let other = depart(&scene.visited, &scene.home).await;
    assert_refused(
        &arrive(&scene.visited, &path, &other.cookie).await,
        401,
        "bad_signature",
    );
    let forged = "__Host-imajin_visit=AAAA";
    assert_refused(&arrive(&scene.visited, &path, forged).await, 401, "unauthenticated");
    scene.nodes.close().await;
}

async fn a_token_of_another_kind_is_no_statement(backend: Backend) {
    let scene = Scene::new(backend).await;
    let departed = depart(&scene.visited, &scene.home).await;
    for other in [departed.request.as_str(), scene.person.token.as_str(), "nonsense"] {
        let path = format!("/auth/federation/callback?statement={other}");
        assert_refused(
            &arrive(&scene.visited, &path, &departed.cookie).await,
            401,
            "bad_signature",
        );
    }
    // And a statement is no session, at either node.
    let path = at_home(&scene.visited, &scene.home, &scene.person, &departed).await;
    let statement = super::pair::statement_of(&path);
    assert_eq!(scene.home.session_did(&statement).await, None);
    assert_eq!(scene.visited.session_did(&statement).await, None);
    scene.nodes.close().await;
}

async fn somebody_comes_from_their_first_home_only(backend: Backend) {
    let scene = Scene::new(backend).await;
    let departed = depart(&scene.visited, &scene.home).await;
    let path = at_home(&scene.visited, &scene.home, &scene.person, &departed).await;
    arrive(&scene.visited, &path, &departed.cookie).await;
    // A thief of the key makes another node vouch for it.
    let third = scene.nodes.node(3).await;
    let departed = depart(&scene.visited, &third).await;
    let forger = Forger {
        visited: &scene.visited,
        home: &third,
        person: &scene.person,
        nonce: claims(&departed.request)["nonce"].as_str().unwrap().to_owned(),
    };
    let path = forger.path(&forger.standard(), &forger.statement());
    assert_refused(&arrive(&scene.visited, &path, &departed.cookie).await, 403, "forbidden");
    scene.nodes.close().await;
}

async fn whoever_is_registered_here_signs_in_with_the_key(backend: Backend) {
    let scene = Scene::new(backend).await;
    let key = scene.person.key.as_ref().unwrap();
    let body = scene.visited.registration(key, Some("ada")).await;
    assert_eq!(
        scene.visited.post("/auth/api/register", &body).await.status,
        StatusCode::CREATED
    );
    let departed = depart(&scene.visited, &scene.home).await;
    let path = at_home(&scene.visited, &scene.home, &scene.person, &departed).await;
    assert_refused(&arrive(&scene.visited, &path, &departed.cookie).await, 403, "forbidden");
    scene.nodes.close().await;
}

on_both! {
    a_statement_counts_once,
    a_statement_for_another_node_is_refused,
    an_expired_statement_is_refused,
    a_statement_that_counts_for_longer_is_refused,
    a_statement_by_another_nodes_key_is_refused,
    a_home_cannot_vouch_for_somebody_who_has_not_signed,
    a_message_about_another_sign_in_is_refused,
    another_browser_cannot_use_a_statement,
    a_token_of_another_kind_is_no_statement,
    somebody_comes_from_their_first_home_only,
    whoever_is_registered_here_signs_in_with_the_key,
}
