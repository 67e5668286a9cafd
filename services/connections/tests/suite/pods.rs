//! Pods: made, joined, left, handed over, dissolved.

use axum::http::StatusCode;
use imajin_connections_api::{PodCheck, PodRole, PodsApi};
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::world::World;

on_both!(
    the_life_of_a_pod,
    whoever_declines_is_no_member,
    a_pod_is_handed_over_with_both_signatures,
    an_offer_ends_with_the_place_of_whom_it_was_made_to,
    what_is_sent_again_changes_nothing,
    a_pod_sent_again_with_its_key_is_made_once,
    pods_stand_within_pods,
    a_check_counts_what_it_is_asked_for,
    to_be_at_the_same_event_makes_nobody_friends,
    pods_are_taken_along_with_the_data_of_their_members,
    a_pod_outlives_a_restart,
    two_at_once_make_no_circle,
);

/// Makes a pod, and gives its id.
pub(crate) async fn pod(world: &World, owner: &SecretKey, body: Value) -> String {
    let made = world.change(owner, "POST", "/pods", &body).await;
    made.expect(StatusCode::OK).json()["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn shared(world: &World, owner: &SecretKey) -> String {
    pod(world, owner, json!({"name": "Book club", "type": "shared"})).await
}

pub(crate) async fn invite(world: &World, by: &SecretKey, pod: &str, who: &SecretKey, role: &str) -> Answer {
    let body = json!({"did": who.did(), "role": role});
    world.change(by, "POST", &format!("/pods/{pod}/invite"), &body).await
}

pub(crate) async fn accept(world: &World, who: &SecretKey, pod: &str, role: &str) -> Answer {
    let body = json!({"role": role});
    world.change(who, "POST", &format!("/pods/{pod}/accept"), &body).await
}

/// Invites somebody, who accepts.
pub(crate) async fn join(world: &World, by: &SecretKey, pod: &str, who: &SecretKey, role: &str) {
    invite(world, by, pod, who, role).await.expect(StatusCode::OK);
    accept(world, who, pod, role).await.expect(StatusCode::OK);
}

pub(crate) async fn role(world: &World, by: &SecretKey, pod: &str, who: &SecretKey, role: &str) -> Answer {
    let body = json!({"did": who.did(), "role": role});
    world.change(by, "PUT", &format!("/pods/{pod}/role"), &body).await
}

pub(crate) async fn remove(world: &World, by: &SecretKey, pod: &str, who: &SecretKey) -> Answer {
    let body = json!({"did": who.did()});
    world.change(by, "POST", &format!("/pods/{pod}/remove"), &body).await
}

pub(crate) async fn leave(world: &World, who: &SecretKey, pod: &str) -> Answer {
    world
        .change(who, "POST", &format!("/pods/{pod}/leave"), &Value::Null)
        .await
}

pub(crate) async fn offer(world: &World, by: &SecretKey, pod: &str, to: Option<&SecretKey>) -> Answer {
    let body = json!({"did": to.map(SecretKey::did)});
    world.change(by, "PUT", &format!("/pods/{pod}/successor"), &body).await
}

pub(crate) async fn dissolve(world: &World, by: &SecretKey, pod: &str) -> Answer {
    world.change(by, "DELETE", &format!("/pods/{pod}"), &Value::Null).await
}

/// What somebody is in a pod, as other services are told.
pub(crate) async fn is_in(world: &World, pod: &str, who: &SecretKey) -> Option<PodRole> {
    checked(world, PodCheck::of(pod.parse().unwrap(), who.did())).await
}

async fn checked(world: &World, check: PodCheck) -> Option<PodRole> {
    world.service.pod_check(check).await.unwrap().role
}

/// The members that somebody sees, with their roles.
pub(crate) async fn members(world: &World, reader: &SecretKey, pod: &str) -> Vec<(String, String)> {
    let page = world.get(Some(&reader.did()), &format!("/pods/{pod}/members")).await;
    let page = page.expect(StatusCode::OK).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = page["members"].as_array().unwrap().iter();
    rows.map(|row| (text(&row["did"]), text(&row["role"]))).collect()
}

fn three(world: &World) -> [SecretKey; 3] {
    ["ada", "ben", "cleo"].map(|name| world.person(name))
}

async fn the_life_of_a_pod(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = three(&world);
    let club = shared(&world, &ada).await;
    let view = invite(&world, &ada, &club, &ben, "admin")
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!((&view["role"], &view["joinedAt"]), (&json!("admin"), &Value::Null));
    assert_eq!(is_in(&world, &club, &ben).await, None, "he has not accepted");
    let own = world.get(Some(&ben.did()), "/pods").await.json();
    assert_eq!(own["pods"][0]["invitation"]["by"], json!(ada.did()));
    assert_eq!(own["pods"][0]["role"], Value::Null);
    let view = accept(&world, &ben, &club, "admin").await.expect(StatusCode::OK).json();
    assert_eq!((&view["role"], &view["members"]), (&json!("admin"), &json!(2)));
    join(&world, &ben, &club, &cleo, "member").await;
    assert_eq!(members(&world, &cleo, &club).await.len(), 3);
    assert_eq!(is_in(&world, &club, &cleo).await, Some(PodRole::Member));
    role(&world, &ada, &club, &cleo, "admin").await.expect(StatusCode::OK);
    role(&world, &ada, &club, &ben, "member").await.expect(StatusCode::OK);
    remove(&world, &cleo, &club, &ben).await.expect(StatusCode::OK);
    assert_eq!(is_in(&world, &club, &ben).await, None);
    leave(&world, &cleo, &club).await.expect(StatusCode::OK);
    assert_eq!(
        members(&world, &ada, &club).await,
        [(ada.did().to_string(), "owner".to_owned())]
    );
    // Whoever was in it is a stranger again, and may come back as anybody else may.
    world
        .get(Some(&cleo.did()), &format!("/pods/{club}"))
        .await
        .expect(StatusCode::NOT_FOUND);
    join(&world, &ada, &club, &ben, "member").await;
    let settings = json!({"name": "Reading circle", "visibility": "trust-bound"});
    let path = format!("/pods/{club}");
    let view = world
        .change(&ada, "PUT", &path, &settings)
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(
        (&view["name"], &view["visibility"]),
        (&json!("Reading circle"), &json!("trust-bound"))
    );
    dissolve(&world, &ada, &club).await.expect(StatusCode::OK);
    assert_eq!(is_in(&world, &club, &ben).await, None);
    assert_eq!(world.get(Some(&ben.did()), "/pods").await.json()["pods"], json!([]));
    world.get(Some(&ada.did()), &path).await.expect(StatusCode::NOT_FOUND);
    assert_eq!(world.audit().await, []);
}

async fn whoever_declines_is_no_member(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = three(&world);
    let club = shared(&world, &ada).await;
    for who in [&ben, &cleo] {
        invite(&world, &ada, &club, who, "member").await.expect(StatusCode::OK);
    }
    leave(&world, &ben, &club).await.expect(StatusCode::OK);
    remove(&world, &ada, &club, &cleo).await.expect(StatusCode::OK);
    for who in [&ben, &cleo] {
        accept(&world, who, &club, "member").await.expect(StatusCode::NOT_FOUND);
        assert_eq!(is_in(&world, &club, who).await, None);
    }
    assert_eq!(world.audit().await, []);
}

async fn a_pod_is_handed_over_with_both_signatures(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = three(&world);
    let club = shared(&world, &ada).await;
    for who in [&ben, &cleo] {
        join(&world, &ada, &club, who, "member").await;
    }
    leave(&world, &ada, &club).await.expect(StatusCode::CONFLICT);
    let view = offer(&world, &ada, &club, Some(&ben))
        .await
        .expect(StatusCode::OK)
        .json();
    assert_eq!(view["successor"], json!(ben.did()));
    assert_eq!(
        is_in(&world, &club, &ada).await,
        Some(PodRole::Owner),
        "until he accepts"
    );
    let path = format!("/pods/{club}");
    let seen = async |who: &SecretKey| world.get(Some(&who.did()), &path).await.json()["successor"].clone();
    assert_eq!(seen(&ben).await, json!(ben.did()));
    assert_eq!(seen(&cleo).await, Value::Null, "that is between the two");
    let view = accept(&world, &ben, &club, "owner").await.expect(StatusCode::OK).json();
    assert_eq!((&view["ownerDid"], &view["role"]), (&json!(ben.did()), &json!("owner")));
    assert_eq!(is_in(&world, &club, &ada).await, Some(PodRole::Admin));
    dissolve(&world, &ada, &club).await.expect(StatusCode::FORBIDDEN);
    leave(&world, &ada, &club).await.expect(StatusCode::OK);
    assert_eq!(world.audit().await, []);
}

async fn an_offer_ends_with_the_place_of_whom_it_was_made_to(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let club = shared(&world, &ada).await;
    join(&world, &ada, &club, &ben, "member").await;
    offer(&world, &ada, &club, Some(&ben)).await.expect(StatusCode::OK);
    leave(&world, &ben, &club).await.expect(StatusCode::OK);
    join(&world, &ada, &club, &ben, "member").await;
    accept(&world, &ben, &club, "owner").await.expect(StatusCode::CONFLICT);
    offer(&world, &ada, &club, Some(&ben)).await.expect(StatusCode::OK);
    offer(&world, &ada, &club, None).await.expect(StatusCode::OK);
    accept(&world, &ben, &club, "owner").await.expect(StatusCode::CONFLICT);
    assert_eq!(is_in(&world, &club, &ada).await, Some(PodRole::Owner));
    assert_eq!(world.audit().await, []);
}

async fn what_is_sent_again_changes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let club = shared(&world, &ada).await;
    let settings = json!({"name": " Book club ", "visibility": "private"});
    let path = format!("/pods/{club}");
    for _again in 0..2 {
        world.change(&ada, "PUT", &path, &settings).await.expect(StatusCode::OK);
        invite(&world, &ada, &club, &ben, "member").await.expect(StatusCode::OK);
    }
    for _again in 0..2 {
        accept(&world, &ben, &club, "member").await.expect(StatusCode::OK);
        role(&world, &ada, &club, &ben, "admin").await.expect(StatusCode::OK);
        offer(&world, &ada, &club, Some(&ben)).await.expect(StatusCode::OK);
        role(&world, &ada, &club, &ben, "member").await.expect(StatusCode::OK);
    }
    for _again in 0..2 {
        accept(&world, &ben, &club, "owner").await.expect(StatusCode::OK);
    }
    for _again in 0..2 {
        remove(&world, &ben, &club, &ada).await.expect(StatusCode::OK);
        leave(&world, &ada, &club).await.expect(StatusCode::OK);
    }
    for _again in 0..2 {
        dissolve(&world, &ben, &club).await.expect(StatusCode::OK);
    }
    assert_eq!(world.audit().await, []);
}

async fn a_pod_sent_again_with_its_key_is_made_once(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let body = json!({"name": "Book club", "type": "shared"});
    let made = async |key: &str, body: &Value| {
        let signed = world.sign_with(&ada, ("POST", "/pods", Some(key)), body);
        world.send_signed(&signed).await
    };
    let first = made("one", &body).await.expect(StatusCode::OK).json();
    let again = made("one", &body).await.expect(StatusCode::OK).json();
    assert_eq!(first["id"], again["id"]);
    let other = json!({"name": "Choir", "type": "shared"});
    made("one", &other).await.expect(StatusCode::CONFLICT);
    made("two", &other).await.expect(StatusCode::OK);
    let own = world.get(Some(&ada.did()), "/pods").await.json();
    assert_eq!(own["pods"].as_array().unwrap().len(), 2);
    assert_eq!(world.audit().await, []);
}

async fn pods_stand_within_pods(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let outer = shared(&world, &ada).await;
    let inside = |name: &str, parent: &str| json!({"name": name, "type": "shared", "parent": parent});
    let middle = pod(&world, &ada, inside("Middle", &outer)).await;
    let inner = pod(&world, &ada, inside("Inner", &middle)).await;
    let view = world.get(Some(&ada.did()), &format!("/pods/{middle}")).await.json();
    assert_eq!(
        (&view["parent"]["name"], &view["pods"][0]["id"]),
        (&json!("Book club"), &json!(inner))
    );
    join(&world, &ada, &middle, &ben, "member").await;
    let view = world.get(Some(&ben.did()), &format!("/pods/{middle}")).await.json();
    assert_eq!(
        (&view["parent"], &view["pods"]),
        (&Value::Null, &json!([])),
        "he is in none of those"
    );
    // Taken out, it can be dissolved, and what stands in it stays.
    dissolve(&world, &ada, &middle).await.expect(StatusCode::CONFLICT);
    let settings = json!({"name": "Inner", "visibility": "private"});
    world
        .change(&ada, "PUT", &format!("/pods/{inner}"), &settings)
        .await
        .expect(StatusCode::OK);
    dissolve(&world, &ada, &middle).await.expect(StatusCode::OK);
    world
        .get(Some(&ada.did()), &format!("/pods/{inner}"))
        .await
        .expect(StatusCode::OK);
    assert_eq!(world.audit().await, []);
}

async fn a_check_counts_what_it_is_asked_for(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = three(&world);
    let outer = shared(&world, &ada).await;
    let inner = pod(&world, &ada, json!({"name": "In", "type": "shared", "parent": outer})).await;
    let event = pod(&world, &ada, json!({"name": "Fair", "type": "event", "parent": outer})).await;
    join(&world, &ada, &inner, &ben, "admin").await;
    join(&world, &ada, &event, &cleo, "member").await;
    let ask = |pod: &str, who: &SecretKey, with_inner, events| {
        let check = PodCheck {
            with_inner,
            events,
            ..PodCheck::of(pod.parse().unwrap(), who.did())
        };
        checked(&world, check)
    };
    assert_eq!(
        ask(&outer, &ben, false, false).await,
        None,
        "to be in the inner one is not to be in the outer one"
    );
    assert_eq!(ask(&outer, &ben, true, false).await, Some(PodRole::Admin));
    assert_eq!(
        ask(&outer, &cleo, true, false).await,
        None,
        "an event counts only if asked for"
    );
    assert_eq!(ask(&outer, &cleo, true, true).await, Some(PodRole::Member));
    assert_eq!(ask(&event, &cleo, false, false).await, None);
    assert_eq!(ask(&event, &cleo, false, true).await, Some(PodRole::Member));
    assert_eq!(ask("pod_00000000000000000000000000", &ben, true, true).await, None);
}

async fn to_be_at_the_same_event_makes_nobody_friends(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = three(&world);
    let event = pod(&world, &ada, json!({"name": "Fair", "type": "event"})).await;
    for who in [&ben, &cleo] {
        join(&world, &ada, &event, who, "member").await;
    }
    for (one, other) in [(&ada, &ben), (&ben, &cleo)] {
        assert_eq!(world.hops(one, other).await, Value::Null);
        let path = world.path(one, other, "&coPresence=true").await;
        assert_eq!(path["hops"], Value::Null, "not even where co-presence counts");
    }
    let seen = members(&world, &ben, &event).await;
    let names: Vec<&str> = seen.iter().map(|(did, _role)| did.as_str()).collect();
    assert!(names.contains(&ada.did().as_str()) && names.contains(&ben.did().as_str()));
    assert!(
        !names.contains(&cleo.did().as_str()),
        "those who attend are not shown to each other"
    );
    assert_eq!(members(&world, &ada, &event).await.len(), 3, "but to whoever runs it");
    world.connect(&ben, &cleo).await;
    assert_eq!(members(&world, &ben, &event).await.len(), 3, "he knows her anyway");
}

async fn pods_are_taken_along_with_the_data_of_their_members(backend: Backend) {
    use imajin_connections_api::{ConnectionsOwn, TrustApi};
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let club = shared(&world, &ada).await;
    invite(&world, &ada, &club, &ben, "member").await.expect(StatusCode::OK);
    let record = world
        .service
        .trust_export(ConnectionsOwn { did: ben.did() })
        .await
        .unwrap();
    assert_eq!(record.pods.len(), 1);
    assert_eq!(record.pods[0].invitation.as_ref().unwrap().by, ada.did());
}

async fn a_pod_outlives_a_restart(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let club = shared(&world, &ada).await;
    join(&world, &ada, &club, &ben, "admin").await;
    world.later(Span::seconds(1));
    let again = world.again().await;
    assert_eq!(is_in(&again, &club, &ben).await, Some(PodRole::Admin));
    leave(&again, &ben, &club).await.expect(StatusCode::OK);
    assert_eq!(again.audit().await, []);
}

async fn two_at_once_make_no_circle(backend: Backend) {
    let world = World::new(backend).await;
    let other = world.again().await;
    let ada = world.person("ada");
    let (one, two) = (shared(&world, &ada).await, shared(&world, &ada).await);
    let into = |parent: Option<&str>| json!({"name": "Pod", "visibility": "private", "parent": parent});
    let (path_one, path_two) = (format!("/pods/{one}"), format!("/pods/{two}"));
    for _round in 0..5 {
        let (to_two, to_one) = (into(Some(&two)), into(Some(&one)));
        let (first, second) = tokio::join!(
            world.change(&ada, "PUT", &path_one, &to_two),
            other.change(&ada, "PUT", &path_two, &to_one),
        );
        let statuses = [first.status, second.status];
        assert!(statuses.contains(&StatusCode::OK), "{statuses:?}");
        assert!(statuses.contains(&StatusCode::BAD_REQUEST), "{statuses:?}");
        for path in [&path_one, &path_two] {
            world
                .change(&ada, "PUT", path, &into(None))
                .await
                .expect(StatusCode::OK);
        }
    }
    assert_eq!(world.audit().await, []);
}
