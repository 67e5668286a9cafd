//! Who may know of a pod, and of those who are in it.

use std::fmt::Write as _;

use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::pods::{accept, dissolve, invite, join, leave, members, offer, pod, remove, role, shared};
use crate::world::{World, key};

on_both!(
    a_private_pod_is_not_there_for_strangers,
    a_pod_bound_to_trust_is_there_for_those_within_reach,
    whoever_is_blocked_by_the_owner_sees_nothing,
    strangers_see_those_who_show_themselves,
    who_is_invited_is_for_owner_and_admins,
    an_invitation_of_somebody_blocked_is_not_shown,
    members_come_a_page_at_a_time,
    own_pods_come_a_page_at_a_time,
);

const NO_POD: &str = "pod_00000000000000000000000000";

async fn read(world: &World, reader: Option<&SecretKey>, path: &str) -> Answer {
    let did = reader.map(SecretKey::did);
    world.get(did.as_ref(), path).await
}

/// Everything that can be asked of a pod, by somebody who is not in it.
async fn answers(world: &World, who: &SecretKey, pod: &str) -> Vec<(u16, String)> {
    let settings = json!({"name": "Mine", "visibility": "private"});
    let eve = key("eve");
    let answers = vec![
        read(world, Some(who), &format!("/pods/{pod}")).await,
        read(world, None, &format!("/pods/{pod}")).await,
        read(world, Some(who), &format!("/pods/{pod}/members")).await,
        read(world, None, &format!("/pods/{pod}/members")).await,
        world.change(who, "PUT", &format!("/pods/{pod}"), &settings).await,
        invite(world, who, pod, &eve, "member").await,
        accept(world, who, pod, "member").await,
        accept(world, who, pod, "owner").await,
        role(world, who, pod, &eve, "admin").await,
        remove(world, who, pod, &eve).await,
        offer(world, who, pod, Some(&eve)).await,
        leave(world, who, pod).await,
        dissolve(world, who, pod).await,
    ];
    let told = |answer: &Answer| (answer.status.as_u16(), without_request(answer));
    answers.iter().map(told).collect()
}

/// A refusal without what differs between any two of them.
fn without_request(answer: &Answer) -> String {
    let mut problem = answer.json();
    if let Some(problem) = problem.as_object_mut() {
        problem.retain(|name, _value| !["instance", "requestId"].contains(&name.as_str()));
    }
    problem.to_string()
}

async fn a_private_pod_is_not_there_for_strangers(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, mallory] = ["ada", "ben", "mallory"].map(|name| world.person(name));
    let club = shared(&world, &ada).await;
    join(&world, &ada, &club, &ben, "member").await;
    // Not even to somebody whom the owner knows.
    world.connect(&ada, &mallory).await;
    let there = answers(&world, &mallory, &club).await;
    assert_eq!(there, answers(&world, &mallory, NO_POD).await);
    assert!(there.iter().all(|(status, _body)| *status == 404), "{there:?}");
    let gone = shared(&world, &ada).await;
    dissolve(&world, &ada, &gone).await.expect(StatusCode::OK);
    assert_eq!(there, answers(&world, &mallory, &gone).await);
}

async fn a_pod_bound_to_trust_is_there_for_those_within_reach(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo, mallory] = ["ada", "ben", "cleo", "mallory"].map(|name| world.person(name));
    let club = pod(
        &world,
        &ada,
        json!({"name": "Choir", "type": "shared", "visibility": "trust-bound"}),
    )
    .await;
    let path = format!("/pods/{club}");
    let status = async |reader: Option<&SecretKey>| read(&world, reader, &path).await.status;
    world.connect(&ada, &ben).await;
    world.connect(&ben, &cleo).await;
    // Nobody comes nearer by what they say themselves.
    world.vouch(&mallory, &ada, 1_000_000).await;
    for (reader, seen) in [(&ben, true), (&cleo, true), (&mallory, false)] {
        let expected = if seen { StatusCode::OK } else { StatusCode::NOT_FOUND };
        assert_eq!(status(Some(reader)).await, expected);
    }
    assert_eq!(status(None).await, StatusCode::NOT_FOUND);
    let view = read(&world, Some(&cleo), &path).await.json();
    assert_eq!((&view["name"], &view["role"]), (&json!("Choir"), &Value::Null));
    // What she may see she may still not change.
    invite(&world, &cleo, &club, &cleo, "member")
        .await
        .expect(StatusCode::NOT_FOUND);
    world.audience(&ada, "connections").await;
    assert_eq!(status(Some(&ben)).await, StatusCode::OK);
    assert_eq!(status(Some(&cleo)).await, StatusCode::NOT_FOUND);
    world.audience(&ada, "nobody").await;
    assert_eq!(status(Some(&ben)).await, StatusCode::NOT_FOUND);
    world.audience(&ada, "everybody").await;
    assert_eq!(status(None).await, StatusCode::OK);
    assert_eq!(status(Some(&mallory)).await, StatusCode::OK);
}

async fn whoever_is_blocked_by_the_owner_sees_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben] = ["ada", "ben"].map(|name| world.person(name));
    let club = pod(
        &world,
        &ada,
        json!({"name": "Choir", "type": "shared", "visibility": "trust-bound"}),
    )
    .await;
    world.connect(&ada, &ben).await;
    let path = format!("/pods/{club}");
    read(&world, Some(&ben), &path).await.expect(StatusCode::OK);
    let block = format!("/blocks/{}", ben.did());
    world
        .change(&ada, "PUT", &block, &Value::Null)
        .await
        .expect(StatusCode::OK);
    read(&world, Some(&ben), &path).await.expect(StatusCode::NOT_FOUND);
}

async fn strangers_see_those_who_show_themselves(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo, dora] = ["ada", "ben", "cleo", "dora"].map(|name| world.person(name));
    let club = pod(
        &world,
        &ada,
        json!({"name": "Choir", "type": "shared", "visibility": "trust-bound"}),
    )
    .await;
    for who in [&ben, &cleo] {
        join(&world, &ada, &club, who, "member").await;
    }
    world.connect(&ada, &dora).await;
    let seen = members(&world, &dora, &club).await;
    assert_eq!(seen, [(ada.did().to_string(), "owner".to_owned())]);
    world.audience(&ben, "everybody").await;
    assert_eq!(members(&world, &dora, &club).await.len(), 2);
    assert_eq!(members(&world, &cleo, &club).await.len(), 3, "she is in it");
}

async fn who_is_invited_is_for_owner_and_admins(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo, dora] = ["ada", "ben", "cleo", "dora"].map(|name| world.person(name));
    let club = shared(&world, &ada).await;
    join(&world, &ada, &club, &ben, "admin").await;
    join(&world, &ada, &club, &cleo, "member").await;
    invite(&world, &ben, &club, &dora, "member")
        .await
        .expect(StatusCode::OK);
    for (reader, count) in [(&ada, 4), (&ben, 4), (&cleo, 3), (&dora, 1)] {
        assert_eq!(members(&world, reader, &club).await.len(), count);
    }
    let path = format!("/pods/{club}/members");
    let by = |page: Value| {
        page["members"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| !row["invitedBy"].is_null())
    };
    assert!(by(read(&world, Some(&ben), &path).await.json()));
    assert!(!by(read(&world, Some(&cleo), &path).await.json()));
}

async fn an_invitation_of_somebody_blocked_is_not_shown(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben] = ["ada", "ben"].map(|name| world.person(name));
    let club = shared(&world, &ada).await;
    let block = format!("/blocks/{}", ada.did());
    world
        .change(&ben, "PUT", &block, &Value::Null)
        .await
        .expect(StatusCode::OK);
    // She is not told.
    invite(&world, &ada, &club, &ben, "member").await.expect(StatusCode::OK);
    let own = async || read(&world, Some(&ben), "/pods").await.json()["pods"].clone();
    assert_eq!(own().await, json!([]));
    world
        .change(&ben, "DELETE", &block, &Value::Null)
        .await
        .expect(StatusCode::OK);
    assert_eq!(own().await.as_array().unwrap().len(), 1);
}

/// All entries of a list, page by page.
async fn walked(world: &World, reader: &SecretKey, (path, list, name): (&str, &str, &str)) -> Vec<String> {
    let mut all = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let mut address = format!("{path}?limit=2");
        if let Some(at) = cursor.as_str() {
            write!(address, "&cursor={at}").unwrap();
        }
        let page = read(world, Some(reader), &address).await.expect(StatusCode::OK).json();
        let rows = page[list].as_array().unwrap();
        assert!(rows.len() <= 2);
        all.extend(rows.iter().map(|row| row[name].as_str().unwrap().to_owned()));
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return all;
        }
    }
}

async fn members_come_a_page_at_a_time(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let club = shared(&world, &ada).await;
    let mut expected = vec![ada.did().to_string()];
    for number in 0..6 {
        let guest = world.person(&format!("guest {number}"));
        join(&world, &ada, &club, &guest, "member").await;
        expected.push(guest.did().to_string());
    }
    expected.sort();
    let path = format!("/pods/{club}/members");
    assert_eq!(walked(&world, &ada, (&path, "members", "did")).await, expected);
}

async fn own_pods_come_a_page_at_a_time(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let mut expected = Vec::new();
    for _number in 0..5 {
        expected.push(shared(&world, &ada).await);
    }
    expected.sort();
    assert_eq!(walked(&world, &ada, ("/pods", "pods", "id")).await, expected);
}
