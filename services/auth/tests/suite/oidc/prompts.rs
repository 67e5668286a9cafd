use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use url::Url;

use super::app::{App, Person, ada, answer, app, of};
use crate::world::{Reply, World};

/// The path that the login page leads back to.
fn login_next(reply: &Reply) -> String {
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{reply:?}");
    let url = Url::parse("http://localhost/")
        .unwrap()
        .join(reply.header("location"))
        .unwrap();
    assert_eq!(url.path(), "/login", "{reply:?}");
    url.query_pairs()
        .find(|(name, _)| name == "next")
        .unwrap()
        .1
        .into_owned()
}

async fn error(world: &World, person: Option<&Person>, app: &App, extra: &[(&str, &str)]) -> String {
    let path = app.authorize("openid", extra);
    let reply = match person {
        Some(person) => person.open(world, &path).await,
        None => world.get(&path, &[]).await,
    };
    let pairs = answer(reply.header("location"));
    of(&pairs, "error").unwrap().to_owned()
}

async fn a_stranger_logs_in_first_and_comes_back(backend: Backend) {
    let world = World::new(backend).await;
    let app = app(&world).await;
    let next = login_next(&world.get(&app.authorize("openid", &[]), &[]).await);
    assert!(next.starts_with("/auth/oidc/authorize?") && next.len() < 2000, "{next}");
    let page = ada(&world).await.open(&world, &next).await;
    assert!(page.text.contains("id=\"allow-button\""), "{page:?}");
}

async fn prompt_none_never_shows_a_page(backend: Backend) {
    let world = World::new(backend).await;
    let app = app(&world).await;
    let none = [("prompt", "none")];
    assert_eq!(error(&world, None, &app, &none).await, "login_required");
    let person = ada(&world).await;
    assert_eq!(error(&world, Some(&person), &app, &none).await, "consent_required");
    assert_eq!(
        error(&world, Some(&person), &app, &[("prompt", "none login")]).await,
        "invalid_request"
    );
    app.code(&world, &person, "openid").await;
    let reply = person.open(&world, &app.authorize("openid", &none)).await;
    assert!(of(&answer(reply.header("location")), "code").is_some(), "{reply:?}");
    world.clock.advance(Span::minutes(10));
    let old = [("prompt", "none"), ("max_age", "300")];
    assert_eq!(error(&world, Some(&person), &app, &old).await, "login_required");
}

async fn prompt_login_wants_a_new_login_and_no_client_can_forge_it(backend: Backend) {
    let world = World::new(backend).await;
    let app = app(&world).await;
    let person = ada(&world).await;
    app.code(&world, &person, "openid").await;
    world.clock.advance(Span::seconds(5));
    for again in [("prompt", "login"), ("max_age", "0")] {
        let next = login_next(&person.open(&world, &app.authorize("openid", &[again])).await);
        // The old session does not count, whatever is in the address.
        let still = login_next(&person.open(&world, &next).await);
        assert!(still.starts_with("/auth/oidc/authorize?"));
        let forged = app.authorize("openid", &[again, ("reauth", "AAAA")]);
        login_next(&person.open(&world, &forged).await);
        let other = next.replace("nonce=n-1", "nonce=n-2");
        login_next(&person.open(&world, &other).await);
        let new = Person {
            token: world.login(person.key.as_ref().unwrap()).await,
            key: person.key.clone(),
        };
        let reply = new.open(&world, &next).await;
        assert!(of(&answer(reply.header("location")), "code").is_some(), "{reply:?}");
    }
}

async fn max_age_wants_a_login_that_is_new_enough(backend: Backend) {
    let world = World::new(backend).await;
    let app = app(&world).await;
    let person = ada(&world).await;
    app.code(&world, &person, "openid").await;
    let path = app.authorize("openid", &[("max_age", "300")]);
    assert_eq!(
        person.open(&world, &path).await.header("location").find("code="),
        Some(39)
    );
    world.clock.advance(Span::seconds(301));
    login_next(&person.open(&world, &path).await);
}

async fn prompt_consent_asks_again(backend: Backend) {
    let world = World::new(backend).await;
    let app = app(&world).await;
    let person = ada(&world).await;
    app.code(&world, &person, "openid").await;
    let page = person
        .open(&world, &app.authorize("openid", &[("prompt", "consent")]))
        .await;
    assert!(page.text.contains("id=\"allow-button\""), "{page:?}");
}

async fn a_hint_at_somebody_else_is_no_login(backend: Backend) {
    let world = World::new(backend).await;
    let app = app(&world).await;
    let person = ada(&world).await;
    let tokens = app.tokens(&world, &person, "openid").await;
    let hint = tokens["id_token"].as_str().unwrap();
    let none = [("prompt", "none"), ("id_token_hint", hint)];
    let reply = person.open(&world, &app.authorize("openid", &none)).await;
    assert!(of(&answer(reply.header("location")), "code").is_some(), "{reply:?}");
    let eve = world.registered("eve").await;
    let eve = Person {
        token: world.login(&eve).await,
        key: Some(eve),
    };
    app.code(&world, &eve, "openid").await;
    assert_eq!(error(&world, Some(&eve), &app, &none).await, "login_required");
}

on_both! {
    a_stranger_logs_in_first_and_comes_back,
    prompt_none_never_shows_a_page,
    prompt_login_wants_a_new_login_and_no_client_can_forge_it,
    max_age_wants_a_login_that_is_new_enough,
    prompt_consent_asks_again,
    a_hint_at_somebody_else_is_no_login,
}
