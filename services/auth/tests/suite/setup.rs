use axum::http::StatusCode;
use imajin_auth_api::{AuthApi, SetupStateRequest};
use imajin_did::SecretKey;
use imajin_testkit::Backend;
use serde_json::json;

use crate::world::{Reply, World, assert_refused};
use imajin_testkit::on_both;

const SETUP: &str = "/auth/api/setup";

async fn claim(world: &World, key: &SecretKey, token: &str) -> Reply {
    let body = json!({"token": token}).to_string();
    let signed = world.signed(key, "POST", SETUP, &body);
    world.send_signed(&signed, SETUP, &body).await
}

async fn the_token_makes_one_operator_once(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (world.registered("ada").await, world.registered("eve").await);
    let state = async |world: &World| world.auth.setup_state(SetupStateRequest {}).await.unwrap().operator;
    assert_eq!(state(&world).await, None);
    let token = world.auth.setup_token_issue().await.unwrap().unwrap();
    assert_eq!(token.len(), 64);
    let claimed = claim(&world, &ada, &token).await;
    assert_eq!(claimed.status, StatusCode::OK, "{claimed:?}");
    assert_eq!(claimed.json()["operator"], json!(ada.did()));
    assert_eq!(state(&world).await, Some(ada.did()));
    assert_refused(&claim(&world, &eve, &token).await, 409, "conflict");
    assert_refused(&claim(&world, &ada, &token).await, 409, "conflict");
    assert_eq!(world.auth.setup_token_issue().await.unwrap(), None);
    let world = world.restart().await;
    assert_eq!(state(&world).await, Some(ada.did()));
    let token = world.login(&ada).await;
    let session = world
        .get("/auth/api/session", &[("authorization", &format!("Bearer {token}"))])
        .await
        .json();
    assert_eq!(session["tier"], "operator");
    assert_eq!(world.audit().await, []);
}

async fn a_wrong_or_older_token_or_no_signature_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    assert_refused(&claim(&world, &ada, &"0".repeat(64)).await, 403, "forbidden");
    let older = world.auth.setup_token_issue().await.unwrap().unwrap();
    let newer = world.auth.setup_token_issue().await.unwrap().unwrap();
    assert_refused(&claim(&world, &ada, &older).await, 403, "forbidden");
    assert_refused(
        &world.post(SETUP, &json!({"token": newer})).await,
        401,
        "unauthenticated",
    );
    let cookie = format!("imajin_session={}", world.login(&ada).await);
    let with_cookie = world
        .post_from(SETUP, &[("cookie", &cookie)], &json!({"token": newer}))
        .await;
    assert_refused(&with_cookie, 401, "unauthenticated");
    let stranger = SecretKey::generate(&world.env);
    assert_refused(&claim(&world, &stranger, &newer).await, 403, "forbidden");
    assert_eq!(claim(&world, &ada, &newer).await.status, StatusCode::OK);
}

async fn two_at_once_make_one_operator(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (world.registered("ada").await, world.registered("eve").await);
    let token = world.auth.setup_token_issue().await.unwrap().unwrap();
    let (one, two) = tokio::join!(claim(&world, &ada, &token), claim(&world, &eve, &token));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
}

on_both! {
    the_token_makes_one_operator_once,
    a_wrong_or_older_token_or_no_signature_is_refused,
    two_at_once_make_one_operator,
}
