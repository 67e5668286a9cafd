use axum::http::StatusCode;
use imajin_did::{Did, SecretKey};
use imajin_kernel::Span;
use imajin_testkit::Backend;
use serde_json::json;

use crate::keys::register_signed;
use crate::world::{ORIGIN, World, assert_refused};
use imajin_testkit::on_both;

const AUTHENTICATE: &str = "/auth/api/authenticate";
const VERIFY: &str = "/auth/api/login/verify";

async fn a_registered_key_logs_in_under_any_of_its_names(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let mut names: Vec<String> = key.did().also_known_as().iter().map(ToString::to_string).collect();
    names.extend(["ada".to_owned(), "Ada".to_owned(), key.public().to_hex()]);
    names.extend([key.did().to_string(), Did::short_alias(&key.public()).to_string()]);
    for name in names {
        let reply = world.post(AUTHENTICATE, &world.answer(&key, &name).await).await;
        assert_eq!(reply.status, StatusCode::OK, "{name}: {reply:?}");
        let json = reply.json();
        assert_eq!(json["identity"]["did"], json!(key.did()), "{name}");
        assert_eq!(json["identity"]["tier"], "key");
        assert_eq!(
            world.session_did(json["token"].as_str().unwrap()).await,
            Some(key.did())
        );
    }
}

async fn the_login_routes_take_a_handle_or_a_did_and_set_a_cookie(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    for member in ["handle", "did", "id"] {
        let name = if member == "did" {
            key.did().to_string()
        } else {
            "ada".to_owned()
        };
        let challenge = world
            .post("/auth/api/login/challenge", &json!({member: name}))
            .await
            .json();
        let signature = key.sign(challenge["challenge"].as_str().unwrap().as_bytes()).to_hex();
        let body = json!({"challengeId": challenge["challengeId"], "signature": signature});
        let reply = world.post(VERIFY, &body).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        assert!(reply.json().get("token").is_none(), "the token is in the cookie only");
        let cookie = reply.cookie();
        assert!(cookie.starts_with("imajin_session="), "{cookie}");
        let session = world.get("/auth/api/session", &[("cookie", &cookie)]).await.json();
        assert_eq!((&session["handle"], &session["type"]), (&json!("ada"), &json!("human")));
    }
}

async fn several_names_for_one_are_understood_and_none_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let who = json!({"id": key.did(), "did": key.did(), "handle": "ada"});
    for path in ["/auth/api/challenge", "/auth/api/login/challenge"] {
        assert_eq!(world.post(path, &who).await.status, StatusCode::OK);
        assert_refused(&world.post(path, &json!({})).await, 400, "invalid_request");
    }
}

async fn a_browser_gets_the_host_cookie_and_only_from_our_own_page(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let foreign = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://elsewhere.example"),
    ];
    let reply = world
        .post_from(VERIFY, &foreign, &world.answer(&key, "ada").await)
        .await;
    assert_refused(&reply, 403, "cross_site");
    let sibling = [
        ("sec-fetch-site", "same-site"),
        ("origin", "http://sibling.localhost:7000"),
    ];
    let reply = world
        .post_from(VERIFY, &sibling, &world.answer(&key, "ada").await)
        .await;
    assert_refused(&reply, 403, "cross_site");
    let own = [("sec-fetch-site", "same-origin"), ("origin", ORIGIN)];
    let reply = world.post_from(VERIFY, &own, &world.answer(&key, "ada").await).await;
    let cookie = reply.header("set-cookie");
    assert!(cookie.starts_with("__Host-imajin_session="), "{cookie}");
    assert!(
        cookie.contains("; Path=/;") && cookie.contains("; Secure") && !cookie.contains("Domain"),
        "{cookie}"
    );
    assert!(
        cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"),
        "{cookie}"
    );
    assert_eq!(
        world
            .get("/auth/api/session", &[("cookie", &reply.cookie())])
            .await
            .status,
        StatusCode::OK
    );
}

async fn the_recovery_key_opens_a_session_and_signs_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let (key, recovery) = (SecretKey::generate(&world.env), SecretKey::generate(&world.env));
    let mut body = world.registration(&key, Some("ada")).await;
    body["recoveryKey"] = json!(recovery.public().multikey());
    assert_eq!(register_signed(&world, &key, &body).await.status, StatusCode::CREATED);
    let reply = world.post(AUTHENTICATE, &world.answer(&recovery, "ada").await).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let token = reply.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(world.session_did(&token).await, Some(key.did()));
    let bearer = format!("Bearer {token}");
    let sessions = world
        .get("/auth/api/sessions", &[("authorization", &bearer)])
        .await
        .json();
    let current = sessions["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["current"] == true)
        .unwrap();
    assert_eq!(current["method"], "recovery");
    let path = format!("/auth/api/sessions/{}", current["id"].as_str().unwrap());
    let params = imajin_proof::http_sig::SignatureParams::now(key.did(), &world.env);
    let target_uri = format!("{ORIGIN}{path}");
    let to_sign = imajin_proof::http_sig::RequestToSign {
        method: "DELETE",
        target_uri: &target_uri,
        idempotency_key: None,
        body: b"",
    };
    let signed = imajin_proof::http_sig::sign(&recovery, &to_sign, &params).unwrap();
    assert_refused(&world.send_signed(&signed, &path, "").await, 401, "bad_signature");
}

async fn a_bad_signature_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let other = SecretKey::generate(&world.env);
    assert_refused(
        &world.post(AUTHENTICATE, &world.answer(&other, "ada").await).await,
        401,
        "bad_signature",
    );
    let (id, text) = world.challenge("ada").await;
    for signed in [text.to_uppercase().into_bytes(), hex::decode(&text).unwrap()] {
        let body = json!({"id": "ada", "challengeId": id, "signature": key.sign(&signed).to_hex()});
        assert_refused(&world.post(AUTHENTICATE, &body).await, 401, "bad_signature");
    }
    let body = json!({"id": "ada", "challengeId": id, "signature": key.sign(text.as_bytes()).to_hex()});
    assert_eq!(
        world.post(AUTHENTICATE, &body).await.status,
        StatusCode::OK,
        "a wrong answer does not spend it"
    );
}

async fn a_challenge_of_another_identity_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (world.registered("ada").await, world.registered("eve").await);
    let (id, text) = world.challenge("ada").await;
    let by_eve = eve.sign(text.as_bytes()).to_hex();
    let by_ada = ada.sign(text.as_bytes()).to_hex();
    for body in [
        json!({"id": "eve", "challengeId": id, "signature": by_eve}),
        json!({"challengeId": id, "signature": by_eve}),
        json!({"id": "eve", "challengeId": id, "signature": by_ada}),
        json!({"id": "nobody_at_all", "challengeId": id, "signature": by_ada}),
    ] {
        assert_refused(&world.post(AUTHENTICATE, &body).await, 401, "bad_signature");
    }
}

async fn a_challenge_used_twice_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let answer = world.answer(&key, "ada").await;
    assert_eq!(world.post(AUTHENTICATE, &answer).await.status, StatusCode::OK);
    assert_refused(&world.post(AUTHENTICATE, &answer).await, 401, "replayed");
    assert_refused(&world.post(VERIFY, &answer).await, 401, "replayed");
    let world = world.restart().await;
    assert_refused(&world.post(AUTHENTICATE, &answer).await, 401, "replayed");
}

async fn an_expired_challenge_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let (early, late) = (world.answer(&key, "ada").await, world.answer(&key, "ada").await);
    world.clock.advance(Span::seconds(299));
    assert_eq!(world.post(AUTHENTICATE, &early).await.status, StatusCode::OK);
    world.clock.advance(Span::seconds(1));
    assert_refused(&world.post(AUTHENTICATE, &late).await, 401, "stale_signature");
}

async fn a_name_that_nobody_has_cannot_be_told_from_a_known_one(backend: Backend) {
    let world = World::new(backend).await;
    world.registered("ada").await;
    let other = SecretKey::generate(&world.env);
    let mut answers = Vec::new();
    let names = [
        "ada",
        "nobody_here",
        "did:imajin:0123456789abcdef",
        "did:email:a_at_b.org",
        "did:web:b.org",
        "x y",
    ];
    for name in names {
        let challenge = world.post("/auth/api/login/challenge", &json!({"handle": name})).await;
        assert_eq!(challenge.status, StatusCode::OK, "{name}");
        let json = challenge.json();
        let lengths = (
            json["challengeId"].as_str().unwrap().len(),
            json["challenge"].as_str().unwrap().len(),
        );
        let signature = other.sign(json["challenge"].as_str().unwrap().as_bytes()).to_hex();
        let body = json!({"id": name, "challengeId": json["challengeId"], "signature": signature});
        let refused = world.post(AUTHENTICATE, &body).await;
        let mut problem = refused.json();
        problem["requestId"] = json!(null);
        answers.push((lengths, json["expiresAt"].clone(), refused.status, problem));
    }
    for answer in &answers {
        assert_eq!(*answer, answers[0]);
    }
}

async fn a_key_that_is_not_registered_learns_so_only_after_its_proof(backend: Backend) {
    let world = World::new(backend).await;
    let (key, other) = (SecretKey::generate(&world.env), SecretKey::generate(&world.env));
    let did = key.did().to_string();
    assert_refused(
        &world.post(AUTHENTICATE, &world.answer(&other, &did).await).await,
        401,
        "bad_signature",
    );
    assert_refused(
        &world.post(AUTHENTICATE, &world.answer(&key, &did).await).await,
        403,
        "forbidden",
    );
}

async fn asking_for_challenges_leaves_nothing_behind(backend: Backend) {
    let world = World::new(backend).await;
    let count = async |world: &World| {
        world
            .db
            .read(|conn| Ok::<_, imajin_store::StoreError>(imajin_store::tamper::rows(conn, "challenge_uses")?.len()))
            .await
            .unwrap()
    };
    for _ in 0..20 {
        world.challenge("nobody").await;
    }
    assert_eq!(count(&world).await, 0);
    let key = world.registered("ada").await;
    world.login(&key).await;
    assert_eq!(count(&world).await, 2);
    world.clock.advance(Span::minutes(6));
    world.auth.purge_expired().await.unwrap();
    assert_eq!(count(&world).await, 0);
}

on_both! {
    a_registered_key_logs_in_under_any_of_its_names,
    the_login_routes_take_a_handle_or_a_did_and_set_a_cookie,
    several_names_for_one_are_understood_and_none_is_refused,
    a_browser_gets_the_host_cookie_and_only_from_our_own_page,
    the_recovery_key_opens_a_session_and_signs_nothing,
    a_bad_signature_is_refused,
    a_challenge_of_another_identity_is_refused,
    a_challenge_used_twice_is_refused,
    an_expired_challenge_is_refused,
    a_name_that_nobody_has_cannot_be_told_from_a_known_one,
    a_key_that_is_not_registered_learns_so_only_after_its_proof,
    asking_for_challenges_leaves_nothing_behind,
}
