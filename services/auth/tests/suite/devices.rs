use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::keys::Ada;
use crate::world::{Reply, World, assert_refused};

const DEVICES: &str = "/auth/api/devices";
const REQUESTS: &str = "/auth/api/devices/requests";

async fn ask(world: &World, device: &SecretKey, who: &str) -> Reply {
    let body = json!({"handle": who, "name": "New tablet"}).to_string();
    let signed = world.signed(device, "POST", REQUESTS, &body);
    world.send_signed(&signed, REQUESTS, &body).await
}

async fn list(world: &World, token: &str) -> Value {
    let reply = world
        .get(DEVICES, &[("authorization", &format!("Bearer {token}"))])
        .await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply.json()
}

async fn standing(world: &World, asked: &Reply) -> Reply {
    let id = asked.json()["requestId"].as_str().unwrap().to_owned();
    world.get(&format!("{REQUESTS}/{id}"), &[]).await
}

async fn a_new_device_asks_and_an_existing_one_signs_it_in(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, tablet) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    let token = ada.login(&world, &ada.phone).await;
    let asked = ask(&world, &tablet, "ada").await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{asked:?}");
    assert_eq!(standing(&world, &asked).await.json()["status"], "pending");
    let listed = list(&world, &token).await;
    let request = &listed["requests"][0];
    assert_eq!(request["code"], asked.json()["code"], "a person can compare them");
    assert_eq!(request["key"], json!(tablet.public().multikey()));
    assert_eq!(
        (&request["name"], listed["requests"].as_array().unwrap().len()),
        (&json!("New tablet"), 1)
    );
    assert_refused(&ada.login_reply(&world, &tablet).await, 401, "bad_signature");

    let body = json!({
        "entry": ada.addition(&world, &tablet).await, "name": " Tablet ", "request": request["id"],
    });
    let reply = ada.request(&world, &ada.phone, "POST", DEVICES, Some(&body)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let standing = standing(&world, &asked).await.json();
    assert_eq!(
        (&standing["status"], &standing["did"]),
        (&json!("approved"), &json!(ada.did))
    );
    let by_tablet = ada.login(&world, &tablet).await;
    let listed = list(&world, &by_tablet).await;
    assert_eq!(listed["requests"], json!([]));
    let devices = listed["devices"].as_array().unwrap();
    assert_eq!(
        (&devices[1]["name"], &devices[1]["current"]),
        (&json!("Tablet"), &json!(true))
    );
    assert_eq!(devices[0]["current"], false);
    assert!(devices.iter().all(|device| device["lastUsedAt"].is_string()));
    assert_eq!(
        (&listed["hasNextKey"], &listed["contested"]),
        (&json!(true), &json!(false))
    );
    assert!(
        !ada.log(&world).await.to_string().contains("Tablet"),
        "names are private"
    );
    assert_eq!(world.audit().await, []);
}

async fn an_approval_is_for_the_key_that_asked(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::registered(&world, "ada").await;
    let [tablet, other] = [(); 2].map(|()| SecretKey::generate(&world.env));
    let token = ada.login(&world, &ada.phone).await;
    ask(&world, &tablet, "ada").await;
    let id = list(&world, &token).await["requests"][0]["id"].clone();
    let body = json!({"entry": ada.addition(&world, &other).await, "name": "Tablet", "request": id});
    let reply = ada.request(&world, &ada.phone, "POST", DEVICES, Some(&body)).await;
    assert_refused(&reply, 404, "not_found");
    assert_eq!(ada.log(&world).await["seq"], 0, "nothing of it has happened");
    let eve = Ada::registered(&world, "eve").await;
    let body = json!({"entry": eve.addition(&world, &tablet).await, "name": "Tablet", "request": id});
    let reply = eve.request(&world, &eve.phone, "POST", DEVICES, Some(&body)).await;
    assert_refused(&reply, 404, "not_found");
}

async fn a_request_is_refused_by_the_identity_only(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, tablet) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    let token = ada.login(&world, &ada.phone).await;
    let asked = ask(&world, &tablet, "ada").await;
    let id = list(&world, &token).await["requests"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{REQUESTS}/{id}");
    let eve = Ada::registered(&world, "eve").await;
    assert_refused(
        &eve.request(&world, &eve.phone, "DELETE", &path, None).await,
        404,
        "not_found",
    );
    assert_eq!(
        world
            .send(axum::http::Method::DELETE, &path, &[], "")
            .await
            .status
            .as_u16(),
        401
    );
    let reply = ada.request(&world, &ada.phone, "DELETE", &path, None).await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{reply:?}");
    assert_eq!(standing(&world, &asked).await.json()["status"], "refused");
    assert_refused(
        &ada.request(&world, &ada.phone, "DELETE", &path, None).await,
        404,
        "not_found",
    );
    assert_eq!(list(&world, &token).await["requests"], json!([]));
}

async fn a_request_for_nobody_cannot_be_told_from_one_for_somebody(backend: Backend) {
    let world = World::new(backend).await;
    Ada::registered(&world, "ada").await;
    let mut answers = Vec::new();
    for who in ["ada", "nobody_here", "did:web:example.org", "x y"] {
        let asked = ask(&world, &SecretKey::generate(&world.env), who).await;
        let json = asked.json();
        let lengths = (
            json["requestId"].as_str().unwrap().len(),
            json["code"].as_str().unwrap().len(),
        );
        let standing = standing(&world, &asked).await;
        answers.push((
            asked.status,
            lengths,
            json["expiresAt"].clone(),
            standing.status,
            standing.json(),
        ));
    }
    for answer in &answers {
        assert_eq!(*answer, answers[0]);
    }
}

async fn a_request_must_be_signed_by_the_new_key_itself(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, tablet) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    let unsigned = world.post(REQUESTS, &json!({"handle": "ada", "name": "x"})).await;
    assert_refused(&unsigned, 401, "unauthenticated");
    assert_eq!(
        ada.send(&world, "rotate", &ada.addition(&world, &tablet).await)
            .await
            .status,
        StatusCode::OK
    );
    // The identity's second key signs for the identity, not for itself.
    let reply = ada
        .request(
            &world,
            &tablet,
            "POST",
            REQUESTS,
            Some(&json!({"handle": "ada", "name": "x"})),
        )
        .await;
    assert_refused(&reply, 400, "invalid_request");
    // The same request twice.
    let body = json!({"handle": "ada", "name": "x"}).to_string();
    let signed = world.signed(&SecretKey::generate(&world.env), "POST", REQUESTS, &body);
    assert_eq!(
        world.send_signed(&signed, REQUESTS, &body).await.status,
        StatusCode::ACCEPTED
    );
    assert_refused(&world.send_signed(&signed, REQUESTS, &body).await, 401, "replayed");
}

async fn an_identity_holds_ten_requests_for_fifteen_minutes(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::registered(&world, "ada").await;
    let token = ada.login(&world, &ada.phone).await;
    let first = ask(&world, &SecretKey::generate(&world.env), "ada").await;
    for _ in 0..11 {
        world.clock.advance(Span::seconds(1));
        ask(&world, &SecretKey::generate(&world.env), "ada").await;
    }
    let requests = list(&world, &token).await["requests"].clone();
    assert_eq!(requests.as_array().unwrap().len(), 10);
    assert!(!requests.to_string().contains(first.json()["code"].as_str().unwrap()));
    world.clock.advance(Span::minutes(15));
    assert_eq!(list(&world, &token).await["requests"], json!([]));
    assert_refused(&standing(&world, &first).await, 404, "not_found");
    world.auth.purge_expired().await.unwrap();
    let left = world
        .db
        .read(|conn| Ok::<_, imajin_store::StoreError>(imajin_store::tamper::rows(conn, "device_requests")?.len()));
    assert_eq!(left.await.unwrap(), 0);
}

async fn a_device_gets_a_name_by_a_signature(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::registered(&world, "ada").await;
    let token = ada.login(&world, &ada.phone).await;
    let path = format!("{DEVICES}/{}/name", ada.phone.public().multikey());
    let bearer = format!("Bearer {token}");
    let by_session = world
        .post_from(&path, &[("authorization", &bearer)], &json!({"name": "x"}))
        .await;
    assert_refused(&by_session, 401, "unauthenticated");
    let reply = ada
        .request(&world, &ada.phone, "POST", &path, Some(&json!({"name": "Old phone"})))
        .await;
    assert_eq!(reply.status, StatusCode::NO_CONTENT, "{reply:?}");
    assert_eq!(list(&world, &token).await["devices"][0]["name"], "Old phone");
    let reply = ada
        .request(&world, &ada.phone, "POST", &path, Some(&json!({"name": "\u{202e}"})))
        .await;
    assert_refused(&reply, 400, "invalid_request");
    let other = format!("{DEVICES}/{}/name", ada.next.public().multikey());
    let reply = ada
        .request(&world, &ada.phone, "POST", &other, Some(&json!({"name": "x"})))
        .await;
    assert_refused(&reply, 404, "not_found");
    assert_eq!(world.audit().await, []);
}

async fn an_identity_without_a_log_has_one_device(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let token = world.login(&key).await;
    let listed = list(&world, &token).await;
    assert_eq!(listed["devices"][0]["key"], json!(key.public().multikey()));
    assert_eq!((&listed["head"], &listed["hasNextKey"]), (&json!(null), &json!(false)));
    assert_eq!(world.audit().await, []);
}

on_both! {
    a_new_device_asks_and_an_existing_one_signs_it_in,
    an_approval_is_for_the_key_that_asked,
    a_request_is_refused_by_the_identity_only,
    a_request_for_nobody_cannot_be_told_from_one_for_somebody,
    a_request_must_be_signed_by_the_new_key_itself,
    an_identity_holds_ten_requests_for_fifteen_minutes,
    a_device_gets_a_name_by_a_signature,
    an_identity_without_a_log_has_one_device,
}
