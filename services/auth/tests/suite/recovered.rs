//! What whoever had the keys has made for themselves, after the owner has taken the identity back.

use axum::http::StatusCode;
use imajin_auth_api::{AuthApi, HoldingsFetch};
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::keys::Ada;
use crate::oidc::{Person, wiki};
use crate::passkeys;
use crate::world::World;

on_both!(a_recovery_ends_the_ways_in_that_a_thief_has_made);

async fn a_recovery_ends_the_ways_in_that_a_thief_has_made(backend: Backend) {
    let world = World::new(backend).await;
    let (app, ada) = (wiki(&world).await, Ada::registered(&world, "ada").await);
    let [new, theirs] = [(); 2].map(|()| SecretKey::generate(&world.env));
    let own = crate::claims::claimed(&world, &ada.phone, "ada.l@example.org").await;
    world.clock.advance(Span::minutes(1));

    // The thief has the phone, adds a key, and makes everything that opens a session or goes on without one.
    let added = ada.addition(&world, &theirs).await;
    let reply = ada.send(&world, "rotate", &added).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    world.clock.advance(Span::minutes(1));
    let mut device = passkeys::added(&world, &ada.phone).await;
    assert_eq!(passkeys::login(&world, &mut device).await.status, StatusCode::OK);
    let soft = crate::claims::claimed(&world, &ada.phone, "eve.l@example.org").await;
    let person = Person {
        key: Some(ada.phone.clone()),
        token: ada.login(&world, &ada.phone).await,
    };
    let tokens = app.tokens(&world, &person, "openid offline_access").await;
    let refresh = tokens["refresh_token"].as_str().unwrap().to_owned();

    world.clock.advance(Span::hours(1));
    let reply = ada.send(&world, "recover", &ada.recovery(&world, &new)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    let refused = passkeys::login(&world, &mut device).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{refused:?}");
    let refused = app.refresh(&world, &refresh).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    let session = world.mailbox_login("eve.l@example.org").await;
    assert_eq!(world.session_did(&session).await, Some(soft.clone()));
    // What was the owner's before is the owner's still.
    let asked = HoldingsFetch { did: ada.did.clone() };
    assert_eq!(
        world.auth.holdings_fetch(asked).await.unwrap(),
        [ada.did.clone(), own.clone()]
    );
    let session = world.mailbox_login("ada.l@example.org").await;
    assert_eq!(world.session_did(&session).await, Some(ada.did.clone()));
    assert_eq!(world.audit().await, []);

    // A claim that was undone can be made again, by whoever has the mailbox.
    world.clock.advance(Span::seconds(1));
    let body = json!({"token": crate::claims::link_to(&world, "eve.l@example.org").await});
    let claimed = ada.request(&world, &new, "POST", "/auth/api/claim", Some(&body)).await;
    assert_eq!(claimed.status, StatusCode::OK, "{claimed:?}");
    let asked = HoldingsFetch { did: ada.did.clone() };
    assert_eq!(world.auth.holdings_fetch(asked).await.unwrap().len(), 3);
    assert_eq!(world.audit().await, []);
}
