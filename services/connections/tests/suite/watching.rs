//! Server-sent events.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{Request, Response, StatusCode};
use futures::StreamExt;
use imajin_did::SecretKey;
use imajin_testkit::{Backend, on_both};
use serde_json::Value;
use tower::ServiceExt;

use crate::world::{API, World};

on_both!(
    changes_are_told_as_they_happen,
    a_watcher_goes_on_where_it_stopped,
    a_stream_ends_with_its_session,
    nobody_takes_all_the_places,
);

async fn asked(world: &World, who: &SecretKey, query: &str) -> Response<Body> {
    let request = Request::get(format!("{API}/watch{query}"))
        .header("authorization", format!("Bearer {}", who.did()))
        .body(Body::empty())
        .unwrap();
    world.router.clone().oneshot(request).await.unwrap()
}

async fn watch(world: &World, who: &SecretKey, query: &str) -> BodyDataStream {
    let answer = asked(world, who, query).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    answer.into_body().into_data_stream()
}

/// The next event: its id and what it says.
async fn next(stream: &mut BodyDataStream) -> (String, Value) {
    let mut text = String::new();
    while !text.ends_with("\n\n") {
        let piece = stream.next().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
    let member = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap()
            .trim()
            .to_owned()
    };
    assert_eq!(member("event:"), "change");
    (member("id:"), serde_json::from_str(&member("data:")).unwrap())
}

async fn changes_are_told_as_they_happen(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    let mut stream = watch(&world, &ada, "").await;
    world.connect(&ben, &cleo).await;
    world.flag(&ben, &ada, "yellow").await;
    let asked = world.ask(&ben, &ada).await;
    let (_id, event) = next(&mut stream).await;
    assert_eq!(
        (&event["id"], &event["status"]),
        (&serde_json::json!(asked.id), &serde_json::json!("pending"))
    );
    world.accept(&ada, &asked).await;
    assert_eq!(next(&mut stream).await.1["status"], "active");
}

async fn a_watcher_goes_on_where_it_stopped(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let first = world.vouch(&ben, &ada, 1).await;
    let second = world.ask(&ben, &ada).await;
    let mut stream = watch(&world, &ada, "?token=0").await;
    let (id, event) = next(&mut stream).await;
    assert_eq!(event["id"], serde_json::json!(first.id));
    drop(stream);
    let mut stream = watch(&world, &ada, &format!("?token={id}")).await;
    assert_eq!(next(&mut stream).await.1["id"], serde_json::json!(second.id));
}

async fn a_stream_ends_with_its_session(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let mut stream = watch(&world, &ada, "").await;
    world.people.tiers.lock().unwrap().remove(&ada.did());
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.next()).await;
    assert!(ended.unwrap().is_none());
}

async fn nobody_takes_all_the_places(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let mut streams = Vec::new();
    for _number in 0..4 {
        streams.push(watch(&world, &ada, "").await);
    }
    let fifth = asked(&world, &ada, "").await;
    assert_eq!(fifth.status(), StatusCode::TOO_MANY_REQUESTS);
    let _other = watch(&world, &ben, "").await;
    streams.pop();
    let _again = watch(&world, &ada, "").await;
}
