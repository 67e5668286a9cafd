//! Who sees whose ties.

use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::{World, key};

on_both!(
    a_stranger_learns_nothing_that_is_not_for_everybody,
    who_shows_their_ties_to_nobody_is_on_no_path_for_others,
    nobody_comes_nearer_by_what_they_say_themselves,
    a_question_about_others_needs_the_leave_of_both,
);

async fn distance(world: &World, reader: Option<&SecretKey>, from: &SecretKey, to: &SecretKey) -> Value {
    let path = format!("/trust/distance?from_did={}&to_did={}", from.did(), to.did());
    let reader = reader.map(SecretKey::did);
    world.get(reader.as_ref(), &path).await.expect(StatusCode::OK).json()["distance"].clone()
}

async fn a_stranger_learns_nothing_that_is_not_for_everybody(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    world.connect(&ada, &ben).await;
    let status = async |did| world.get(None, &format!("/connections/status/{did}")).await.json();
    let hidden = status(ada.did()).await;
    assert_eq!(hidden, status(key("never seen").did()).await, "as if there were nobody");
    assert_eq!(distance(&world, None, &ada, &ben).await, Value::Null);
    let standing = format!("/trust/standing/{}", ada.did());
    world.get(None, &standing).await.expect(StatusCode::NOT_FOUND);
    world.audience(&ada, "everybody").await;
    assert_eq!(status(ada.did()).await, json!({"inGraph": true, "connectionCount": 1}));
    assert_eq!(distance(&world, None, &ada, &ben).await, Value::Null, "it takes both");
    world.audience(&ben, "everybody").await;
    assert_eq!(distance(&world, None, &ada, &ben).await, 1);
    assert_eq!(world.audit().await, []);
}

async fn who_shows_their_ties_to_nobody_is_on_no_path_for_others(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    world.connect(&ada, &ben).await;
    world.connect(&ben, &cleo).await;
    world.audience(&cleo, "nobody").await;
    assert_eq!(world.hops(&ada, &cleo).await, Value::Null);
    assert_eq!(world.path(&ada, &cleo, "").await["whyNot"], json!({"reason": "apart"}));
    assert_eq!(world.hops(&ben, &cleo).await, 1, "one's own tie is no secret");
    let within = world.get(Some(&ada.did()), "/trust/within").await.json();
    assert_eq!(within["people"], json!([{"did": ben.did(), "hops": 1}]));
    world.audience(&cleo, "connections").await;
    assert_eq!(world.hops(&ada, &cleo).await, Value::Null);
    world.audience(&cleo, "reach").await;
    assert_eq!(world.hops(&ada, &cleo).await, 2);
    // On the way there, the number is told and the way is not.
    world.audience(&ben, "nobody").await;
    let path = world.path(&ada, &cleo, "").await;
    assert_eq!(
        (&path["hops"], &path["steps"], &path["mutual"]),
        (&json!(2), &Value::Null, &json!([]))
    );
}

async fn nobody_comes_nearer_by_what_they_say_themselves(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, mallory] = ["ada", "ben", "mallory"].map(|name| world.person(name));
    world.connect(&ada, &ben).await;
    world.vouch(&mallory, &ada, 1_000_000).await;
    let path = world.path(&mallory, &ben, "").await;
    assert_eq!((&path["hops"], &path["steps"]), (&json!(2), &Value::Null));
    let standing = format!("/trust/standing/{}", ada.did());
    world
        .get(Some(&mallory.did()), &standing)
        .await
        .expect(StatusCode::NOT_FOUND);
    world.get(Some(&ben.did()), &standing).await.expect(StatusCode::OK);
}

async fn a_question_about_others_needs_the_leave_of_both(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    world.connect(&ada, &ben).await;
    assert_eq!(distance(&world, Some(&cleo), &ada, &ben).await, Value::Null);
    world.connect(&ben, &cleo).await;
    assert_eq!(distance(&world, Some(&cleo), &ada, &ben).await, 1);
    // Whom somebody has flagged is not told to others.
    world.flag(&ada, &ben, "red").await;
    let path = format!("/trust/path?from={}&to={}", ada.did(), ben.did());
    let answer = world.get(Some(&cleo.did()), &path).await.expect(StatusCode::OK).json();
    assert_eq!(answer["whyNot"], json!({"reason": "apart"}));
}
