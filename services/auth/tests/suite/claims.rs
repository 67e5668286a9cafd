//! A soft identity is claimed by a key.

use imajin_auth_api::{AuthApi, CustodialSign, HoldingsFetch};
use imajin_did::{Did, SecretKey};
use imajin_testkit::Backend;
use imajin_testkit::on_both;
use serde_json::json;

use crate::world::{ORIGIN, Reply, World, assert_refused};

const PATH: &str = "/auth/api/claim";

async fn claim(world: &World, key: &SecretKey, token: &str) -> Reply {
    let body = json!({"token": token}).to_string();
    let signed = world.signed(key, "POST", PATH, &body);
    world.send_signed(&signed, PATH, &body).await
}

pub(crate) async fn link_to(world: &World, email: &str) -> String {
    let sent = world.post("/auth/api/onboard", &json!({"email": email})).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    world.clock.advance(imajin_kernel::Span::seconds(1));
    world.newest_link().await.1
}

/// Claims a mailbox; gives the soft identity.
pub(crate) async fn claimed(world: &World, key: &SecretKey, email: &str) -> Did {
    world.clock.advance(imajin_kernel::Span::seconds(1));
    let token = link_to(world, email).await;
    let reply = claim(world, key, &token).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["claimed"].as_str().unwrap().parse().unwrap()
}

async fn holdings(world: &World, did: &Did) -> Vec<Did> {
    world
        .auth
        .holdings_fetch(HoldingsFetch { did: did.clone() })
        .await
        .unwrap()
}

async fn a_claimed_mailbox_belongs_to_the_key(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    let soft_session = world.mailbox_login("ada.l@example.org").await;
    let soft = world.session_did(&soft_session).await.unwrap();
    assert_eq!(holdings(&world, &ada.did()).await, [ada.did()]);

    assert_eq!(claimed(&world, &ada, "ada.l@example.org").await, soft);
    assert_eq!(holdings(&world, &ada.did()).await, [ada.did(), soft.clone()]);
    assert_eq!(holdings(&world, &ada.did().also_known_as()[0]).await.len(), 2);
    // The soft identity has ended: its session, and what the node would sign for it.
    assert_eq!(world.session_did(&soft_session).await, None);
    let sign = CustodialSign {
        token: soft_session,
        method: "POST".to_owned(),
        target_uri: format!("{ORIGIN}/events/api/checkout"),
        idempotency_key: None,
        body: "{}".to_owned(),
    };
    assert!(world.auth.custodial_sign(sign).await.is_err());
    // Its mailbox opens a session of the owner, which reads, and for which the node signs nothing.
    let session = world.mailbox_login("ada.l@example.org").await;
    assert_eq!(world.session_did(&session).await, Some(ada.did()));
    let lookup = world.get(&format!("/auth/api/lookup/{soft}"), &[]).await;
    assert_eq!(
        lookup.status, 410,
        "nothing public leads from the pseudonym to the owner"
    );
    assert!(!lookup.text.contains(ada.did().as_str()));

    let world = world.restart().await;
    assert_eq!(world.audit().await, []);
    assert_eq!(holdings(&world, &ada.did()).await.len(), 2);
    world.execute("UPDATE identities SET deleted_at = NULL").await;
    assert!(!world.audit().await.is_empty());
}

async fn a_claim_counts_once_and_for_one(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, eve) = (world.registered("ada").await, world.registered("eve").await);
    let token = link_to(&world, "ada.l@example.org").await;
    let stranger = SecretKey::generate(&world.env);
    assert_refused(&claim(&world, &stranger, &token).await, 403, "forbidden");
    assert_refused(&claim(&world, &ada, "wrong").await, 410, "gone");
    // A mailbox that nobody has used here can be claimed as well.
    assert_eq!(claim(&world, &ada, &token).await.status, 200);
    assert_refused(&claim(&world, &ada, &token).await, 410, "gone");
    let token = link_to(&world, "ada.l@example.org").await;
    assert_refused(&claim(&world, &ada, &token).await, 409, "conflict");
    assert_refused(&claim(&world, &eve, &token).await, 409, "conflict");
    assert_eq!(holdings(&world, &eve.did()).await, [eve.did()]);
    let log = world.dump_contains(&[token, "ada.l@example".to_owned()]).await;
    assert!(!log.contains(&"mutation_log".to_owned()), "{log:?}");
    assert_eq!(world.audit().await, []);
}

on_both! {
    a_claimed_mailbox_belongs_to_the_key,
    a_claim_counts_once_and_for_one,
}
