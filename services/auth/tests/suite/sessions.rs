use axum::http::{Method, StatusCode};
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_proof::SignedMessage;
use imajin_proof::token::{self, Standard, TokenKind};
use imajin_testkit::Backend;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::world::{ORIGIN, World, assert_refused};
use imajin_testkit::on_both;

const SESSION: &str = "/auth/api/session";
const LOGOUT: &str = "/auth/api/logout";

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

async fn sessions_of(world: &World, token: &str) -> Vec<Value> {
    let reply = world
        .get("/auth/api/sessions", &[("authorization", &bearer(token))])
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply.json()["sessions"].as_array().unwrap().clone()
}

async fn without_a_session_nobody_is_logged_in(backend: Backend) {
    let world = World::new(backend).await;
    assert_refused(&world.get(SESSION, &[]).await, 401, "unauthenticated");
    assert_refused(&world.get("/auth/api/sessions", &[]).await, 401, "unauthenticated");
    for token in ["", "x", "a.b.c", "🦀"] {
        assert_eq!(world.session_did(token).await, None);
    }
}

async fn a_session_outlives_a_restart_and_ends_after_a_day(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let token = world.login(&key).await;
    let world = world.restart().await;
    world.clock.advance(Span::hours(23));
    assert_eq!(world.session_did(&token).await, Some(key.did()));
    world.clock.advance(Span::hours(1));
    assert_eq!(world.session_did(&token).await, None);
    assert!(world.auth.purge_expired().await.unwrap() > 0);
    assert_eq!(world.audit().await, []);
}

async fn a_session_after_logout_is_worth_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let (token, other) = (world.login(&key).await, world.login(&key).await);
    let reply = world
        .send(Method::POST, LOGOUT, &[("authorization", &bearer(&token))], "")
        .await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{reply:?}");
    assert_eq!(
        reply.headers.get_all("set-cookie").iter().count(),
        2,
        "both cookies are taken away"
    );
    assert_eq!(world.session_did(&token).await, None);
    assert_eq!(world.session_did(&other).await, Some(key.did()), "the other one lives");
    let world = world.restart().await;
    assert_eq!(world.session_did(&token).await, None);
    let validated = world.post("/auth/api/validate", &json!({"token": token})).await.json();
    assert_eq!(validated["valid"], false);
}

async fn a_cookie_with_a_cross_site_origin_ends_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let token = world.login(&key).await;
    let cookie = format!("__Host-imajin_session={token}");
    let foreign: [&[(&str, &str)]; 4] = [
        &[("cookie", &cookie), ("origin", "https://elsewhere.example")],
        &[
            ("cookie", &cookie),
            ("origin", "http://sibling.localhost:7000"),
            ("sec-fetch-site", "same-site"),
        ],
        &[
            ("cookie", &cookie),
            ("origin", ORIGIN),
            ("sec-fetch-site", "cross-site"),
        ],
        &[("cookie", &cookie)],
    ];
    for headers in foreign {
        assert_refused(&world.send(Method::POST, LOGOUT, headers, "").await, 403, "cross_site");
    }
    assert_eq!(world.session_did(&token).await, Some(key.did()));
    let own = [
        ("cookie", cookie.as_str()),
        ("sec-fetch-site", "same-origin"),
        ("accept", "text/html,*/*"),
    ];
    let form = world.send(Method::POST, LOGOUT, &own, "").await;
    assert_eq!((form.status, form.header("location")), (StatusCode::SEE_OTHER, "/"));
    assert_eq!(world.session_did(&token).await, None);
}

async fn sessions_are_listed_and_ended_by_signature_only(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (world.registered("ada").await, world.registered("eve").await);
    let (first, second) = (world.login(&ada).await, world.login(&ada).await);
    let list = sessions_of(&world, &second).await;
    assert_eq!(list.len(), 3, "the registration opened one, too");
    assert_eq!(list.iter().filter(|item| item["current"] == true).count(), 1);
    let oldest_first: Vec<&Value> = list.iter().rev().collect();
    let id = oldest_first[1]["id"].as_str().unwrap();
    let path = format!("/auth/api/sessions/{id}");
    let cookie_only = [("cookie", format!("imajin_session={second}"))];
    let cookie_only: Vec<(&str, &str)> = cookie_only
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_refused(
        &world.send(Method::DELETE, &path, &cookie_only, "").await,
        401,
        "unauthenticated",
    );
    let by_eve = world.signed(&eve, "DELETE", &path, "");
    assert_refused(&world.send_signed(&by_eve, &path, "").await, 404, "not_found");
    assert_eq!(world.session_did(&first).await, Some(ada.did()));
    let by_ada = world.signed(&ada, "DELETE", &path, "");
    assert_eq!(
        world.send_signed(&by_ada, &path, "").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(world.session_did(&first).await, None);
    assert_eq!(sessions_of(&world, &second).await.len(), 2);
    assert_eq!(world.audit().await, []);
}

async fn a_replayed_or_changed_signature_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    let token = world.login(&ada).await;
    let list = sessions_of(&world, &token).await;
    let paths: Vec<String> = list
        .iter()
        .map(|item| format!("/auth/api/sessions/{}", item["id"].as_str().unwrap()))
        .collect();
    let signed = world.signed(&ada, "DELETE", &paths[1], "");
    assert_refused(&world.send_signed(&signed, &paths[0], "").await, 401, "bad_signature");
    assert_refused(&world.send_signed(&signed, &paths[1], "{}").await, 401, "bad_signature");
    assert_eq!(
        world.send_signed(&signed, &paths[1], "").await.status,
        StatusCode::NO_CONTENT
    );
    assert_refused(&world.send_signed(&signed, &paths[1], "").await, 401, "replayed");
    let world = world.restart().await;
    assert_refused(&world.send_signed(&signed, &paths[1], "").await, 401, "replayed");
    world.clock.advance(Span::minutes(6));
    assert_refused(&world.send_signed(&signed, &paths[1], "").await, 401, "stale_signature");
    world.auth.purge_expired().await.unwrap();
    assert_refused(&world.send_signed(&signed, &paths[1], "").await, 401, "stale_signature");
}

#[derive(Serialize, Deserialize)]
struct ReceiptClaims {}

impl TokenKind for ReceiptClaims {
    const TYP: &'static str = "receipt+jwt";
}

#[derive(Serialize, Deserialize)]
struct ForgedClaims {}

impl TokenKind for ForgedClaims {
    const TYP: &'static str = "session+jwt";
}

async fn a_token_of_another_kind_or_key_is_no_session(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let id = sessions_of(&world, &world.login(&key).await).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let standard = Standard {
        iss: format!("{ORIGIN}/auth"),
        aud: ORIGIN.to_owned(),
        sub: key.did().to_string(),
        jti: id,
        iat: world.env.now(),
        exp: world.env.now().plus(Span::hours(1)),
    };
    let (node, node_kid) = (world.keyring.node_key(), token::key_id(&world.keyring.node_public()));
    let receipt = token::issue(node, &node_kid, &standard, &ReceiptClaims {}).unwrap();
    let by_node = token::issue(node, &node_kid, &standard, &ForgedClaims {}).unwrap();
    let jwks = world.get("/.well-known/jwks.json", &[]).await.json();
    let session_kid = jwks["keys"][0]["kid"].as_str().unwrap();
    let forged = token::issue(
        &SecretKey::generate(&world.env),
        session_kid,
        &standard,
        &ForgedClaims {},
    )
    .unwrap();
    for token in [receipt, by_node, forged] {
        assert_eq!(world.session_did(&token).await, None);
        let validated = world.post("/auth/api/validate", &json!({"token": token})).await;
        assert_eq!(
            (validated.status, &validated.json()["valid"]),
            (StatusCode::OK, &json!(false))
        );
    }
}

async fn a_living_token_validates(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let token = world.login(&key).await;
    let answer = world.post("/auth/api/validate", &json!({"token": token})).await.json();
    assert_eq!(answer["valid"], true);
    assert_eq!(answer["identity"]["did"], json!(key.did()));
    assert!(answer.get("error").is_none());
}

async fn a_signed_message_is_checked_against_its_signer(backend: Backend) {
    let world = World::new(backend).await;
    let (key, stranger) = (world.registered("ada").await, SecretKey::generate(&world.env));
    let verify = async |message: &Value, kind: Option<&str>| {
        let reply = world
            .post("/auth/api/verify", &json!({"message": message, "type": kind}))
            .await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        reply.json()
    };
    let message = SignedMessage::sign(&key, key.did(), "human", None, world.env.now(), json!({"a": 1})).unwrap();
    let message = serde_json::to_value(message).unwrap();
    let answer = verify(&message, None).await;
    assert_eq!((&answer["valid"], &answer["fresh"]), (&json!(true), &json!(true)));
    assert_eq!(answer["identity"]["handle"], "ada");
    assert_eq!(
        verify(&message, Some("ticket")).await["valid"],
        false,
        "another type than expected"
    );
    let mut changed = message.clone();
    changed["payload"]["a"] = json!(2);
    assert_eq!(verify(&changed, None).await["valid"], false);
    assert_eq!(
        verify(&json!({"from": "did:email:a_at_b.org"}), None).await["valid"],
        false
    );
    let by_stranger =
        SignedMessage::sign(&stranger, stranger.did(), "human", None, world.env.now(), json!({})).unwrap();
    let answer = verify(&serde_json::to_value(by_stranger).unwrap(), None).await;
    assert_eq!((&answer["valid"], answer.get("identity")), (&json!(true), None));
    world.clock.advance(Span::minutes(6));
    let answer = verify(&message, None).await;
    assert_eq!(
        (&answer["valid"], &answer["fresh"]),
        (&json!(true), &json!(false)),
        "a document may be old"
    );
}

async fn too_many_sessions_end_the_oldest(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let first = world.login(&key).await;
    world.clock.advance(Span::seconds(1));
    for _ in 0..99 {
        world.login(&key).await;
    }
    assert_eq!(world.session_did(&first).await, Some(key.did()));
    let last = world.login(&key).await;
    assert_eq!(world.session_did(&first).await, None);
    assert_eq!(sessions_of(&world, &last).await.len(), 100);
}

on_both! {
    without_a_session_nobody_is_logged_in,
    a_session_outlives_a_restart_and_ends_after_a_day,
    a_session_after_logout_is_worth_nothing,
    a_cookie_with_a_cross_site_origin_ends_nothing,
    sessions_are_listed_and_ended_by_signature_only,
    a_replayed_or_changed_signature_is_refused,
    a_token_of_another_kind_or_key_is_no_session,
    a_living_token_validates,
    a_signed_message_is_checked_against_its_signer,
    too_many_sessions_end_the_oldest,
}
