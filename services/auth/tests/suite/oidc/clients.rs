use axum::http::StatusCode;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::app::{CLIENTS, ada, app_with, assert_oauth, metadata, operator, signed, userinfo};
use crate::world::{World, assert_refused};

async fn the_operator_registers_lists_and_removes_applications(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let app = app_with(&world, &operator, &metadata("ES256", "client_secret_basic")).await;
    let bearer = format!("Bearer {}", world.login(&operator).await);
    let list = world.get(CLIENTS, &[("authorization", &bearer)]).await.json();
    assert_eq!(list["clients"][0]["client_id"], json!(app.id));
    assert!(list["clients"][0].get("client_secret").is_none(), "it was shown once");
    let person = ada(&world).await;
    let tokens = app.tokens(&world, &person, "openid offline_access").await;
    let path = format!("{CLIENTS}/{}", app.id);
    let removed = signed(&world, &operator, "DELETE", &path, &json!(null)).await;
    assert_eq!(removed.status, StatusCode::OK, "{removed:?}");
    assert_oauth(
        &userinfo(&world, tokens["access_token"].as_str().unwrap()).await,
        401,
        "invalid_token",
    );
    let refreshed = app.refresh(&world, tokens["refresh_token"].as_str().unwrap()).await;
    assert_oauth(&refreshed, 401, "invalid_client");
    let page = person.open(&world, &app.authorize("openid", &[])).await;
    assert_refused(&page, 400, "invalid_request");
    assert_refused(
        &signed(&world, &operator, "DELETE", &path, &json!(null)).await,
        404,
        "not_found",
    );
    assert_eq!(world.audit().await, []);
}

async fn nobody_else_registers_lists_or_removes_applications(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let app = app_with(&world, &operator, &metadata("ES256", "client_secret_basic")).await;
    let person = ada(&world).await;
    let key = person.key.as_ref().unwrap();
    let new = metadata("ES256", "none");
    assert_refused(&signed(&world, key, "POST", CLIENTS, &new).await, 403, "forbidden");
    let path = format!("{CLIENTS}/{}", app.id);
    assert_refused(
        &signed(&world, key, "DELETE", &path, &json!(null)).await,
        403,
        "forbidden",
    );
    assert_refused(&person.open(&world, CLIENTS).await, 403, "forbidden");
    assert_refused(&world.get(CLIENTS, &[]).await, 401, "unauthenticated");
    let rotate = "/auth/api/oidc/keys/rotate";
    assert_refused(
        &signed(&world, key, "POST", rotate, &json!(null)).await,
        403,
        "forbidden",
    );
}

async fn the_operators_cookie_alone_registers_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let cookie = format!("__Host-imajin_session={}", world.login(&operator).await);
    let headers = [("cookie", cookie.as_str()), ("origin", crate::world::ORIGIN)];
    let reply = world.post_from(CLIENTS, &headers, &metadata("ES256", "none")).await;
    assert_refused(&reply, 401, "unauthenticated");
}

async fn a_client_that_cannot_be_served_safely_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let mut plain = metadata("ES256", "none");
    plain["redirect_uris"] = json!(["http://wiki.example.org/"]);
    let mut script = metadata("ES256", "none");
    script["redirect_uris"] = json!(["javascript:alert(1)"]);
    for bad in [
        plain,
        script,
        metadata("HS256", "none"),
        metadata("none", "none"),
        metadata("ES256", "tls"),
    ] {
        assert_refused(
            &signed(&world, &operator, "POST", CLIENTS, &bad).await,
            400,
            "invalid_request",
        );
    }
}

async fn applications_register_themselves_only_where_the_operator_allows_it(backend: Backend) {
    let allowed = World::new(backend).await;
    let register = "/auth/oidc/register";
    let reply = allowed.post(register, &metadata("ES256", "client_secret_basic")).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    assert!(reply.json()["client_secret"].as_str().unwrap().starts_with("ims_"));
    let mut bad = metadata("ES256", "none");
    bad["redirect_uris"] = json!([]);
    assert_oauth(&allowed.post(register, &bad).await, 400, "invalid_redirect_uri");
    assert_eq!(allowed.audit().await, []);
    let discovery = "/auth/.well-known/openid-configuration";
    assert!(
        allowed
            .get(discovery, &[])
            .await
            .json()
            .get("registration_endpoint")
            .is_some()
    );

    let world = World::with_options(backend, imajin_auth::AuthOptions::default()).await;
    let reply = world.post(register, &metadata("ES256", "none")).await;
    assert_oauth(&reply, 403, "access_denied");
    assert!(
        world
            .get(discovery, &[])
            .await
            .json()
            .get("registration_endpoint")
            .is_none()
    );
}

on_both! {
    the_operator_registers_lists_and_removes_applications,
    nobody_else_registers_lists_or_removes_applications,
    the_operators_cookie_alone_registers_nothing,
    a_client_that_cannot_be_served_safely_is_refused,
    applications_register_themselves_only_where_the_operator_allows_it,
}
