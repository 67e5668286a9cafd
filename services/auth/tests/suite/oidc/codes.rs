use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};

use super::app::{App, ada, answer, app, app_with, assert_oauth, metadata, of, operator, userinfo};
use crate::world::{World, assert_refused};

async fn a_code_used_twice_ends_what_its_first_use_gave(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let code = app.code(&world, &person, "openid offline_access").await;
    let tokens = app.exchange(&world, &code).await.json();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(userinfo(&world, access).await.status, StatusCode::OK);
    assert_oauth(&app.exchange(&world, &code).await, 400, "invalid_grant");
    assert_oauth(&userinfo(&world, access).await, 401, "invalid_token");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_oauth(&app.refresh(&world, refresh).await, 400, "invalid_grant");
}

async fn a_code_is_good_for_a_minute(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let code = app.code(&world, &person, "openid").await;
    world.clock.advance(Span::seconds(60));
    assert_oauth(&app.exchange(&world, &code).await, 400, "invalid_grant");
    let code = app.code(&world, &person, "openid").await;
    world.clock.advance(Span::seconds(59));
    assert_eq!(app.exchange(&world, &code).await.status, StatusCode::OK);
}

async fn a_code_of_another_client_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let app = app_with(&world, &operator, &metadata("ES256", "client_secret_basic")).await;
    let other = app_with(&world, &operator, &metadata("ES256", "client_secret_basic")).await;
    let code = app.code(&world, &ada(&world).await, "openid").await;
    assert_oauth(&other.exchange(&world, &code).await, 400, "invalid_grant");
    assert_eq!(
        app.exchange(&world, &code).await.status,
        StatusCode::OK,
        "it was not used up"
    );
}

async fn a_code_for_another_redirect_uri_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let code = app.code(&world, &person, "openid").await;
    let other = [("redirect_uri", "https://wiki.example.org/callback")];
    assert_oauth(&app.exchange_with(&world, &code, &other).await, 400, "invalid_grant");
}

async fn a_code_without_its_verifier_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let code = app.code(&world, &person, "openid").await;
    let other = "a".repeat(43);
    let reply = app.exchange_with(&world, &code, &[("code_verifier", &other)]).await;
    assert_oauth(&reply, 400, "invalid_grant");
    let reply = app.exchange_with(&world, &code, &[("code_verifier", "")]).await;
    assert_oauth(&reply, 400, "invalid_request");
}

async fn a_wrong_secret_and_an_unknown_client_get_the_same_answer(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let code = app.code(&world, &person, "openid").await;
    let wrong = App {
        secret: Some("ims_wrong".to_owned()),
        ..app.clone()
    };
    let unknown = App {
        id: "oic_00000000000000000000000000".to_owned(),
        ..app.clone()
    };
    let none = App {
        secret: None,
        ..app.clone()
    };
    let mut answers = Vec::new();
    for bad in [wrong, unknown, none] {
        let reply = bad.exchange(&world, &code).await;
        assert_oauth(&reply, 401, "invalid_client");
        assert_eq!(reply.header("www-authenticate"), "Basic realm=\"imajin\"");
        answers.push(reply.text);
    }
    // In the form instead of the header: another way than is registered.
    let in_form = App {
        secret: None,
        ..app.clone()
    };
    let secret = app.secret.as_deref().unwrap();
    let reply = in_form.exchange_with(&world, &code, &[("client_secret", secret)]).await;
    answers.push(reply.text);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

async fn without_pkce_nobody_is_asked(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    for without in [
        ("code_challenge", ""),
        ("code_challenge_method", ""),
        ("code_challenge_method", "plain"),
        ("code_challenge", "too-short"),
    ] {
        let reply = person.open(&world, &app.authorize("openid", &[without])).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{without:?}");
        let pairs = answer(reply.header("location"));
        assert_eq!(of(&pairs, "error"), Some("invalid_request"), "{without:?}");
        assert_eq!(
            (of(&pairs, "state"), of(&pairs, "iss")),
            (Some("s/1"), Some("http://localhost:7000/auth"))
        );
    }
}

async fn nothing_is_sent_to_an_address_that_is_not_registered(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    for uri in [
        "https://wiki.example.org/callback",
        "https://wiki.example.org/callback?at=1&x",
        "https://evil.example/",
        "",
    ] {
        let reply = person
            .open(&world, &app.authorize("openid", &[("redirect_uri", uri)]))
            .await;
        assert_refused(&reply, 400, "invalid_request");
    }
    let unknown = app.authorize("openid", &[("client_id", "oic_00000000000000000000000000")]);
    assert_refused(&person.open(&world, &unknown).await, 400, "invalid_request");
    let twice = format!("{}&state=again", app.authorize("openid", &[]));
    assert_refused(&person.open(&world, &twice).await, 400, "invalid_request");
}

async fn only_the_code_flow_is_served(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    for (extra, error) in [
        (("response_type", "id_token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "fragment"), "invalid_request"),
        (("request", "a.b.c"), "request_not_supported"),
        (("request_uri", "https://x.example/"), "request_uri_not_supported"),
        (("scope", "profile"), "invalid_scope"),
        (("max_age", "soon"), "invalid_request"),
    ] {
        let reply = person.open(&world, &app.authorize("openid", &[extra])).await;
        assert_eq!(of(&answer(reply.header("location")), "error"), Some(error), "{extra:?}");
    }
    let reply = app
        .post(&world, "/auth/oidc/token", &[("grant_type", "password")])
        .await;
    assert_oauth(&reply, 400, "unsupported_grant_type");
}

on_both! {
    a_code_used_twice_ends_what_its_first_use_gave,
    a_code_is_good_for_a_minute,
    a_code_of_another_client_is_refused,
    a_code_for_another_redirect_uri_is_refused,
    a_code_without_its_verifier_is_refused,
    a_wrong_secret_and_an_unknown_client_get_the_same_answer,
    without_pkce_nobody_is_asked,
    nothing_is_sent_to_an_address_that_is_not_registered,
    only_the_code_flow_is_served,
}
