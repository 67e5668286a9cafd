//! Taking, changing and giving up a handle.

use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{Reply, World, assert_refused};

const PATH: &str = "/auth/api/identity/handle";

pub(crate) async fn handle_set(world: &World, key: &SecretKey, handle: Option<&str>) -> Reply {
    let body = json!({"handle": handle}).to_string();
    let signed = world.signed(key, "PUT", PATH, &body);
    world.send_signed(&signed, PATH, &body).await
}

async fn did_of(world: &World, handle: &str) -> Option<String> {
    let reply = world.get(&format!("/auth/api/lookup/{handle}"), &[]).await;
    (reply.status == 200).then(|| reply.json()["did"].as_str().unwrap().to_owned())
}

/// Somebody without a handle.
async fn nameless(world: &World) -> SecretKey {
    let key = SecretKey::generate(&world.env);
    let reply = world
        .post("/auth/api/register", &world.registration(&key, None).await)
        .await;
    assert_eq!(reply.status, 201, "{reply:?}");
    key
}

async fn a_handle_can_be_claimed_changed_and_given_up(backend: Backend) {
    let world = World::new(backend).await;
    let ada = nameless(&world).await;
    let did = ada.did().to_string();
    let reply = handle_set(&world, &ada, Some("Ada_Lovelace")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["handle"].clone()),
        (200, json!("ada_lovelace"))
    );
    assert_eq!(did_of(&world, "ada_lovelace").await.as_ref(), Some(&did));

    world.clock.advance(Span::days(8));
    let reply = handle_set(&world, &ada, Some("countess")).await;
    assert_eq!(reply.json()["handle"], "countess", "{reply:?}");
    assert_eq!(did_of(&world, "countess").await, Some(did));
    assert_eq!(did_of(&world, "ada_lovelace").await, None);

    world.clock.advance(Span::days(8));
    assert_eq!(handle_set(&world, &ada, None).await.json()["handle"], Value::Null);
    assert_eq!(did_of(&world, "countess").await, None);
    let world = world.restart().await;
    assert_eq!(world.audit().await, []);
}

async fn an_old_handle_is_told_from_an_unknown_one_by_nobody(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    assert_eq!(handle_set(&world, &ada, Some("countess")).await.status, 200);
    let (old, unknown) = (
        world.get("/auth/api/lookup/ada", &[]).await,
        world.get("/auth/api/lookup/bob", &[]).await,
    );
    let said = |reply: &Reply| {
        (
            reply.status,
            reply.json()["detail"].clone(),
            reply.json()["code"].clone(),
        )
    };
    assert_eq!(said(&old), said(&unknown));
    let length = |reply: &Reply| reply.json()["challenge"].as_str().unwrap().len();
    let (old, unknown) = (
        world.post("/auth/api/login/challenge", &json!({"handle": "ada"})).await,
        world.post("/auth/api/login/challenge", &json!({"handle": "bob"})).await,
    );
    assert_eq!(length(&old), length(&unknown));
}

async fn a_handle_that_was_given_up_waits_for_its_owner(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (world.registered("ada").await, world.registered("eve").await);
    assert_eq!(handle_set(&world, &ada, Some("countess")).await.status, 200);
    for _day in 0..9 {
        assert_refused(&handle_set(&world, &eve, Some("ada")).await, 409, "conflict");
        world.clock.advance(Span::days(9));
    }
    let newcomer = SecretKey::generate(&world.env);
    let body = world.registration(&newcomer, Some("ada")).await;
    assert_refused(&world.post("/auth/api/register", &body).await, 409, "conflict");
    assert_eq!(
        handle_set(&world, &ada, Some("ada")).await.status,
        200,
        "its owner takes it back"
    );
    assert_eq!(did_of(&world, "ada").await, Some(ada.did().to_string()));
    assert_refused(&handle_set(&world, &eve, Some("countess")).await, 409, "conflict");
    world.clock.advance(Span::days(91));
    assert_eq!(handle_set(&world, &eve, Some("countess")).await.status, 200);
    assert_eq!(world.audit().await, []);
}

async fn a_handle_that_looks_like_anothers_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (_ada, eve) = (world.registered("ada_lovelace").await, nameless(&world).await);
    for alike in [
        "ada_lovelace",
        "adalovelace",
        "ada1ove1ace",
        "ada_l0velace",
        "a_d_a_lovelace",
    ] {
        assert_refused(&handle_set(&world, &eve, Some(alike)).await, 409, "conflict");
        let body = world.registration(&SecretKey::generate(&world.env), Some(alike)).await;
        assert_refused(&world.post("/auth/api/register", &body).await, 409, "conflict");
    }
    for bad in ["adm1n", "imajin", "me", "a", "ä_ö", "did:mjn:x"] {
        assert_refused(&handle_set(&world, &eve, Some(bad)).await, 400, "invalid_request");
    }
    assert_eq!(handle_set(&world, &eve, Some("ada_lovelock")).await.status, 200);
    // One's own may be written in another way.
    world.clock.advance(Span::days(8));
    assert_eq!(handle_set(&world, &eve, Some("adalovelock")).await.status, 200);
    assert_eq!(world.audit().await, []);
}

async fn a_handle_is_changed_once_in_a_week(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    world.clock.advance(Span::seconds(1));
    assert_eq!(
        handle_set(&world, &ada, Some("countess")).await.status,
        200,
        "the first is free"
    );
    world.clock.advance(Span::days(1));
    for next in [Some("ada"), Some("lovelace"), None] {
        let reply = handle_set(&world, &ada, next).await;
        assert_refused(&reply, 429, "rate_limited");
        assert_eq!(reply.header("retry-after"), (6 * 86_400).to_string());
    }
    assert_eq!(
        handle_set(&world, &ada, Some("countess")).await.status,
        200,
        "it is hers"
    );
    world.clock.advance(Span::days(6));
    assert_eq!(handle_set(&world, &ada, None).await.status, 200);
    assert_refused(&handle_set(&world, &ada, Some("countess")).await, 429, "rate_limited");
}

async fn only_the_key_changes_a_handle(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    let body = json!({"handle": "countess"}).to_string();
    let cookie = format!("imajin_session={}", world.login(&ada).await);
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    let unsigned = world.send(axum::http::Method::PUT, PATH, &headers, &body).await;
    assert_refused(&unsigned, 401, "unauthenticated");
    let stranger = SecretKey::generate(&world.env);
    assert_refused(&handle_set(&world, &stranger, Some("countess")).await, 403, "forbidden");
    let signed = world.signed(&ada, "PUT", PATH, &body);
    let changed = json!({"handle": "duchess"}).to_string();
    assert_eq!(world.send_signed(&signed, PATH, &changed).await.status, 401);
    assert_eq!(world.send_signed(&signed, PATH, &body).await.status, 200);
    assert_refused(&world.send_signed(&signed, PATH, &body).await, 401, "replayed");
    let signed = world.signed(&ada, "PUT", PATH, &body);
    assert_eq!(world.send_signed(&signed, PATH, &body).await.status, 200);
    assert_refused(&world.send_signed(&signed, PATH, &body).await, 401, "replayed");
}

async fn two_who_want_one_handle_do_not_both_get_it(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (nameless(&world).await, nameless(&world).await);
    let twin = world.twin().await;
    let (one, other) = tokio::join!(
        handle_set(&world, &ada, Some("lovelace")),
        handle_set(&twin, &eve, Some("1ovelace"))
    );
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{one:?} {other:?}");
    assert_eq!(world.audit().await, []);
}

on_both! {
    a_handle_can_be_claimed_changed_and_given_up,
    an_old_handle_is_told_from_an_unknown_one_by_nobody,
    a_handle_that_was_given_up_waits_for_its_owner,
    a_handle_that_looks_like_anothers_is_refused,
    a_handle_is_changed_once_in_a_week,
    only_the_key_changes_a_handle,
    two_who_want_one_handle_do_not_both_get_it,
}
