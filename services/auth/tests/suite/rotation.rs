//! The keys that sign sessions are replaced, and two processes on one database agree at once.

use axum::http::Method;
use imajin_auth_api::{AuthApi, SessionViewRequest};
use imajin_kernel::Span;
use imajin_testkit::Backend;
use imajin_testkit::on_both;

use crate::world::World;

async fn kids(world: &World) -> Vec<String> {
    let set = world.get("/.well-known/jwks.json", &[]).await.json();
    let keys = set["keys"].as_array().unwrap().iter();
    keys.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn a_retired_key_verifies_until_its_tokens_have_expired(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    let before = kids(&world).await;
    let old = world.login(&ada).await;
    let new_kid = imajin_auth::session_keys_rotate(&world.db, &world.keyring, &world.env)
        .await
        .unwrap();
    assert!(!before.contains(&new_kid));
    // The running node has not looked yet: both work, and what it signs goes on counting.
    assert_eq!(world.session_did(&old).await, Some(ada.did()));
    let world = world.restart().await;
    let new = world.login(&ada).await;
    assert_eq!(world.session_did(&old).await, Some(ada.did()), "nobody is logged out");
    assert_eq!(world.session_did(&new).await, Some(ada.did()));
    let during = kids(&world).await;
    assert!(
        before.iter().all(|kid| during.contains(kid)) && during.contains(&new_kid),
        "{during:?}"
    );
    world.clock.advance(Span::hours(26));
    let world = world.restart().await;
    let after = kids(&world).await;
    assert_eq!(after.len(), during.len() - 1, "the retired key is gone with its tokens");
    assert!(after.contains(&new_kid));
    assert_eq!(world.audit().await, []);
}

async fn a_key_is_replaced_when_it_is_old(backend: Backend) {
    let world = World::new(backend).await;
    let before = kids(&world).await;
    world.auth.session_keys_turn().await.unwrap();
    assert_eq!(kids(&world).await, before);
    world.clock.advance(Span::days(31));
    for _twice in 0..2 {
        world.auth.session_keys_turn().await.unwrap();
        assert_eq!(kids(&world).await.len(), before.len() + 1);
    }
    assert_eq!(world.audit().await, []);
}

async fn a_rotation_without_end_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let mut done = 0;
    while imajin_auth::session_keys_rotate(&world.db, &world.keyring, &world.env)
        .await
        .is_ok()
    {
        done += 1;
        assert!(done < 20);
    }
    assert!(done > 10, "{done}");
}

async fn two_processes_agree_at_once(backend: Backend) {
    let (one, two) = {
        let one = World::new(backend).await;
        let two = one.twin().await;
        (one, two)
    };
    let ada = one.registered("ada").await;
    let token = one.login(&ada).await;
    let view = |world: &World, token: &str| {
        let (auth, token) = (world.auth.clone(), token.to_owned());
        async move { auth.session_view(SessionViewRequest { token }).await.unwrap() }
    };
    assert_eq!(view(&two, &token).await.unwrap().did, ada.did());
    let bearer = format!("Bearer {token}");
    let logout = two
        .send(Method::POST, "/auth/api/logout", &[("authorization", &bearer)], "")
        .await;
    assert_eq!(logout.status, 204);
    assert!(
        view(&one, &token).await.is_none(),
        "ended in one process, ended in the other"
    );
    // A token of a key that the other process has never seen.
    imajin_auth::session_keys_rotate(&one.db, &one.keyring, &one.env)
        .await
        .unwrap();
    one.clock.advance(Span::seconds(2));
    let three = one.twin().await;
    let token = three.login(&ada).await;
    one.clock.advance(Span::seconds(2));
    assert_eq!(view(&two, &token).await.unwrap().did, ada.did(), "it looks for the key");
}

async fn a_session_says_when_it_was_used(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    let token = world.login(&ada).await;
    let seen = async || {
        let bearer = format!("Bearer {token}");
        let list = world
            .get("/auth/api/sessions", &[("authorization", &bearer)])
            .await
            .json();
        let item = list["sessions"][0].clone();
        assert_eq!(item["method"], "key");
        assert_eq!(item["current"], true);
        item["lastSeenAt"].as_str().unwrap().to_owned()
    };
    let first = seen().await;
    world.clock.advance(Span::minutes(5));
    assert_eq!(seen().await, first, "to the quarter of an hour");
    world.clock.advance(Span::minutes(55));
    let _noted = seen().await;
    let later = seen().await;
    assert!(later > first, "{first} {later}");
    assert_eq!(world.audit().await, []);
}

on_both! {
    a_retired_key_verifies_until_its_tokens_have_expired,
    a_key_is_replaced_when_it_is_old,
    a_rotation_without_end_is_refused,
    two_processes_agree_at_once,
    a_session_says_when_it_was_used,
}
