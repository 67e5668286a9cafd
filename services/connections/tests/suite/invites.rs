//! Inviting, and taking it up.

use axum::http::StatusCode;
use imajin_connections_api::statement::{ACCEPT, AcceptTerms, INVITE_LASTS_MAX, invite_key, invite_prove};
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_proof::SignedMessage;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key};

on_both!(
    whoever_holds_the_code_is_connected_at_once,
    an_invitation_answers_a_request_between_the_two,
    every_code_that_does_not_open_gets_the_same_answer,
    the_code_of_another_does_not_help,
    who_is_flagged_invites_nobody,
    open_places_have_a_limit,
    an_invitation_lasts_ninety_days_at_most,
    nobody_ends_the_invitation_of_another,
);

fn invitation(world: &World, owner: &SecretKey, code: &str, uses: u32, lasts: Span) -> Value {
    let terms = json!({
        "key": invite_key(code).public(), "maxUses": uses, "expires": world.env.now().plus(lasts).as_millis(),
    });
    let document = world.document(owner, "trust.connection", None, &json!({"invite": terms}));
    json!({"document": document, "note": "See you."})
}

async fn invite(world: &World, owner: &SecretKey, code: &str, uses: u32) -> Answer {
    let body = invitation(world, owner, code, uses, Span::days(1));
    world.change(owner, "POST", "/invites", &body).await
}

fn taken_up(world: &World, guest: &SecretKey, code: &str, digest: &str) -> SignedMessage {
    let terms = AcceptTerms {
        statement: digest.to_owned(),
        invite_proof: Some(invite_prove(code, digest, &guest.did())),
    };
    world.document(guest, ACCEPT, None, &terms)
}

async fn take_up(world: &World, guest: &SecretKey, code: &str) -> Answer {
    let read = world.get(None, &format!("/invites/{code}")).await;
    if read.status != StatusCode::OK {
        return read;
    }
    let document = taken_up(world, guest, code, read.json()["digest"].as_str().unwrap());
    world
        .change(guest, "POST", &format!("/invites/{code}/accept"), &document)
        .await
}

async fn whoever_holds_the_code_is_connected_at_once(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    invite(&world, &ada, "sesame", 2).await.expect(StatusCode::OK);
    let read = world.get(None, "/invites/sesame").await.expect(StatusCode::OK).json();
    assert_eq!((&read["from"], &read["note"]), (&json!(ada.did()), &json!("See you.")));
    for guest in [&ben, &cleo] {
        let view = take_up(&world, guest, "sesame").await.expect(StatusCode::OK).json();
        assert_eq!(view["status"], "active");
        assert_eq!(world.hops(guest, &ada).await, 1);
    }
    let path = world.path(&ben, &cleo, "").await;
    for step in path["steps"].as_array().unwrap() {
        let proven: imajin_connections_api::Proven = serde_json::from_value(step["proof"].clone()).unwrap();
        assert!(proven.verify_self_certified().unwrap().is_complete);
    }
    let own = world.get(Some(&ada.did()), "/invites").await.json();
    let row = &own["invites"][0];
    assert_eq!((&row["uses"], &row["open"]), (&json!(2), &json!(false)));
    assert!(!own.to_string().contains("sesame"), "the node does not know the code");
    assert_eq!(world.audit().await, []);
}

async fn an_invitation_answers_a_request_between_the_two(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    world.ask(&ben, &ada).await;
    invite(&world, &ada, "sesame", 2).await.expect(StatusCode::OK);
    take_up(&world, &ben, "sesame").await.expect(StatusCode::OK);
    assert_eq!(world.hops(&ben, &ada).await, 1);
    world.later(Span::seconds(1));
    take_up(&world, &ben, "sesame").await.expect(StatusCode::CONFLICT);
    take_up(&world, &ada, "sesame").await.expect(StatusCode::BAD_REQUEST);
    assert_eq!(world.audit().await, []);
}

async fn every_code_that_does_not_open_gets_the_same_answer(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    for code in ["used", "ended"] {
        invite(&world, &ada, code, 1).await.expect(StatusCode::OK);
    }
    let ended = world.get(Some(&ada.did()), "/invites").await.json()["invites"].clone();
    let ended = ended
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap().to_owned());
    let digest = world.get(None, "/invites/used").await.json()["digest"].clone();
    take_up(&world, &ben, "used").await.expect(StatusCode::OK);
    for id in ended {
        // The used one too: it is ended as well, and what came by it stays.
        world
            .change(&ada, "DELETE", &format!("/invites/{id}"), &Value::Null)
            .await
            .expect(StatusCode::OK);
    }
    world.later(Span::seconds(1));
    invite(&world, &ada, "over", 1).await.expect(StatusCode::OK);
    world.later(Span::days(2));
    let mut answers = Vec::new();
    for code in ["never", "used", "ended", "over"] {
        let read = world.get(None, &format!("/invites/{code}")).await;
        let document = taken_up(&world, &cleo, code, digest.as_str().unwrap());
        let path = format!("/invites/{code}/accept");
        let refused = world.change(&cleo, "POST", &path, &document).await;
        answers.extend([read, refused].map(|answer| (answer.status, answer.code(), answer.detail())));
    }
    assert_eq!(answers[0].0, StatusCode::NOT_FOUND);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(world.hops(&ben, &ada).await, 1);
    assert_eq!(world.audit().await, []);
}

async fn the_code_of_another_does_not_help(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    invite(&world, &ada, "sesame", 5).await.expect(StatusCode::OK);
    let digest = world.get(None, "/invites/sesame").await.json()["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let accept = async |guest: &SecretKey, document: &SignedMessage| {
        world.change(guest, "POST", "/invites/sesame/accept", document).await
    };
    // The proof of one guest is none of another.
    let proof = taken_up(&world, &ben, "sesame", &digest).payload;
    let stolen = world.document(&cleo, ACCEPT, None, &proof);
    accept(&cleo, &stolen).await.expect(StatusCode::BAD_REQUEST);
    let guessed = taken_up(&world, &cleo, "simsim", &digest);
    accept(&cleo, &guessed).await.expect(StatusCode::BAD_REQUEST);
    let without = world.acceptance(&cleo, &digest);
    accept(&cleo, &without).await.expect(StatusCode::BAD_REQUEST);
    let stranger = key("stranger");
    let document = taken_up(&world, &stranger, "sesame", &digest);
    accept(&stranger, &document).await.expect(StatusCode::FORBIDDEN);
}

async fn who_is_flagged_invites_nobody(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    world.flag(&ben, &ada, "red").await;
    invite(&world, &ada, "sesame", 1)
        .await
        .expect(StatusCode::TOO_MANY_REQUESTS);
}

async fn open_places_have_a_limit(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    invite(&world, &ada, "one", 5).await.expect(StatusCode::OK);
    invite(&world, &ada, "two", 1)
        .await
        .expect(StatusCode::TOO_MANY_REQUESTS);
    world.vouch(&ben, &ada, 1).await;
    invite(&world, &ada, "two", 2).await.expect(StatusCode::OK);
    invite(&world, &ada, "two", 1).await.expect(StatusCode::CONFLICT);
}

async fn an_invitation_lasts_ninety_days_at_most(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    for (uses, lasts) in [
        (1, Span::days(91)),
        (1, Span::ZERO),
        (0, INVITE_LASTS_MAX),
        (101, INVITE_LASTS_MAX),
    ] {
        let body = invitation(&world, &ada, "sesame", uses, lasts);
        world
            .change(&ada, "POST", "/invites", &body)
            .await
            .expect(StatusCode::BAD_REQUEST);
    }
    let body = invitation(&world, &ada, "sesame", 1, INVITE_LASTS_MAX);
    world
        .change(&ada, "POST", "/invites", &body)
        .await
        .expect(StatusCode::OK);
}

async fn nobody_ends_the_invitation_of_another(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let made = invite(&world, &ada, "sesame", 1).await.json();
    let path = format!("/invites/{}", made["id"].as_str().unwrap());
    world
        .change(&ben, "DELETE", &path, &Value::Null)
        .await
        .expect(StatusCode::NOT_FOUND);
    world.get(None, "/invites/sesame").await.expect(StatusCode::OK);
}
