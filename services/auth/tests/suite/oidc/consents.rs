use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::app::{
    CONSENT, Person, ada, answer, app, assert_oauth, consent_body, hidden, mailbox_person, of, signed, userinfo,
};
use crate::world::{World, assert_refused};

async fn a_cookie_alone_allows_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let page = person.open(&world, &app.authorize("openid", &[])).await;
    let body = consent_body(&app, &page, "openid", "openid");
    let cookie = person.cookie();
    let headers = [("cookie", cookie.as_str()), ("origin", crate::world::ORIGIN)];
    assert_refused(&world.post_from(CONSENT, &headers, &body).await, 401, "unauthenticated");
}

async fn the_form_allows_nothing_for_whoever_holds_a_key(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let page = person.open(&world, &app.authorize("openid", &[])).await;
    let request = hidden(&page, "request");
    let form = [("request", request.as_str()), ("decision", "allow")];
    let reply = person.form(&world, "/auth/oidc/consent", &form).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    assert!(reply.text.contains("Your key must sign this"), "{}", reply.text);
    let again = person.open(&world, &app.authorize("openid", &[])).await;
    assert!(again.text.contains("id=\"allow-button\""), "nothing was allowed");
}

async fn anybody_may_say_no_by_the_form(backend: Backend) {
    let world = World::new(backend).await;
    let app = app(&world).await;
    for person in [ada(&world).await, mailbox_person(&world).await] {
        let page = person.open(&world, &app.authorize("openid", &[])).await;
        let request = hidden(&page, "request");
        let form = [("request", request.as_str()), ("decision", "deny")];
        let reply = person.form(&world, "/auth/oidc/consent", &form).await;
        let pairs = answer(reply.header("location"));
        assert_eq!(
            (of(&pairs, "error"), of(&pairs, "state")),
            (Some("access_denied"), Some("s/1"))
        );
    }
}

async fn a_form_of_a_foreign_page_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, mailbox_person(&world).await);
    let page = person.open(&world, &app.authorize("openid", &[])).await;
    let body = format!("decision=allow&request={}", hidden(&page, "request"));
    let cookie = person.cookie();
    for origin in [
        ("origin", "https://sub.localhost:7000"),
        ("sec-fetch-site", "same-site"),
    ] {
        let reply = world
            .post_form("/auth/oidc/consent", &[("cookie", &cookie), origin], &body)
            .await;
        assert_refused(&reply, 403, "cross_site");
    }
    let reply = world
        .post_form("/auth/oidc/consent", &[("cookie", &cookie)], &body)
        .await;
    assert_refused(&reply, 403, "cross_site");
}

async fn a_request_that_somebody_else_was_asked_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let page = person.open(&world, &app.authorize("openid", &[])).await;
    let eve = world.registered("eve").await;
    let eve = Person {
        token: world.login(&eve).await,
        key: Some(eve),
    };
    let body = consent_body(&app, &page, "openid", "openid");
    assert_refused(&eve.consent_send(&world, &body).await, 410, "gone");
    let mixed = Person {
        key: eve.key,
        token: person.token.clone(),
    };
    assert_refused(&mixed.consent_send(&world, &body).await, 400, "invalid_request");
}

async fn a_request_that_was_considered_for_too_long_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let page = person.open(&world, &app.authorize("openid", &[])).await;
    world.clock.advance(Span::minutes(15));
    let body = consent_body(&app, &page, "openid", "openid");
    assert_refused(&person.consent_send(&world, &body).await, 410, "gone");
}

async fn a_consent_to_something_else_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let page = person.open(&world, &app.authorize("openid profile", &[])).await;
    let good = consent_body(&app, &page, "openid profile", "openid profile");
    for (member, value) in [
        ("scope", "openid profile handle"),
        ("scope", "profile"),
        ("scope", "profile openid"),
        ("scope", ""),
        ("asked", "openid"),
        ("clientId", "oic_00000000000000000000000000"),
        ("redirectUri", "https://evil.example/"),
    ] {
        let mut bad = good.clone();
        bad[member] = json!(value);
        assert_refused(&person.consent_send(&world, &bad).await, 400, "invalid_request");
    }
    let mut forged = good.clone();
    forged["request"] = json!("AAAA");
    assert_refused(&person.consent_send(&world, &forged).await, 410, "gone");
    assert_eq!(person.consent_send(&world, &good).await.status, StatusCode::OK);
}

async fn a_mailbox_that_was_not_proven_cannot_be_told(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let page = person.open(&world, &app.authorize("openid email", &[])).await;
    assert!(
        !page.text.contains("value=\"email\""),
        "it is not offered: {}",
        page.text
    );
    let body = consent_body(&app, &page, "openid email", "openid email");
    assert_refused(&person.consent_send(&world, &body).await, 400, "invalid_request");
}

async fn a_signed_consent_counts_once(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let page = person.open(&world, &app.authorize("openid", &[])).await;
    let text = consent_body(&app, &page, "openid", "openid").to_string();
    let signed = world.signed(person.key.as_ref().unwrap(), "POST", CONSENT, &text);
    let cookie = person.cookie();
    let mut headers: Vec<(&str, &str)> = vec![("content-type", "application/json"), ("cookie", &cookie)];
    let pairs = signed.headers();
    headers.extend(pairs.iter().map(|(name, value)| (name.as_str(), *value)));
    let first = world.send(axum::http::Method::POST, CONSENT, &headers, &text).await;
    assert_eq!(first.status, StatusCode::OK, "{first:?}");
    let second = world.send(axum::http::Method::POST, CONSENT, &headers, &text).await;
    assert_refused(&second, 401, "replayed");
}

async fn a_consent_that_is_taken_back_ends_every_token(backend: Backend) {
    let world = World::new(backend).await;
    let (app, person) = (app(&world).await, ada(&world).await);
    let tokens = app.tokens(&world, &person, "openid offline_access").await;
    let list = person.open(&world, "/auth/api/oidc/grants").await.json();
    assert_eq!(list["grants"][0]["clientName"], "The wiki");
    let path = format!("/auth/api/oidc/grants/{}", app.id);
    let key = person.key.as_ref().unwrap();
    let reply = signed(&world, key, "DELETE", &path, &json!(null)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_oauth(
        &userinfo(&world, tokens["access_token"].as_str().unwrap()).await,
        401,
        "invalid_token",
    );
    let refreshed = app.refresh(&world, tokens["refresh_token"].as_str().unwrap()).await;
    assert_oauth(&refreshed, 400, "invalid_grant");
    assert_refused(
        &signed(&world, key, "DELETE", &path, &json!(null)).await,
        404,
        "not_found",
    );
    let page = person.open(&world, &app.authorize("openid", &[])).await;
    assert!(page.text.contains("id=\"allow-button\""), "it must ask again");
    app.tokens(&world, &person, "openid").await;
    assert_eq!(world.audit().await, []);
}

on_both! {
    a_cookie_alone_allows_nothing,
    the_form_allows_nothing_for_whoever_holds_a_key,
    anybody_may_say_no_by_the_form,
    a_form_of_a_foreign_page_is_refused,
    a_request_that_somebody_else_was_asked_is_refused,
    a_request_that_was_considered_for_too_long_is_refused,
    a_consent_to_something_else_is_refused,
    a_mailbox_that_was_not_proven_cannot_be_told,
    a_signed_consent_counts_once,
    a_consent_that_is_taken_back_ends_every_token,
}
