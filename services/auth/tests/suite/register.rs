use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::world::{ORIGIN, World, assert_refused};
use imajin_testkit::on_both;

const REGISTER: &str = "/auth/api/register";

fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

async fn a_new_key_registers_and_is_logged_in(backend: Backend) {
    let world = World::new(backend).await;
    let key = SecretKey::generate(&world.env);
    let reply = world.post(REGISTER, &world.registration(&key, Some("ada")).await).await;
    assert_eq!(reply.status, StatusCode::CREATED);
    assert_eq!(
        reply.json(),
        json!({"did": key.did(), "handle": "ada", "type": "human", "created": true})
    );
    let token = reply.cookie().strip_prefix("imajin_session=").unwrap().to_owned();
    assert_eq!(world.session_did(&token).await, Some(key.did()));
    assert_eq!(world.audit().await, []);
}

async fn a_known_key_is_told_so_and_not_logged_in(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let reply = world
        .post(REGISTER, &world.registration(&key, Some("other")).await)
        .await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(
        reply.json(),
        json!({"did": key.did(), "handle": "ada", "type": "human", "created": false})
    );
    assert_eq!(reply.header("set-cookie"), "");
}

async fn a_taken_or_reserved_or_misshapen_handle_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    world.registered("ada").await;
    let key = SecretKey::generate(&world.env);
    let taken = world.post(REGISTER, &world.registration(&key, Some("ada")).await).await;
    assert_refused(&taken, 409, "conflict");
    for handle in ["admin", "Ada", "ab", "a-b", "a b"] {
        let reply = world
            .post(REGISTER, &world.registration(&key, Some(handle)).await)
            .await;
        assert_refused(&reply, 400, "invalid_request");
    }
    let body = world.registration(&key, Some("ada_2")).await;
    assert_eq!(
        world.post(REGISTER, &body).await.status,
        StatusCode::CREATED,
        "a refusal spends nothing"
    );
}

async fn an_old_registration_body_sent_again_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let key = SecretKey::generate(&world.env);
    let body = world.registration(&key, Some("ada")).await;
    assert_eq!(world.post(REGISTER, &body).await.status, StatusCode::CREATED);
    assert_refused(&world.post(REGISTER, &body).await, 401, "replayed");
    let world = world.restart().await;
    assert_refused(&world.post(REGISTER, &body).await, 401, "replayed");
}

async fn a_registration_without_a_fresh_proof_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (key, other) = (SecretKey::generate(&world.env), SecretKey::generate(&world.env));
    let body = world.registration(&key, None).await;
    let without = json!({"publicKey": key.public().to_hex(), "type": "human"});
    assert_refused(&world.post(REGISTER, &without).await, 400, "invalid_request");
    let forged = with(body.clone(), "signature", json!(other.sign(b"x").to_hex()));
    assert_refused(&world.post(REGISTER, &forged).await, 401, "bad_signature");
    let misshapen = with(body.clone(), "signature", json!("ab"));
    assert_refused(&world.post(REGISTER, &misshapen).await, 400, "invalid_request");
    let foreign_key = with(body.clone(), "publicKey", json!(other.public().to_hex()));
    assert_refused(&world.post(REGISTER, &foreign_key).await, 401, "bad_signature");
    world.clock.advance(imajin_kernel::Span::minutes(5));
    assert_refused(&world.post(REGISTER, &body).await, 401, "stale_signature");
}

async fn a_challenge_of_another_identity_does_not_register(backend: Backend) {
    let world = World::new(backend).await;
    let (key, other) = (SecretKey::generate(&world.env), SecretKey::generate(&world.env));
    let (id, text) = world.challenge(other.did().as_str()).await;
    let body = json!({
        "publicKey": key.public().to_hex(), "type": "human", "challengeId": id,
        "signature": key.sign(text.as_bytes()).to_hex(),
    });
    assert_refused(&world.post(REGISTER, &body).await, 401, "bad_signature");
}

async fn wrong_members_are_named(backend: Backend) {
    let world = World::new(backend).await;
    let key = SecretKey::generate(&world.env);
    let body = world.registration(&key, None).await;
    let own = key.public().multikey();
    for (name, value) in [
        ("publicKey", json!("00")),
        ("publicKey", json!("01".to_owned() + &"00".repeat(31))),
        ("type", json!("robot")),
        ("name", json!("")),
        ("name", json!("a".repeat(81))),
        ("name", json!("a\u{7}b")),
        ("name", json!("a\u{202e}b")),
        ("recoveryKey", json!("z6Mk")),
        ("recoveryKey", json!(own)),
    ] {
        let reply = world.post(REGISTER, &with(body.clone(), name, value)).await;
        assert_refused(&reply, 400, "invalid_request");
    }
    let extra = with(body, "somethingNew", json!(1));
    assert_eq!(
        world.post(REGISTER, &extra).await.status,
        StatusCode::CREATED,
        "unknown members are left alone"
    );
}

async fn a_signed_registration_is_logged_with_its_signature(backend: Backend) {
    let world = World::new(backend).await;
    let key = SecretKey::generate(&world.env);
    let recovery = SecretKey::generate(&world.env).public().multikey();
    let body = with(
        world.registration(&key, Some("ada")).await,
        "recoveryKey",
        json!(recovery),
    )
    .to_string();
    let signed = world.signed(&key, "POST", REGISTER, &body);
    let reply = world.send_signed(&signed, REGISTER, &body).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    assert_refused(&world.send_signed(&signed, REGISTER, &body).await, 401, "replayed");
    let object = key.did().to_string();
    let logged = world
        .db
        .read(move |conn| Ok::<_, imajin_store::StoreError>(imajin_store::mutation::last_body(conn, &object)?))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(logged.body.as_deref(), Some(body.as_bytes()), "exactly what was signed");
    assert_eq!(world.audit().await, []);
}

async fn a_registration_signed_by_another_key_or_changed_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (key, other) = (SecretKey::generate(&world.env), SecretKey::generate(&world.env));
    let body = world.registration(&key, None).await.to_string();
    let by_other = world.signed(&other, "POST", REGISTER, &body);
    assert_refused(
        &world.send_signed(&by_other, REGISTER, &body).await,
        401,
        "bad_signature",
    );
    let signed = world.signed(&key, "POST", REGISTER, &body);
    let changed = body.replace("Ada", "Eve");
    assert_refused(
        &world.send_signed(&signed, REGISTER, &changed).await,
        401,
        "bad_signature",
    );
    let elsewhere = world.signed(&key, "POST", "/auth/api/setup", &body);
    assert_refused(
        &world.send_signed(&elsewhere, REGISTER, &body).await,
        401,
        "bad_signature",
    );
    let half = [("signature", signed.signature.as_str())];
    let half = world
        .post_from(REGISTER, &half, &serde_json::from_str(&body).unwrap())
        .await;
    assert_refused(&half, 401, "unauthenticated");
}

async fn malformed_and_oversized_bodies_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let json_type = [("content-type", "application/json")];
    let send = async |headers: &[(&str, &str)], body: &str| {
        world.send(axum::http::Method::POST, REGISTER, headers, body).await
    };
    assert_refused(&send(&json_type, "{\"publicKey\":").await, 400, "malformed_body");
    assert_refused(&send(&json_type, "[]").await, 400, "invalid_request");
    assert_refused(
        &send(&[("content-type", "text/plain")], "{}").await,
        415,
        "unsupported_media_type",
    );
    let large = format!("{{\"name\":\"{}\"}}", "a".repeat(70_000));
    assert_refused(&send(&json_type, &large).await, 413, "body_too_large");
}

async fn a_foreign_page_cannot_register_its_visitor(backend: Backend) {
    let world = World::new(backend).await;
    let key = SecretKey::generate(&world.env);
    let body = world.registration(&key, None).await;
    let foreign = world
        .post_from(REGISTER, &[("origin", "https://elsewhere.example")], &body)
        .await;
    assert_refused(&foreign, 403, "cross_site");
    let own = world.post_from(REGISTER, &[("origin", ORIGIN)], &body).await;
    assert_eq!(own.status, StatusCode::CREATED);
    assert!(own.cookie().starts_with("__Host-imajin_session="), "{own:?}");
}

async fn two_at_once_cannot_have_one_handle(backend: Backend) {
    let world = World::new(backend).await;
    let bodies = [
        world.registration(&SecretKey::generate(&world.env), Some("ada")).await,
        world.registration(&SecretKey::generate(&world.env), Some("ada")).await,
    ];
    let (one, two) = tokio::join!(world.post(REGISTER, &bodies[0]), world.post(REGISTER, &bodies[1]));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
}

on_both! {
    a_new_key_registers_and_is_logged_in,
    a_known_key_is_told_so_and_not_logged_in,
    a_taken_or_reserved_or_misshapen_handle_is_refused,
    an_old_registration_body_sent_again_is_refused,
    a_registration_without_a_fresh_proof_is_refused,
    a_challenge_of_another_identity_does_not_register,
    wrong_members_are_named,
    a_signed_registration_is_logged_with_its_signature,
    a_registration_signed_by_another_key_or_changed_is_refused,
    malformed_and_oversized_bodies_are_refused,
    a_foreign_page_cannot_register_its_visitor,
    two_at_once_cannot_have_one_handle,
}
