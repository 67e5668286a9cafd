use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::app::{
    App, ada, answer, app, app_with, consent_body, hidden, id_token, mailbox_person, metadata, of, operator, userinfo,
};
use crate::world::{ORIGIN, World};

async fn the_metadata_says_what_is_served_and_where(backend: Backend) {
    let world = World::new(backend).await;
    let reply = world.get("/auth/.well-known/openid-configuration", &[]).await;
    let json = reply.json();
    assert_eq!(json["issuer"], "http://localhost:7000/auth");
    assert_eq!(json["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(json["authorization_response_iss_parameter_supported"], true);
    assert!(reply.header("cache-control").contains("max-age=300"));
    let etag = reply.header("etag").to_owned();
    let known = world
        .get("/auth/.well-known/openid-configuration", &[("if-none-match", &etag)])
        .await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    for other in ["oauth-authorization-server", "openid-configuration"] {
        assert_eq!(world.get(&format!("/.well-known/{other}/auth"), &[]).await.json(), json);
    }
    for member in [
        "jwks_uri",
        "token_endpoint",
        "userinfo_endpoint",
        "end_session_endpoint",
    ] {
        assert!(
            json[member]
                .as_str()
                .unwrap()
                .starts_with("http://localhost:7000/auth/"),
            "{member}"
        );
    }
}

async fn somebody_with_a_key_signs_in_at_an_application(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let app = app_with(&world, &operator, &metadata("RS256", "client_secret_basic")).await;
    let person = ada(&world).await;
    let did = person.key.as_ref().unwrap().did();
    let tokens = app.tokens(&world, &person, "openid profile handle").await;
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["scope"], "openid profile handle");
    assert!(tokens.get("refresh_token").is_none(), "nobody asked for it");
    let claims = id_token(&world, &app, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!((&claims["sub"], &claims["nonce"]), (&json!(did), &json!("n-1")));
    assert_eq!(claims["auth_time"], world.clock_seconds());
    let told = userinfo(&world, tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(
        told,
        json!({"sub": did, "name": "Ada", "handle": "ada", "preferred_username": "ada"})
    );
    // The second time nobody is asked: the consent is known.
    let page = person.open(&world, &app.authorize("openid handle", &[])).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{page:?}");
    assert!(of(&answer(page.header("location")), "code").is_some());
    // More than before is asked for again.
    let page = person.open(&world, &app.authorize("openid offline_access", &[])).await;
    assert!(page.text.contains("id=\"allow-button\""), "{page:?}");
    // Everything is still there after a restart.
    let world = world.restart().await;
    let claims_again = id_token(&world, &app, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(claims_again, claims);
    assert_eq!(world.audit().await, []);
}

async fn a_mailbox_identity_signs_in_without_javascript_and_under_its_pseudonym(backend: Backend) {
    let world = World::new(backend).await;
    let app = app(&world).await;
    let person = mailbox_person(&world).await;
    let page = person.open(&world, &app.authorize("openid email", &[])).await;
    assert!(!page.text.contains("<script"), "{}", page.text);
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("form-action 'self' https://wiki.example.org;"),
        "{policy}"
    );
    // Nothing is ticked, so nothing of the mailbox is told.
    let request = hidden(&page, "request");
    let reply = person
        .form(
            &world,
            "/auth/oidc/consent",
            &[("request", &request), ("decision", "allow")],
        )
        .await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{reply:?}");
    let code = of(&answer(reply.header("location")), "code").unwrap().to_owned();
    let tokens = app.exchange(&world, &code).await.json();
    let did = world.session_did(&person.token).await.unwrap();
    assert!(did.as_str().starts_with("did:mjn:"), "{did}");
    let claims = id_token(&world, &app, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(claims["sub"], json!(did));
    let told = userinfo(&world, tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(told, json!({"sub": did}));
    // The box is ticked: now it is.
    let page = person
        .open(&world, &app.authorize("openid email", &[("prompt", "consent")]))
        .await;
    let request = hidden(&page, "request");
    let ticked = [("request", request.as_str()), ("decision", "allow"), ("scope", "email")];
    let reply = person.form(&world, "/auth/oidc/consent", &ticked).await;
    let code = of(&answer(reply.header("location")), "code").unwrap().to_owned();
    let tokens = app.exchange(&world, &code).await.json();
    let told = userinfo(&world, tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!(
        told,
        json!({"sub": did, "email": "ada.l@example.org", "email_verified": true})
    );
    assert_eq!(world.audit().await, []);
}

async fn id_tokens_are_signed_as_the_client_is_registered(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let person = ada(&world).await;
    for (algorithm, at_hash_length) in [("RS256", 22), ("ES256", 22), ("EdDSA", 43)] {
        let app = app_with(&world, &operator, &metadata(algorithm, "client_secret_post")).await;
        let code = app.code(&world, &person, "openid").await;
        let in_form = App {
            secret: None,
            ..app.clone()
        };
        let secret = app.secret.as_deref().unwrap();
        let reply = in_form.exchange_with(&world, &code, &[("client_secret", secret)]).await;
        let text = reply.json()["id_token"].as_str().unwrap().to_owned();
        let header = jsonwebtoken::decode_header(&text).unwrap();
        assert_eq!(serde_json::to_value(header.alg).unwrap(), algorithm);
        let claims = id_token(&world, &app, &text).await;
        assert_eq!(claims["at_hash"].as_str().unwrap().len(), at_hash_length, "{algorithm}");
    }
}

async fn the_key_set_at_the_root_is_the_union_with_distinct_names(backend: Backend) {
    let world = World::new(backend).await;
    app(&world).await;
    let kids = |json: serde_json::Value| -> Vec<String> {
        let keys = json["keys"].as_array().unwrap().clone();
        keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    let own = kids(world.get("/auth/.well-known/jwks.json", &[]).await.json());
    let mut all = kids(world.get("/.well-known/jwks.json", &[]).await.json());
    assert_eq!((own.len(), all.len()), (1, 3), "session, node, and one for ID tokens");
    assert!(all.contains(&own[0]));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 3);
}

async fn a_new_key_is_published_before_it_signs_and_the_old_one_as_long_as_its_tokens_live(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let app = app_with(&world, &operator, &metadata("ES256", "client_secret_basic")).await;
    let person = ada(&world).await;
    let kid = |tokens: &serde_json::Value| {
        jsonwebtoken::decode_header(tokens["id_token"].as_str().unwrap())
            .unwrap()
            .kid
            .unwrap()
    };
    let published = async |world: &World| {
        let json = world.get("/auth/.well-known/jwks.json", &[]).await.json();
        json["keys"].as_array().unwrap().len()
    };
    let old = kid(&app.tokens(&world, &person, "openid").await);
    let rotated = super::app::signed(&world, &operator, "POST", "/auth/api/oidc/keys/rotate", &json!(null)).await;
    assert_eq!(rotated.json()["rotated"], 1, "{rotated:?}");
    assert_eq!(published(&world).await, 2);
    assert_eq!(
        kid(&app.tokens(&world, &person, "openid").await),
        old,
        "it does not sign yet"
    );
    world.clock.advance(Span::minutes(11));
    assert_ne!(kid(&app.tokens(&world, &person, "openid").await), old);
    assert_eq!(published(&world).await, 2, "its tokens may still live");
    world.clock.advance(Span::hours(25));
    assert_eq!(published(&world).await, 1);
    // By itself, once it is old.
    world.clock.advance(Span::days(90));
    assert_eq!(world.auth.oidc_keys_rotate(false).await.unwrap(), 1);
    assert_eq!(world.auth.oidc_keys_rotate(false).await.unwrap(), 0);
}

async fn logging_out_at_an_application_ends_the_session_here(backend: Backend) {
    let world = World::new(backend).await;
    let app = app(&world).await;
    let person = ada(&world).await;
    let tokens = app.tokens(&world, &person, "openid").await;
    let hint = tokens["id_token"].as_str().unwrap();
    let then = "post_logout_redirect_uri=https%3A%2F%2Fwiki.example.org%2Fbye&state=x";
    // Without the ID token the person is asked, and a foreign form only brings the question up.
    let asked = format!("/auth/oidc/logout?client_id={}&{then}", app.id);
    let page = person.open(&world, &asked).await;
    assert!(page.text.contains("id=\"logout-button\""), "{page:?}");
    let foreign = [
        ("cookie", person.cookie()),
        ("origin", "https://wiki.example.org".to_owned()),
    ];
    let foreign: Vec<(&str, &str)> = foreign.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = world.post_form("/auth/oidc/logout", &foreign, "").await;
    assert!(page.text.contains("id=\"logout-button\""), "{page:?}");
    assert!(world.session_did(&person.token).await.is_some());
    let elsewhere = "/auth/oidc/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F";
    let refused = person.open(&world, &format!("{elsewhere}&client_id={}", app.id)).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(person.open(&world, elsewhere).await.status, StatusCode::BAD_REQUEST);
    // With it the session ends, and so do the tokens that came from it.
    let certain = person
        .open(&world, &format!("/auth/oidc/logout?id_token_hint={hint}&{then}"))
        .await;
    assert_eq!(certain.header("location"), "https://wiki.example.org/bye?state=x");
    assert_eq!(world.session_did(&person.token).await, None);
    let refused = userinfo(&world, tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
}

async fn the_form_post_of_a_request_becomes_a_get(backend: Backend) {
    let world = World::new(backend).await;
    let app = app(&world).await;
    let get = app.authorize("openid", &[]);
    let (_path, query) = get.split_once('?').unwrap();
    let reply = world
        .post_form("/auth/oidc/authorize", &[("origin", "https://wiki.example.org")], query)
        .await;
    assert_eq!(
        (reply.status, reply.header("location")),
        (StatusCode::SEE_OTHER, get.as_str())
    );
    assert!(!get.contains(ORIGIN));
}

async fn a_public_client_needs_no_secret(backend: Backend) {
    let world = World::new(backend).await;
    let operator = operator(&world).await;
    let app = app_with(&world, &operator, &metadata("EdDSA", "none")).await;
    assert!(app.secret.is_none());
    let person = ada(&world).await;
    let page = person.open(&world, &app.authorize("openid", &[])).await;
    let body = consent_body(&app, &page, "openid", "openid");
    assert_eq!(person.consent_send(&world, &body).await.status, StatusCode::OK);
    let reply = app.exchange(&world, &app.code(&world, &person, "openid").await).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(
        reply.header("access-control-allow-origin"),
        "*",
        "for applications in a browser"
    );
}

on_both! {
    the_metadata_says_what_is_served_and_where,
    somebody_with_a_key_signs_in_at_an_application,
    a_mailbox_identity_signs_in_without_javascript_and_under_its_pseudonym,
    id_tokens_are_signed_as_the_client_is_registered,
    the_key_set_at_the_root_is_the_union_with_distinct_names,
    a_new_key_is_published_before_it_signs_and_the_old_one_as_long_as_its_tokens_live,
    logging_out_at_an_application_ends_the_session_here,
    the_form_post_of_a_request_becomes_a_get,
    a_public_client_needs_no_secret,
}
