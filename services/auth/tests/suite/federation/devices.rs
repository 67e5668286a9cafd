//! Several devices of somebody who visits: all of them count there, also once the first key was replaced.

use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_key_log::EntryDraft;
use imajin_testkit::{Backend, on_both};

use super::rotations::{Scene, assert_counts};
use crate::world::assert_refused;

/// At home a tablet is added by the key that counts now.
async fn tablet_added(scene: &Scene) -> SecretKey {
    let (ada, home) = (&scene.ada, &scene.home);
    let tablet = SecretKey::generate(&home.env);
    let entry = EntryDraft::addition(&ada.state(home).await, &tablet.public(), home.env_now());
    let reply = ada.send(home, "rotate", &entry.sign(&[&ada.next]).unwrap()).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    tablet
}

async fn all_devices_of_a_visitor_count_after_the_first_key_was_replaced(backend: Backend) {
    let scene = Scene::new(backend).await;
    scene.visit_session(&scene.ada.phone).await;
    scene.rotate().await;
    let tablet = tablet_added(&scene).await;
    scene.nodes.clock.advance(Span::minutes(5));
    assert_refused(&scene.request(&scene.ada.phone).await, 401, "bad_signature");
    for key in [&scene.ada.next, &tablet] {
        let reply = scene.request(key).await;
        assert!(reply.status != StatusCode::UNAUTHORIZED, "{reply:?}");
    }
    scene.close().await;
}

async fn all_devices_of_a_resident_count_after_the_first_key_was_replaced(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (ada, visited) = (&scene.ada, &scene.visited);
    scene.visit_session(&ada.phone).await;
    let registered = visited.registration(&ada.phone, Some("ada_here")).await;
    let reply = visited.post("/auth/api/register", &registered).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    scene.rotate().await;
    let tablet = tablet_added(&scene).await;
    scene.nodes.clock.advance(Span::minutes(5));
    assert_refused(&scene.request(&ada.phone).await, 401, "bad_signature");
    for key in [&tablet, &ada.next] {
        assert_counts(&scene.request(key).await);
    }
    let session = scene.visit_session(&tablet).await;
    assert_eq!(visited.session_did(&session).await, Some(ada.did.clone()));
    scene.close().await;
}

on_both! {
    all_devices_of_a_visitor_count_after_the_first_key_was_replaced,
    all_devices_of_a_resident_count_after_the_first_key_was_replaced,
}
