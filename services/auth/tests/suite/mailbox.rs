use axum::http::{Method, StatusCode};
use imajin_auth_api::{AuthApi, CustodialSign};
use imajin_kernel::{Code, Span};
use imajin_proof::http_sig::Expectation;
use imajin_testkit::Backend;
use serde_json::json;

use crate::world::{ORIGIN, World, assert_refused};
use imajin_testkit::on_both;

const ONBOARD: &str = "/auth/api/onboard";
const PAGE: &str = "/auth/onboard";
const OWN: [(&str, &str); 1] = [("origin", ORIGIN)];

async fn opening_the_link_consumes_nothing_and_the_button_once(backend: Backend) {
    let world = World::new(backend).await;
    let sent = world
        .post(ONBOARD, &json!({"email": "Ada@Example.org", "next": "/me"}))
        .await;
    assert_eq!(
        (sent.status, &sent.json()["developmentMailbox"]),
        (StatusCode::OK, &json!(true))
    );
    let (path, token) = world.newest_link().await;
    for _ in 0..3 {
        let page = world.get(&path, &[]).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(
            page.text.contains("a…@example.org") && !page.text.contains("ada@example.org"),
            "{}",
            page.text
        );
        assert!(page.text.contains(&format!("action=\"{PAGE}\"")), "{}", page.text);
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("set-cookie"), "");
    }
    let used = world
        .post_form(
            PAGE,
            &OWN,
            &format!("token={token}&next=https%3A%2F%2Felsewhere.example"),
        )
        .await;
    assert_eq!((used.status, used.header("location")), (StatusCode::SEE_OTHER, "/me"));
    assert!(used.cookie().starts_with("__Host-imajin_session="), "{used:?}");
    let session = world
        .get("/auth/api/session", &[("cookie", &used.cookie())])
        .await
        .json();
    assert_eq!(
        (&session["tier"], &session["custody"]),
        (&json!("soft"), &json!("node"))
    );
    assert!(session["did"].as_str().unwrap().starts_with("did:mjn:"), "{session}");
    assert_refused(
        &world.post_form(PAGE, &OWN, &format!("token={token}")).await,
        410,
        "gone",
    );
    assert_refused(&world.get(&path, &[]).await, 410, "gone");
    let world = world.restart().await;
    assert_refused(
        &world.post_form(PAGE, &OWN, &format!("token={token}")).await,
        410,
        "gone",
    );
    assert_eq!(world.audit().await, []);
}

async fn a_foreign_page_cannot_use_a_link(backend: Backend) {
    let world = World::new(backend).await;
    world.post(ONBOARD, &json!({"email": "ada@example.org"})).await;
    let (_path, token) = world.newest_link().await;
    let body = format!("token={token}");
    let foreign: [&[(&str, &str)]; 3] = [
        &[],
        &[("origin", "https://elsewhere.example")],
        &[("sec-fetch-site", "same-site"), ("origin", ORIGIN)],
    ];
    for headers in foreign {
        assert_refused(&world.post_form(PAGE, headers, &body).await, 403, "cross_site");
    }
    let used = world.post_form(PAGE, &OWN, &body).await;
    assert_eq!((used.status, used.header("location")), (StatusCode::SEE_OTHER, "/"));
}

async fn a_link_expires_and_a_wrong_one_is_the_same(backend: Backend) {
    let world = World::new(backend).await;
    world.post(ONBOARD, &json!({"email": "ada@example.org"})).await;
    let (path, token) = world.newest_link().await;
    world.clock.advance(Span::minutes(15));
    let expired = world.post_form(PAGE, &OWN, &format!("token={token}")).await;
    assert_refused(&expired, 410, "gone");
    assert_refused(&world.get(&path, &[]).await, 410, "gone");
    let wrong = world.post_form(PAGE, &OWN, &format!("token={}", "0".repeat(64))).await;
    assert_refused(&wrong, 410, "gone");
    assert_eq!(expired.json()["detail"], wrong.json()["detail"]);
    assert_refused(&world.post_form(PAGE, &OWN, "nothing=1").await, 400, "invalid_request");
}

async fn one_mailbox_is_one_soft_identity(backend: Backend) {
    let world = World::new(backend).await;
    let first = world.mailbox_login("ada.l@example.org").await;
    let again = world.mailbox_login(" ADA.L@example.org ").await;
    let other = world.mailbox_login("ada_l@example.org").await;
    let did = world.session_did(&first).await.unwrap();
    assert_eq!(world.session_did(&again).await, Some(did.clone()));
    assert_ne!(world.session_did(&other).await, Some(did));
    assert_eq!(world.audit().await, []);
}

async fn nothing_public_names_the_mailbox(backend: Backend) {
    let world = World::new(backend).await;
    let token = world.mailbox_login("ada@example.org").await;
    let did = world.session_did(&token).await.unwrap();
    for path in [
        format!("/auth/api/lookup/{did}"),
        format!("/auth/api/identity/{did}"),
        format!("/auth/api/identity/{did}/did.json"),
        format!("/1.0/identifiers/{did}"),
    ] {
        let reply = world.get(&path, &[]).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
        assert!(
            !reply.text.contains("did:email:ada") && !reply.text.contains("ada@"),
            "{path}: {}",
            reply.text
        );
    }
    for path in [
        "/auth/api/lookup/did:email:ada_at_example.org",
        "/auth/api/identity/did:email:ada_at_example.org",
        "/1.0/identifiers/did:email:ada_at_example.org",
    ] {
        assert_eq!(world.get(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let object = did.to_string();
    let history = world
        .db
        .read(move |conn| Ok::<_, imajin_store::StoreError>(imajin_store::mutation::history(conn, &object)?))
        .await
        .unwrap();
    assert_eq!(history.len(), 1);
    assert!(!String::from_utf8_lossy(history[0].body.as_deref().unwrap()).contains("example"));
}

async fn what_is_no_mailbox_or_leads_away_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    for email in [
        "",
        "ada",
        "ada@",
        "@example.org",
        "a b@example.org",
        "ada@exa_mple.org",
        "a@b\nBcc: c@d.org",
    ] {
        assert_refused(
            &world.post(ONBOARD, &json!({"email": email})).await,
            400,
            "invalid_request",
        );
    }
    for next in [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "me",
        "javascript:x",
    ] {
        let reply = world
            .post(ONBOARD, &json!({"email": "ada@example.org", "next": next}))
            .await;
        assert_refused(&reply, 400, "invalid_request");
    }
}

async fn a_mailbox_is_not_flooded(backend: Backend) {
    let world = World::new(backend).await;
    for _ in 0..5 {
        assert_eq!(
            world.post(ONBOARD, &json!({"email": "ada@example.org"})).await.status,
            StatusCode::OK
        );
        world.clock.advance(Span::minutes(1));
    }
    let limited = world.post(ONBOARD, &json!({"email": "ADA@example.org"})).await;
    assert_refused(&limited, 429, "rate_limited");
    assert_eq!(limited.header("retry-after"), "3301");
    assert_eq!(
        world.post(ONBOARD, &json!({"email": "eve@example.org"})).await.status,
        StatusCode::OK
    );
    world.clock.advance(Span::minutes(56));
    world.auth.purge_expired().await.unwrap();
    assert_eq!(
        world.post(ONBOARD, &json!({"email": "ada@example.org"})).await.status,
        StatusCode::OK
    );
}

async fn the_form_of_the_login_page_gets_a_page(backend: Backend) {
    let world = World::new(backend).await;
    let body = "email=ada%40example.org&next=%2Fme&token=";
    assert_refused(&world.post_form(ONBOARD, &[], body).await, 403, "cross_site");
    let page = world.post_form(ONBOARD, &OWN, body).await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    let (path, _token) = world.newest_link().await;
    assert!(world.get(&path, &[]).await.text.contains("value=\"/me\""));
}

async fn the_node_signs_for_a_soft_identity_while_its_session_lives(backend: Backend) {
    let world = World::new(backend).await;
    let token = world.mailbox_login("ada@example.org").await;
    let did = world.session_did(&token).await.unwrap();
    let target = format!("{ORIGIN}/events/api/checkout");
    let request = |token: &str, target: &str| CustodialSign {
        token: token.to_owned(),
        method: "POST".to_owned(),
        target_uri: target.to_owned(),
        idempotency_key: Some("k1".to_owned()),
        body: "{}".to_owned(),
    };
    let signed = world.auth.custodial_sign(request(&token, &target)).await.unwrap();
    let keys = world
        .auth
        .caller_keys(imajin_auth_api::CallerKeysRequest { did: did.clone() })
        .await
        .unwrap();
    assert_eq!(
        (keys.tier, keys.custody),
        (imajin_web::Tier::Soft, imajin_web::Custody::Node)
    );
    let expect = Expectation {
        now: world.env.now(),
        target_uri: &target,
        method: "POST",
        tag: None,
    };
    assert_eq!(signed.verify(&keys.keys, &expect).unwrap().did, did);
    for foreign in [
        "https://elsewhere.example/",
        "https://localhost:7000/x",
        "http://a@localhost:7000/",
        "x",
    ] {
        let refused = world.auth.custodial_sign(request(&token, foreign)).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest, "{foreign}");
    }
    let own = world.registered("eve").await;
    let refused = world
        .auth
        .custodial_sign(request(&world.login(&own).await, &target))
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    let bearer = format!("Bearer {token}");
    world
        .send(Method::POST, "/auth/api/logout", &[("authorization", &bearer)], "")
        .await;
    let refused = world.auth.custodial_sign(request(&token, &target)).await.unwrap_err();
    assert_eq!(refused.code, Code::Unauthenticated);
}

async fn nobody_answers_a_challenge_for_a_soft_identity(backend: Backend) {
    let world = World::new(backend).await;
    let token = world.mailbox_login("ada@example.org").await;
    let did = world.session_did(&token).await.unwrap();
    let stranger = world.registered("eve").await;
    let answer = world.answer(&stranger, did.as_str()).await;
    assert_refused(
        &world.post("/auth/api/authenticate", &answer).await,
        401,
        "bad_signature",
    );
}

async fn no_secret_is_in_the_tables(backend: Backend) {
    let world = World::new(backend).await;
    let session = world.mailbox_login("ada@example.org").await;
    let setup = world.auth.setup_token_issue().await.unwrap().unwrap();
    let tables = world.tables().await;
    assert!(tables.contains(&"custodial_keys".to_owned()));
    // Also the development mailbox holds the link only sealed.
    let (_path, link) = world.newest_link().await;
    let found = world.dump_contains(&[session, setup, link]).await;
    assert_eq!(found, Vec::<String>::new());
}

on_both! {
    opening_the_link_consumes_nothing_and_the_button_once,
    a_foreign_page_cannot_use_a_link,
    a_link_expires_and_a_wrong_one_is_the_same,
    one_mailbox_is_one_soft_identity,
    nothing_public_names_the_mailbox,
    what_is_no_mailbox_or_leads_away_is_refused,
    a_mailbox_is_not_flooded,
    the_form_of_the_login_page_gets_a_page,
    the_node_signs_for_a_soft_identity_while_its_session_lives,
    nobody_answers_a_challenge_for_a_soft_identity,
    no_secret_is_in_the_tables,
}
