//! Signatures are checked with the keys that counted when they were made.

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::{Span, Timestamp};
use imajin_store::Finding;
use imajin_store::mutation::{Mutation, Proof, audit_signers};
use imajin_testkit::{Backend, on_both};

use crate::logs::{append, append_all_kinds, by_node, request};
use crate::world::World;

on_both!(
    a_key_that_did_not_count_then_is_named,
    of_whom_nothing_is_known_nothing_is_said,
);

/// The audit, for somebody whose key was `old` before that moment, and `new` from then on.
async fn found(world: &World, did: &Did, old: PublicKey, new: PublicKey, from: Timestamp) -> Vec<Finding> {
    let did = did.clone();
    world
        .read(move |conn| {
            let keys = |asked: &Did, at: Timestamp| {
                let then = if at < from { old } else { new };
                (*asked == did).then(|| vec![then])
            };
            let mut findings = Vec::new();
            audit_signers(conn, "things", &keys, &mut findings)?;
            Ok(findings)
        })
        .await
        .unwrap()
}

async fn a_key_that_did_not_count_then_is_named(backend: Backend) {
    let world = World::new(backend);
    let [key, other] = [(); 2].map(|()| SecretKey::generate(&world.env));
    let by = |object: &str, proof: Proof| Mutation {
        owner: key.did(),
        action: "thing.make",
        object: object.to_owned(),
        body: b"{}".to_vec(),
        proof,
    };
    let signed_at = world.env.now();
    let http = Proof::Http(request(&world, &key, "nonce-1-abcdefgh", b"{}"));
    append(&world, by("thing-a", http)).await.unwrap();
    let challenge = Proof::Challenge {
        did: key.did(),
        key: key.public(),
        text: "x".to_owned(),
        signature: key.sign(b"x"),
    };
    append(&world, by("thing-b", challenge)).await.unwrap();
    append(&world, by_node(&world, "thing-c", b"{}")).await.unwrap();
    let later = signed_at.plus(Span::seconds(1));
    let (old, new) = (key.public(), other.public());
    assert_eq!(found(&world, &key.did(), old, new, later).await, []);
    let named = found(&world, &key.did(), old, new, signed_at.minus(Span::seconds(1))).await;
    let rows: Vec<&str> = named.iter().map(|finding| finding.row.as_str()).collect();
    assert_eq!(rows, ["node/1", "node/2"]);
    assert!(named[0].problem.contains(key.did().as_str()), "{named:?}");
}

async fn of_whom_nothing_is_known_nothing_is_said(backend: Backend) {
    let world = World::new(backend);
    append_all_kinds(&world).await;
    let other = SecretKey::generate(&world.env);
    let now = world.env.now();
    assert_eq!(
        found(&world, &other.did(), other.public(), other.public(), now).await,
        []
    );
}
