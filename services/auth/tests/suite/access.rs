//! The pages about sessions and applications, and ending them.

use axum::http::{Method, StatusCode};
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::oidc::{Person, ada, app_with, mailbox_person, metadata, operator, signed};
use crate::world::{World, assert_refused};

const SESSIONS: &str = "/auth/api/sessions";

async fn living(world: &World, token: &str) -> Vec<Value> {
    let bearer = format!("Bearer {token}");
    let reply = world.get(SESSIONS, &[("authorization", &bearer)]).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply.json()["sessions"].as_array().unwrap().clone()
}

async fn all_other_sessions_end_by_signature(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (world.registered("ada").await, world.registered("eve").await);
    let (kept, ended) = (world.login(&ada).await, world.login(&ada).await);
    let foreign = world.login(&eve).await;
    let list = living(&world, &kept).await;
    let current = |session: &&Value| session["current"] == true;
    let keep = list.iter().find(current).unwrap()["id"].clone();
    let theirs = living(&world, &foreign).await[0]["id"].clone();

    // Somebody else's session cannot be the one to keep, and a cookie ends nothing.
    let wrong = signed(&world, &ada, "DELETE", SESSIONS, &json!({"keep": theirs})).await;
    assert_refused(&wrong, 404, "not_found");
    let cookie = format!("imajin_session={kept}");
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    let unsigned = world.send(Method::DELETE, SESSIONS, &headers, "{}").await;
    assert_refused(&unsigned, 401, "unauthenticated");
    // Two logins, and the registration.
    assert_eq!(living(&world, &kept).await.len(), 3);

    let twin = world.twin().await;
    let reply = signed(&world, &ada, "DELETE", SESSIONS, &json!({"keep": keep})).await;
    assert_eq!((reply.status, reply.json()), (StatusCode::OK, json!({"ended": 2})));
    assert_eq!(twin.session_did(&ended).await, None, "in another process at once");
    assert_eq!(twin.session_did(&kept).await, Some(ada.did()));
    assert_eq!(twin.session_did(&foreign).await, Some(eve.did()));
    assert_eq!(
        signed(&world, &ada, "DELETE", SESSIONS, &json!({})).await.json()["ended"],
        1
    );
    assert_eq!(world.session_did(&kept).await, None);
    assert_eq!(world.audit().await, []);
}

async fn a_mailbox_ends_sessions_by_the_forms_of_our_own_page(backend: Backend) {
    let world = World::new(backend).await;
    let person = mailbox_person(&world).await;
    let others = [
        world.mailbox_login("ada.l@example.org").await,
        world.mailbox_login("ada.l@example.org").await,
    ];
    let page = person.open(&world, "/auth/sessions").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.text.matches("/auth/sessions/end\"").count(), 2, "{}", page.text);
    assert_eq!(page.text.matches("This browser").count(), 1);
    let list = living(&world, &others[0]).await;
    let id = list.iter().find(|session| session["current"] == true).unwrap()["id"].clone();
    let form = [("id", id.as_str().unwrap())];
    let reply = person.form(&world, "/auth/sessions/end", &form).await;
    assert_eq!(reply.header("location"), "/auth/sessions?ended=1", "{reply:?}");
    assert_eq!(world.session_did(&others[0]).await, None);
    assert_refused(
        &person.form(&world, "/auth/sessions/end", &[("id", "x")]).await,
        404,
        "not_found",
    );

    let cookie = person.cookie();
    for headers in [
        vec![("cookie", cookie.as_str())],
        vec![("cookie", cookie.as_str()), ("origin", "http://sibling.localhost:7000")],
    ] {
        for (path, body) in [
            ("/auth/sessions/end-others", ""),
            ("/auth/sessions/end", "id=x"),
            ("/auth/grants/revoke", "id=x"),
        ] {
            assert_refused(&world.post_form(path, &headers, body).await, 403, "cross_site");
        }
    }
    let reply = person.form(&world, "/auth/sessions/end-others", &[]).await;
    assert_eq!(reply.header("location"), "/auth/sessions?ended=1", "{reply:?}");
    assert_eq!(world.session_did(&others[1]).await, None);
    assert!(world.session_did(&person.token).await.is_some());
    assert_eq!(world.audit().await, []);
}

async fn the_forms_do_nothing_for_whoever_holds_a_key(backend: Backend) {
    let world = World::new(backend).await;
    let person = ada(&world).await;
    let other = world.login(person.key.as_ref().unwrap()).await;
    for (path, form) in [
        ("/auth/sessions/end-others", Vec::new()),
        ("/auth/sessions/end", vec![("id", "x")]),
        ("/auth/grants/revoke", vec![("id", "x")]),
    ] {
        assert_refused(&person.form(&world, path, &form).await, 403, "forbidden");
    }
    assert!(world.session_did(&other).await.is_some());
    for path in ["/auth/sessions", "/auth/grants"] {
        let stranger = world.get(path, &[]).await;
        assert_eq!(stranger.status, StatusCode::SEE_OTHER);
        assert!(stranger.header("location").starts_with("/login?next="));
    }
}

async fn applications_lead_only_to_what_the_node_has(backend: Backend) {
    let link = "href=\"/me/allowed\"";
    let world = World::new(backend).await;
    let person: Person = mailbox_person(&world).await;
    assert!(person.open(&world, "/auth/grants").await.text.contains(link));
    let without = imajin_auth::AuthOptions {
        has_consent: false,
        ..World::everything()
    };
    let world = World::with_options(backend, without).await;
    let person: Person = mailbox_person(&world).await;
    let page = person.open(&world, "/auth/grants").await;
    assert!(
        page.text.contains("href=\"/auth/sessions\"") && !page.text.contains(link),
        "{}",
        page.text
    );
}

async fn a_consent_is_shown_with_its_last_use_and_taken_back(backend: Backend) {
    let world = World::new(backend).await;
    let olga = operator(&world).await;
    let app = app_with(&world, &olga, &metadata("ES256", "client_secret_basic")).await;
    let person: Person = mailbox_person(&world).await;
    let empty = person.open(&world, "/auth/grants").await;
    assert!(
        empty.text.contains("You have not signed in to any application"),
        "{}",
        empty.text
    );
    let tokens = app.tokens(&world, &person, "openid offline_access").await;
    world.clock.advance(Span::hours(1));
    let refreshed = app.refresh(&world, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{refreshed:?}");

    let page = person.open(&world, "/auth/grants").await;
    for text in [
        "The wiki",
        "your DID, which is the same for every application",
        "last used",
    ] {
        assert!(page.text.contains(text), "{text}: {}", page.text);
    }
    let bearer = format!("Bearer {}", person.token);
    let list = world
        .get("/auth/api/oidc/grants", &[("authorization", &bearer)])
        .await
        .json();
    let grant = &list["grants"][0];
    assert!(grant["lastUsedAt"].as_str() > grant["createdAt"].as_str(), "{list}");

    let reply = person.form(&world, "/auth/grants/revoke", &[("id", &app.id)]).await;
    assert_eq!(reply.header("location"), "/auth/grants?revoked=1", "{reply:?}");
    let access = refreshed.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(
        crate::oidc::userinfo(&world, &access).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_refused(
        &person.form(&world, "/auth/grants/revoke", &[("id", &app.id)]).await,
        404,
        "not_found",
    );
    assert_eq!(world.audit().await, []);
}

on_both! {
    all_other_sessions_end_by_signature,
    a_mailbox_ends_sessions_by_the_forms_of_our_own_page,
    the_forms_do_nothing_for_whoever_holds_a_key,
    a_consent_is_shown_with_its_last_use_and_taken_back,
    applications_lead_only_to_what_the_node_has,
}
