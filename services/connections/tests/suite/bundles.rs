//! Statements taken along to another node.

use axum::http::StatusCode;
use imajin_connections_api::StatementKind;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key};

on_both!(
    what_was_signed_for_one_node_counts_at_another,
    what_was_ended_there_ends_here,
    nobody_brings_what_is_between_others,
    what_is_not_complete_is_not_brought,
    a_signature_of_a_key_that_was_replaced_before_is_refused,
    a_document_from_the_future_is_refused,
    what_somebody_brings_is_counted_of_them,
);

async fn taken(world: &World, who: &imajin_did::SecretKey) -> Value {
    let bundle = world
        .get(Some(&who.did()), "/export")
        .await
        .expect(StatusCode::OK)
        .json();
    json!({"statements": bundle["statements"]})
}

async fn what_was_signed_for_one_node_counts_at_another(backend: Backend) {
    let (there, here) = (World::new(backend).await, World::new(backend).await);
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| there.person(name));
    there.connect(&ada, &ben).await;
    there.vouch(&ada, &cleo, 7).await;
    there.vouch(&cleo, &ada, 8).await;
    there.ask(&ada, &key("nobody")).await;
    here.person("ada");
    let bundle = taken(&there, &ada).await;
    assert_eq!(bundle["statements"].as_array().unwrap().len(), 3);
    here.later(Span::days(400));
    let answer = here
        .change(&ada, "POST", "/import", &bundle)
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(answer["imported"].as_array().unwrap().len(), 3);
    assert_eq!(here.hops(&ada, &ben).await, 1);
    assert_eq!(here.hops(&ada, &cleo).await, 1);
    let again = here
        .change(&ada, "POST", "/import", &bundle)
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(again["imported"], json!([]));
    assert_eq!(here.audit().await, []);
    assert_eq!(here.again().await.hops(&ada, &ben).await, 1);
}

async fn what_was_ended_there_ends_here(backend: Backend) {
    let (there, here) = (World::new(backend).await, World::new(backend).await);
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| there.person(name));
    let connected = there.connect(&ada, &ben).await;
    let vouched = there.vouch(&ada, &cleo, 7).await;
    let gone = there.vouch(&cleo, &ada, 7).await;
    there.revoke(&cleo, &gone).await;
    here.person("ada");
    here.change(&ada, "POST", "/import", &taken(&there, &ada).await)
        .await
        .expect(StatusCode::OK);
    assert_eq!(here.hops(&ada, &ben).await, 1);
    there.revoke(&ben, &connected).await;
    there.revoke(&ada, &vouched).await;
    here.change(&ada, "POST", "/import", &taken(&there, &ada).await)
        .await
        .expect(StatusCode::OK);
    assert_eq!(here.hops(&ada, &ben).await, Value::Null);
    assert_eq!(here.hops(&ada, &cleo).await, Value::Null);
    assert_eq!(here.audit().await, []);
}

async fn nobody_brings_what_is_between_others(backend: Backend) {
    let (there, here) = (World::new(backend).await, World::new(backend).await);
    let (ada, ben) = (there.person("ada"), there.person("ben"));
    there.connect(&ada, &ben).await;
    let cleo = here.person("cleo");
    here.change(&cleo, "POST", "/import", &taken(&there, &ada).await)
        .await
        .expect(StatusCode::FORBIDDEN);
}

async fn what_is_not_complete_is_not_brought(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), key("ben"));
    let document = world.said(&ada, StatementKind::Connection, &ben, &json!({}));
    let body = json!({"statements": [{"document": document}]});
    world
        .change(&ada, "POST", "/import", &body)
        .await
        .expect(StatusCode::BAD_REQUEST);
    let other = world.said(&ada, StatementKind::Connection, &key("cleo"), &json!({}));
    let acceptance = world.acceptance(&ben, &imajin_connections_api::statement::digest_of(&other).unwrap());
    let body = json!({"statements": [{"document": document, "acceptance": acceptance}]});
    world
        .change(&ada, "POST", "/import", &body)
        .await
        .expect(StatusCode::BAD_REQUEST);
    let body = json!({"statements": []});
    world
        .change(&ada, "POST", "/import", &body)
        .await
        .expect(StatusCode::BAD_REQUEST);
}

async fn a_signature_of_a_key_that_was_replaced_before_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let before = world.said(&ben, StatementKind::Vouch, &ada, &json!({"weightMillionths": 1}));
    world.later(Span::hours(1));
    let since = (world.env.now(), key("the next of ben").public());
    world.people.rotated.lock().unwrap().insert(ben.did(), since);
    let after = world.said(&ben, StatementKind::Vouch, &ada, &json!({"weightMillionths": 2}));
    let body = json!({"statements": [{"document": after}]});
    world
        .change(&ada, "POST", "/import", &body)
        .await
        .expect(StatusCode::UNAUTHORIZED);
    let body = json!({"statements": [{"document": before}]});
    world
        .change(&ada, "POST", "/import", &body)
        .await
        .expect(StatusCode::OK);
    assert_eq!(world.hops(&ben, &ada).await, 1);
}

async fn a_document_from_the_future_is_refused(backend: Backend) {
    let (there, here) = (World::new(backend).await, World::new(backend).await);
    there.later(Span::hours(1));
    let (ada, ben) = (there.person("ada"), there.person("ben"));
    there.connect(&ada, &ben).await;
    here.person("ada");
    here.change(&ada, "POST", "/import", &taken(&there, &ada).await)
        .await
        .expect(StatusCode::UNAUTHORIZED);
}

async fn what_somebody_brings_is_counted_of_them(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let bundle = |numbers: std::ops::Range<u32>| {
        let vouched = numbers.map(|number| {
            let signer = key(&format!("signer {number}"));
            let document = world.said(&signer, StatementKind::Vouch, &ada, &json!({"weightMillionths": 1}));
            json!({ "document": document })
        });
        json!({"statements": vouched.collect::<Vec<_>>()})
    };
    for start in [0, 50, 100, 150] {
        let body = bundle(start..start + 50);
        world
            .change(&ada, "POST", "/import", &body)
            .await
            .expect(StatusCode::OK);
    }
    // Everybody has signed one, and one person has brought them all.
    world
        .change(&ada, "POST", "/import", &bundle(200..201))
        .await
        .expect(StatusCode::TOO_MANY_REQUESTS);
    world.vouch(&ben, &ada, 1).await;
    world.vouch(&ada, &ben, 1).await;
    world.later(Span::hours(2));
    world
        .change(&ada, "POST", "/import", &bundle(200..201))
        .await
        .expect(StatusCode::OK);
    assert_eq!(world.audit().await, []);
}
