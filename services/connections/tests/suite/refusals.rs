//! What is refused, each by its own test.

use axum::http::StatusCode;
use imajin_connections_api::StatementKind;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::json;

use crate::world::{World, key};

on_both!(
    a_stranger_says_nothing,
    a_mailbox_identity_says_nothing,
    nobody_speaks_for_another,
    a_forged_document_is_refused,
    an_old_document_is_refused,
    a_replayed_request_is_refused,
    nobody_vouches_for_themselves,
    a_mailbox_is_in_no_document,
    an_impossible_weight_is_refused,
    an_end_before_the_beginning_is_refused,
    a_third_person_accepts_nothing,
    nobody_accepts_their_own_request,
    two_requests_between_two_people_are_refused,
    a_third_person_takes_nothing_back,
    the_subject_of_a_vouch_cannot_take_it_back,
    an_open_invitation_is_no_statement,
    an_unknown_member_is_refused,
    unanswered_requests_have_a_limit,
);

async fn a_stranger_says_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let (stranger, ben) = (key("stranger"), world.person("ben"));
    let document = world.said(&stranger, StatementKind::Vouch, &ben, &json!({"weightMillionths": 1}));
    world.submit(&stranger, &document).await.expect(StatusCode::FORBIDDEN);
    world.get(None, "/connections").await.expect(StatusCode::UNAUTHORIZED);
}

async fn a_mailbox_identity_says_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let (soft, ben) = (world.register("soft", Tier::Soft), world.person("ben"));
    let document = world.said(&soft, StatementKind::Connection, &ben, &json!({}));
    world.submit(&soft, &document).await.expect(StatusCode::FORBIDDEN);
}

async fn nobody_speaks_for_another(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let document = world.said(&ada, StatementKind::Vouch, &ben, &json!({"weightMillionths": 1}));
    world.submit(&ben, &document).await.expect(StatusCode::FORBIDDEN);
    assert_eq!(world.hops(&ada, &ben).await, serde_json::Value::Null);
}

async fn a_forged_document_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let mut document = world.said(&ada, StatementKind::Vouch, &ben, &json!({"weightMillionths": 1}));
    document.payload = json!({"weightMillionths": 2});
    world.submit(&ada, &document).await.expect(StatusCode::UNAUTHORIZED);
}

async fn an_old_document_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let document = world.said(&ada, StatementKind::Vouch, &ben, &json!({"weightMillionths": 1}));
    world.later(Span::minutes(6));
    world.submit(&ada, &document).await.expect(StatusCode::UNAUTHORIZED);
}

async fn a_replayed_request_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let document = world.said(&ada, StatementKind::Connection, &ben, &json!({}));
    let signed = world.sign(&ada, "POST", "/statements", &document);
    world.send_signed(&signed).await.expect(StatusCode::OK);
    let again = world.send_signed(&signed).await;
    again.expect(StatusCode::UNAUTHORIZED);
    assert_eq!(again.code(), "replayed");
}

async fn nobody_vouches_for_themselves(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let document = world.said(&ada, StatementKind::Vouch, &ada, &json!({"weightMillionths": 1}));
    world.submit(&ada, &document).await.expect(StatusCode::BAD_REQUEST);
}

async fn a_mailbox_is_in_no_document(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let mailbox = Some("did:email:ben_at_example.org".parse().unwrap());
    let payload = json!({"weightMillionths": 1});
    let now = world.env.now();
    let document = imajin_proof::SignedMessage::sign(&ada, ada.did(), "trust.vouch", mailbox, now, payload).unwrap();
    world.submit(&ada, &document).await.expect(StatusCode::BAD_REQUEST);
}

async fn an_impossible_weight_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    for weight in [json!(0), json!(1_000_001), json!(-1), json!(0.5), json!("1")] {
        let document = world.said(&ada, StatementKind::Vouch, &ben, &json!({"weightMillionths": weight}));
        world.submit(&ada, &document).await.expect(StatusCode::BAD_REQUEST);
    }
}

async fn an_end_before_the_beginning_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    for ends in [world.env.now().as_millis(), 9_000_000_000_000] {
        let payload = json!({"weightMillionths": 1, "expires": ends});
        let document = world.said(&ada, StatementKind::Vouch, &ben, &payload);
        world.submit(&ada, &document).await.expect(StatusCode::BAD_REQUEST);
    }
}

async fn a_third_person_accepts_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    let asked = world.ask(&ada, &ben).await;
    let document = world.acceptance(&cleo, &asked.digest);
    world.submit(&cleo, &document).await.expect(StatusCode::NOT_FOUND);
}

async fn nobody_accepts_their_own_request(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let asked = world.ask(&ada, &ben).await;
    let document = world.acceptance(&ada, &asked.digest);
    world.submit(&ada, &document).await.expect(StatusCode::NOT_FOUND);
    let vouched = world.vouch(&ada, &ben, 1).await;
    let document = world.acceptance(&ben, &vouched.digest);
    world.submit(&ben, &document).await.expect(StatusCode::BAD_REQUEST);
}

async fn two_requests_between_two_people_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let asked = world.ask(&ada, &ben).await;
    world.later(Span::seconds(1));
    for (from, to) in [(&ada, &ben), (&ben, &ada)] {
        let document = world.said(from, StatementKind::Connection, to, &json!({}));
        world.submit(from, &document).await.expect(StatusCode::CONFLICT);
    }
    world.accept(&ben, &asked).await;
    let document = world.said(&ben, StatementKind::Connection, &ada, &json!({}));
    world.submit(&ben, &document).await.expect(StatusCode::CONFLICT);
}

async fn a_third_person_takes_nothing_back(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    let connected = world.connect(&ada, &ben).await;
    let document = world.revocation(&cleo, &connected.digest);
    world.submit(&cleo, &document).await.expect(StatusCode::NOT_FOUND);
    assert_eq!(world.hops(&ada, &ben).await, 1);
}

async fn the_subject_of_a_vouch_cannot_take_it_back(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let vouched = world.vouch(&ada, &ben, 1).await;
    let document = world.revocation(&ben, &vouched.digest);
    world.submit(&ben, &document).await.expect(StatusCode::BAD_REQUEST);
    assert_eq!(world.hops(&ada, &ben).await, 1);
}

async fn an_open_invitation_is_no_statement(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let document = world.document(&ada, "trust.connection", None, &json!({}));
    world.submit(&ada, &document).await.expect(StatusCode::BAD_REQUEST);
}

async fn an_unknown_member_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let payload = json!({"weightMillionths": 1, "weight": 1});
    let document = world.said(&ada, StatementKind::Vouch, &ben, &payload);
    world.submit(&ada, &document).await.expect(StatusCode::BAD_REQUEST);
    let document = world.document(&ada, "trust.love", Some(&ben), &json!({}));
    world.submit(&ada, &document).await.expect(StatusCode::BAD_REQUEST);
}

async fn unanswered_requests_have_a_limit(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    for number in 0..100 {
        world.ask(&ada, &key(&number.to_string())).await;
    }
    let document = world.said(&ada, StatementKind::Connection, &key("one more"), &json!({}));
    world
        .submit(&ada, &document)
        .await
        .expect(StatusCode::TOO_MANY_REQUESTS);
}
