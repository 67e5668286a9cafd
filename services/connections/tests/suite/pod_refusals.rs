//! What nobody may do in a pod, each by its own test.

use axum::http::StatusCode;
use imajin_connections_api::PodRole;
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_testkit::{Answer, Backend, on_both};
use imajin_web::Tier;
use serde_json::{Value, json};

use crate::pods::{accept, dissolve, invite, is_in, join, leave, offer, pod, remove, role, shared};
use crate::world::{World, key};

on_both!(
    a_stranger_makes_no_pod,
    a_mailbox_identity_makes_no_pod,
    a_name_that_is_none_is_refused,
    a_replayed_request_is_refused,
    a_member_changes_nobody,
    an_admin_is_no_owner,
    an_admin_removes_no_admin,
    nobody_is_a_member_without_accepting,
    nobody_accepts_what_the_invitation_does_not_say,
    nobody_accepts_for_another,
    nobody_takes_a_pod_over_that_was_not_offered_to_them,
    a_pod_is_offered_to_members_only,
    the_owner_cannot_leave,
    the_owner_cannot_be_removed_or_lowered,
    who_was_removed_is_a_stranger,
    a_personal_pod_has_one_who_decides,
    a_mailbox_is_in_no_pod,
    a_pod_in_itself_is_refused,
    a_fourth_level_is_refused,
    nobody_puts_a_pod_into_that_of_another,
    a_pod_that_stands_with_others_is_not_handed_over,
    pods_of_one_owner_have_a_limit,
    invitations_have_a_limit,
    a_page_of_no_length_is_refused,
);

fn three(world: &World) -> [SecretKey; 3] {
    ["ada", "ben", "cleo"].map(|name| world.person(name))
}

fn refused(answer: &Answer, status: StatusCode) {
    answer.expect(status);
    assert!(!answer.code().is_empty() && !answer.detail().is_empty());
}

async fn a_stranger_makes_no_pod(backend: Backend) {
    let world = World::new(backend).await;
    let body = json!({"name": "Club", "type": "shared"});
    let answer = world.change(&key("stranger"), "POST", "/pods", &body).await;
    refused(&answer, StatusCode::FORBIDDEN);
    refused(&world.get(None, "/pods").await, StatusCode::UNAUTHORIZED);
}

async fn a_mailbox_identity_makes_no_pod(backend: Backend) {
    let world = World::new(backend).await;
    let soft = world.register("soft", Tier::Soft);
    let body = json!({"name": "Club", "type": "shared"});
    refused(
        &world.change(&soft, "POST", "/pods", &body).await,
        StatusCode::FORBIDDEN,
    );
}

async fn a_name_that_is_none_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let club = shared(&world, &ada).await;
    for name in ["", "  ", "a\nb", "a\u{202e}b", &"x".repeat(81)] {
        let body = json!({"name": name, "type": "shared"});
        refused(
            &world.change(&ada, "POST", "/pods", &body).await,
            StatusCode::BAD_REQUEST,
        );
        let body = json!({"name": name, "visibility": "private"});
        let answer = world.change(&ada, "PUT", &format!("/pods/{club}"), &body).await;
        refused(&answer, StatusCode::BAD_REQUEST);
    }
    for body in [
        json!({"name": "Club"}),
        json!({"name": "Club", "type": "secret"}),
        json!({"name": "Club", "type": "shared", "visibility": "public"}),
        json!({"name": "Club", "type": "shared", "members": []}),
        json!({"name": "Club", "type": "shared", "parent": "evt_00000000000000000000000000"}),
    ] {
        refused(
            &world.change(&ada, "POST", "/pods", &body).await,
            StatusCode::BAD_REQUEST,
        );
    }
}

async fn a_replayed_request_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let club = shared(&world, &ada).await;
    join(&world, &ada, &club, &ben, "member").await;
    let signed = world.sign(&ben, "POST", &format!("/pods/{club}/leave"), &Value::Null);
    world.send_signed(&signed).await.expect(StatusCode::OK);
    join(&world, &ada, &club, &ben, "member").await;
    let again = world.send_signed(&signed).await;
    refused(&again, StatusCode::UNAUTHORIZED);
    assert_eq!(again.code(), "replayed");
    assert_eq!(is_in(&world, &club, &ben).await, Some(PodRole::Member));
}

async fn a_member_changes_nobody(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = three(&world);
    let club = shared(&world, &ada).await;
    for who in [&ben, &cleo] {
        join(&world, &ada, &club, who, "member").await;
    }
    let forbidden = StatusCode::FORBIDDEN;
    refused(&invite(&world, &ben, &club, &key("eve"), "member").await, forbidden);
    refused(&remove(&world, &ben, &club, &cleo).await, forbidden);
    refused(&role(&world, &ben, &club, &ben, "admin").await, forbidden);
    refused(&offer(&world, &ben, &club, Some(&ben)).await, forbidden);
    refused(&dissolve(&world, &ben, &club).await, forbidden);
    let settings = json!({"name": "Mine", "visibility": "private"});
    let answer = world.change(&ben, "PUT", &format!("/pods/{club}"), &settings).await;
    refused(&answer, forbidden);
    assert_eq!(world.audit().await, []);
}

async fn an_admin_is_no_owner(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = three(&world);
    let club = shared(&world, &ada).await;
    join(&world, &ada, &club, &ben, "admin").await;
    join(&world, &ben, &club, &cleo, "member").await;
    let forbidden = StatusCode::FORBIDDEN;
    refused(&role(&world, &ben, &club, &cleo, "admin").await, forbidden);
    refused(&invite(&world, &ben, &club, &key("eve"), "admin").await, forbidden);
    refused(&offer(&world, &ben, &club, Some(&ben)).await, forbidden);
    refused(&dissolve(&world, &ben, &club).await, forbidden);
    // Nor does an admin lower what the owner has said.
    invite(&world, &ada, &club, &key("eve"), "admin")
        .await
        .expect(StatusCode::OK);
    refused(&invite(&world, &ben, &club, &key("eve"), "member").await, forbidden);
}

async fn an_admin_removes_no_admin(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = three(&world);
    let club = shared(&world, &ada).await;
    for who in [&ben, &cleo] {
        join(&world, &ada, &club, who, "admin").await;
    }
    refused(&remove(&world, &ben, &club, &cleo).await, StatusCode::FORBIDDEN);
    remove(&world, &ada, &club, &cleo).await.expect(StatusCode::OK);
}

async fn nobody_is_a_member_without_accepting(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let club = shared(&world, &ada).await;
    refused(&role(&world, &ada, &club, &ben, "member").await, StatusCode::NOT_FOUND);
    invite(&world, &ada, &club, &ben, "admin").await.expect(StatusCode::OK);
    refused(&role(&world, &ada, &club, &ben, "member").await, StatusCode::NOT_FOUND);
    refused(&offer(&world, &ada, &club, Some(&ben)).await, StatusCode::BAD_REQUEST);
    refused(
        &invite(&world, &ben, &club, &key("eve"), "member").await,
        StatusCode::FORBIDDEN,
    );
    assert_eq!(is_in(&world, &club, &ben).await, None);
}

async fn nobody_accepts_what_the_invitation_does_not_say(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let club = shared(&world, &ada).await;
    invite(&world, &ada, &club, &ben, "member").await.expect(StatusCode::OK);
    refused(&accept(&world, &ben, &club, "admin").await, StatusCode::CONFLICT);
    refused(&accept(&world, &ben, &club, "owner").await, StatusCode::CONFLICT);
    accept(&world, &ben, &club, "member").await.expect(StatusCode::OK);
    refused(&accept(&world, &ben, &club, "admin").await, StatusCode::CONFLICT);
    refused(&invite(&world, &ada, &club, &ben, "admin").await, StatusCode::CONFLICT);
}

async fn nobody_accepts_for_another(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = three(&world);
    let club = shared(&world, &ada).await;
    invite(&world, &ada, &club, &ben, "member").await.expect(StatusCode::OK);
    refused(&accept(&world, &cleo, &club, "member").await, StatusCode::NOT_FOUND);
    accept(&world, &ada, &club, "member").await.expect(StatusCode::CONFLICT);
    assert_eq!(is_in(&world, &club, &ben).await, None);
}

async fn nobody_takes_a_pod_over_that_was_not_offered_to_them(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = three(&world);
    let club = shared(&world, &ada).await;
    for who in [&ben, &cleo] {
        join(&world, &ada, &club, who, "admin").await;
    }
    offer(&world, &ada, &club, Some(&ben)).await.expect(StatusCode::OK);
    refused(&accept(&world, &cleo, &club, "owner").await, StatusCode::CONFLICT);
    assert_eq!(is_in(&world, &club, &ada).await, Some(PodRole::Owner));
}

async fn a_pod_is_offered_to_members_only(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let club = shared(&world, &ada).await;
    for to in [&ada, &ben] {
        refused(&offer(&world, &ada, &club, Some(to)).await, StatusCode::BAD_REQUEST);
    }
}

async fn the_owner_cannot_leave(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let club = shared(&world, &ada).await;
    refused(&leave(&world, &ada, &club).await, StatusCode::CONFLICT);
    refused(&remove(&world, &ada, &club, &ada).await, StatusCode::BAD_REQUEST);
    assert_eq!(is_in(&world, &club, &ada).await, Some(PodRole::Owner));
}

async fn the_owner_cannot_be_removed_or_lowered(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let club = shared(&world, &ada).await;
    join(&world, &ada, &club, &ben, "admin").await;
    refused(&remove(&world, &ben, &club, &ada).await, StatusCode::FORBIDDEN);
    refused(&role(&world, &ada, &club, &ada, "member").await, StatusCode::CONFLICT);
    refused(&role(&world, &ada, &club, &ben, "owner").await, StatusCode::BAD_REQUEST);
    refused(
        &invite(&world, &ada, &club, &key("eve"), "owner").await,
        StatusCode::BAD_REQUEST,
    );
}

async fn who_was_removed_is_a_stranger(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let club = shared(&world, &ada).await;
    join(&world, &ada, &club, &ben, "admin").await;
    remove(&world, &ada, &club, &ben).await.expect(StatusCode::OK);
    refused(
        &invite(&world, &ben, &club, &key("eve"), "member").await,
        StatusCode::NOT_FOUND,
    );
    refused(&accept(&world, &ben, &club, "admin").await, StatusCode::NOT_FOUND);
    let path = format!("/pods/{club}/members");
    refused(&world.get(Some(&ben.did()), &path).await, StatusCode::NOT_FOUND);
}

async fn a_personal_pod_has_one_who_decides(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let family = pod(&world, &ada, json!({"name": "Family", "type": "personal"})).await;
    refused(
        &invite(&world, &ada, &family, &ben, "admin").await,
        StatusCode::BAD_REQUEST,
    );
    join(&world, &ada, &family, &ben, "member").await;
    refused(
        &role(&world, &ada, &family, &ben, "admin").await,
        StatusCode::BAD_REQUEST,
    );
    refused(&offer(&world, &ada, &family, Some(&ben)).await, StatusCode::CONFLICT);
    leave(&world, &ben, &family).await.expect(StatusCode::OK);
}

async fn a_mailbox_is_in_no_pod(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let club = shared(&world, &ada).await;
    let body = json!({"did": "did:email:ben_at_example.org", "role": "member"});
    let answer = world.change(&ada, "POST", &format!("/pods/{club}/invite"), &body).await;
    refused(&answer, StatusCode::BAD_REQUEST);
}

async fn put_into(world: &World, by: &SecretKey, pod: &str, parent: &str) -> Answer {
    let body = json!({"name": "Club", "visibility": "private", "parent": parent});
    world.change(by, "PUT", &format!("/pods/{pod}"), &body).await
}

async fn a_pod_in_itself_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let outer = shared(&world, &ada).await;
    let inner = pod(&world, &ada, json!({"name": "In", "type": "shared", "parent": outer})).await;
    refused(&put_into(&world, &ada, &outer, &outer).await, StatusCode::BAD_REQUEST);
    refused(&put_into(&world, &ada, &outer, &inner).await, StatusCode::BAD_REQUEST);
    assert_eq!(world.audit().await, []);
}

async fn a_fourth_level_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let mut parent = shared(&world, &ada).await;
    for _level in 2..=3 {
        parent = pod(&world, &ada, json!({"name": "In", "type": "shared", "parent": parent})).await;
    }
    let fourth = json!({"name": "In", "type": "shared", "parent": parent});
    refused(
        &world.change(&ada, "POST", "/pods", &fourth).await,
        StatusCode::BAD_REQUEST,
    );
    let other = shared(&world, &ada).await;
    refused(&put_into(&world, &ada, &other, &parent).await, StatusCode::BAD_REQUEST);
}

async fn nobody_puts_a_pod_into_that_of_another(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let (hers, his) = (shared(&world, &ada).await, shared(&world, &ben).await);
    join(&world, &ada, &hers, &ben, "admin").await;
    refused(&put_into(&world, &ben, &his, &hers).await, StatusCode::NOT_FOUND);
    refused(&put_into(&world, &ada, &hers, &his).await, StatusCode::NOT_FOUND);
}

async fn a_pod_that_stands_with_others_is_not_handed_over(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let outer = shared(&world, &ada).await;
    let inner = pod(&world, &ada, json!({"name": "In", "type": "shared", "parent": outer})).await;
    for club in [&outer, &inner] {
        join(&world, &ada, club, &ben, "member").await;
        refused(&offer(&world, &ada, club, Some(&ben)).await, StatusCode::CONFLICT);
    }
    let alone = shared(&world, &ada).await;
    join(&world, &ada, &alone, &ben, "member").await;
    offer(&world, &ada, &alone, Some(&ben)).await.expect(StatusCode::OK);
    refused(&put_into(&world, &ada, &alone, &outer).await, StatusCode::CONFLICT);
    // Nor is anything put into it meanwhile, and then handed over with it.
    put_into(&world, &ada, &inner, &alone).await.expect(StatusCode::OK);
    refused(&accept(&world, &ben, &alone, "owner").await, StatusCode::CONFLICT);
    assert_eq!(world.audit().await, []);
}

async fn pods_of_one_owner_have_a_limit(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = three(&world);
    let first = shared(&world, &ada).await;
    for _more in 1..50 {
        shared(&world, &ada).await;
    }
    let body = json!({"name": "Club", "type": "shared"});
    let more = async || world.change(&ada, "POST", "/pods", &body).await;
    refused(&more().await, StatusCode::TOO_MANY_REQUESTS);
    dissolve(&world, &ada, &first).await.expect(StatusCode::OK);
    refused(&more().await, StatusCode::TOO_MANY_REQUESTS);
    world.later(Span::hours(2));
    more().await.expect(StatusCode::OK);
    let his = shared(&world, &ben).await;
    join(&world, &ben, &his, &ada, "member").await;
    offer(&world, &ben, &his, Some(&ada)).await.expect(StatusCode::OK);
    refused(
        &accept(&world, &ada, &his, "owner").await,
        StatusCode::TOO_MANY_REQUESTS,
    );
}

async fn invitations_have_a_limit(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let club = shared(&world, &ada).await;
    let mut invited = 0;
    let mut more = async || {
        invited += 1;
        invite(&world, &ada, &club, &key(&format!("guest {invited}")), "member").await
    };
    let mut places = 1;
    while places < 500 {
        let answer = more().await;
        match answer.status {
            StatusCode::OK => places += 1,
            StatusCode::TOO_MANY_REQUESTS => world.later(Span::minutes(61)),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    world.later(Span::hours(2));
    let full = more().await;
    refused(&full, StatusCode::TOO_MANY_REQUESTS);
    assert!(full.detail().contains("at most 500"), "{}", full.detail());
}

async fn a_page_of_no_length_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.person("ada");
    let club = shared(&world, &ada).await;
    for query in ["limit=0", "limit=201", "limit=x", "cursor=x", "offset=1"] {
        let answer = world.get(Some(&ada.did()), &format!("/pods?{query}")).await;
        refused(&answer, StatusCode::BAD_REQUEST);
    }
    let answer = world
        .get(Some(&ada.did()), &format!("/pods/{club}/members?limit=0"))
        .await;
    refused(&answer, StatusCode::BAD_REQUEST);
}
