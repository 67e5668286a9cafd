use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::app::{ada, app, app_with, assert_oauth, metadata, operator, userinfo};
use crate::world::World;

async fn a_refresh_token_is_exchanged_once_and_its_second_use_ends_all(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let first = app.tokens(&world, &person, "openid offline_access").await;
    let old = first["refresh_token"].as_str().unwrap();
    world.clock.advance(Span::hours(2));
    assert_oauth(
        &userinfo(&world, first["access_token"].as_str().unwrap()).await,
        401,
        "invalid_token",
    );
    let second = app.refresh(&world, old).await;
    assert_eq!(second.status, StatusCode::OK, "{second:?}");
    let second = second.json();
    let access = second["access_token"].as_str().unwrap();
    assert_eq!(userinfo(&world, access).await.status, StatusCode::OK);
    assert_oauth(&app.refresh(&world, old).await, 400, "invalid_grant");
    assert_oauth(&userinfo(&world, access).await, 401, "invalid_token");
    let newest = second["refresh_token"].as_str().unwrap();
    assert_oauth(&app.refresh(&world, newest).await, 400, "invalid_grant");
}

async fn a_refresh_token_gives_less_but_never_more(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let tokens = app.tokens(&world, &person, "openid handle offline_access").await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let with = async |scope: &str, token: &str| {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("scope", scope),
        ];
        app.post(&world, "/auth/oidc/token", &pairs).await
    };
    assert_oauth(&with("openid profile", refresh).await, 400, "invalid_scope");
    let less = with("openid", refresh).await.json();
    let told = userinfo(&world, less["access_token"].as_str().unwrap()).await.json();
    assert_eq!(told.as_object().unwrap().len(), 1, "only sub: {told}");
    let again = app
        .refresh(&world, less["refresh_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(again["scope"], "openid handle offline_access", "what was allowed stays");
}

async fn a_refresh_token_of_another_client_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let app = app_with(&world, &operator, &metadata("ES256", "client_secret_basic")).await;
    let other = app_with(&world, &operator, &metadata("ES256", "client_secret_basic")).await;
    let tokens = app.tokens(&world, &ada(&world).await, "openid offline_access").await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_oauth(&other.refresh(&world, refresh).await, 400, "invalid_grant");
    assert_eq!(app.refresh(&world, refresh).await.status, StatusCode::OK);
}

async fn tokens_without_offline_access_end_with_the_session(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let short = app.tokens(&world, &person, "openid").await;
    let long = app.tokens(&world, &person, "openid offline_access").await;
    let bearer = format!("Bearer {}", person.token);
    world
        .post_from("/auth/api/logout", &[("authorization", &bearer)], &json!({}))
        .await;
    assert_oauth(
        &userinfo(&world, short["access_token"].as_str().unwrap()).await,
        401,
        "invalid_token",
    );
    assert_eq!(
        userinfo(&world, long["access_token"].as_str().unwrap()).await.status,
        StatusCode::OK
    );
    assert_eq!(
        app.refresh(&world, long["refresh_token"].as_str().unwrap())
            .await
            .status,
        StatusCode::OK
    );
}

async fn each_kind_of_token_is_refused_where_another_is_wanted(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let app = app_with(&world, &operator, &metadata("EdDSA", "client_secret_basic")).await;
    let person = ada(&world).await;
    let tokens = app.tokens(&world, &person, "openid offline_access").await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    for other in [
        text("id_token"),
        text("refresh_token"),
        person.token.clone(),
        "nonsense".to_owned(),
    ] {
        assert_oauth(&userinfo(&world, &other).await, 401, "invalid_token");
    }
    for other in [text("id_token"), text("refresh_token"), text("access_token")] {
        assert_eq!(world.session_did(&other).await, None);
        let valid = world.post("/auth/api/validate", &json!({"token": other})).await.json();
        assert_eq!(valid["valid"], false);
    }
    for other in [text("id_token"), text("access_token"), person.token.clone()] {
        assert_oauth(&app.refresh(&world, &other).await, 400, "invalid_grant");
        assert_oauth(&app.exchange(&world, &other).await, 400, "invalid_grant");
    }
}

async fn a_revoked_token_is_worth_nothing_and_nobody_learns_of_others(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let app = app_with(&world, &operator, &metadata("ES256", "client_secret_basic")).await;
    let other = app_with(&world, &operator, &metadata("ES256", "client_secret_basic")).await;
    let tokens = app.tokens(&world, &ada(&world).await, "openid offline_access").await;
    let (access, refresh) = (
        tokens["access_token"].as_str().unwrap(),
        tokens["refresh_token"].as_str().unwrap(),
    );
    let inspect = async |by: &super::app::App, token: &str| {
        by.post(&world, "/auth/oidc/introspect", &[("token", token)])
            .await
            .json()
    };
    let seen = inspect(&app, access).await;
    assert_eq!((&seen["active"], &seen["client_id"]), (&json!(true), &json!(app.id)));
    assert_eq!(inspect(&other, access).await, json!({"active": false}));
    assert_eq!(inspect(&app, "nonsense").await, json!({"active": false}));
    for token in [access, refresh, "nonsense"] {
        let reply = other.post(&world, "/auth/oidc/revoke", &[("token", token)]).await;
        assert_eq!(reply.status, StatusCode::OK, "the same answer for all");
    }
    assert_eq!(
        userinfo(&world, access).await.status,
        StatusCode::OK,
        "another client's revocation does nothing"
    );
    app.post(&world, "/auth/oidc/revoke", &[("token", refresh)]).await;
    assert_oauth(&userinfo(&world, access).await, 401, "invalid_token");
    assert_eq!(inspect(&app, refresh).await, json!({"active": false}));
    let wrong = super::app::App {
        secret: Some("x".to_owned()),
        ..app
    };
    for path in ["/auth/oidc/revoke", "/auth/oidc/introspect"] {
        assert_oauth(
            &wrong.post(&world, path, &[("token", access)]).await,
            401,
            "invalid_client",
        );
    }
}

async fn codes_and_tokens_are_thrown_away_in_time_and_no_secret_is_stored(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let code = app.code(&world, &person, "openid offline_access").await;
    let tokens = app.exchange(&world, &code).await.json();
    let secrets = [
        code,
        app.secret.clone().unwrap(),
        tokens["access_token"].as_str().unwrap().to_owned(),
        tokens["refresh_token"].as_str().unwrap().to_owned(),
    ];
    assert_eq!(world.dump_contains(&secrets).await, Vec::<String>::new());
    world.clock.advance(Span::days(31));
    world.auth.purge_expired().await.unwrap();
    let left = world
        .db
        .read(|conn| {
            let rows =
                |table, conn: &mut imajin_store::Conn| imajin_store::tamper::rows(conn, table).map(|rows| rows.len());
            Ok::<_, imajin_store::StoreError>((rows("oidc_codes", conn)?, rows("oidc_tokens", conn)?))
        })
        .await
        .unwrap();
    assert_eq!(left, (0, 0));
}

on_both! {
    a_refresh_token_is_exchanged_once_and_its_second_use_ends_all,
    a_refresh_token_gives_less_but_never_more,
    a_refresh_token_of_another_client_is_refused,
    tokens_without_offline_access_end_with_the_session,
    each_kind_of_token_is_refused_where_another_is_wanted,
    a_revoked_token_is_worth_nothing_and_nobody_learns_of_others,
    codes_and_tokens_are_thrown_away_in_time_and_no_secret_is_stored,
}
