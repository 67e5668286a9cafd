//! Which builds count as what.

use imajin_did::SecretKey;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::SignedMessage;
use serde_json::{Value, json};

use crate::audits::findings;
use crate::on_both;
use crate::world::World;

on_both![
    builds_are_reported_while_nobody_vouches_for_them,
    a_build_of_a_signed_release_is_verified,
    a_release_by_a_key_that_is_not_trusted_is_refused,
    a_release_that_is_none_is_refused,
    a_retired_key_verifies_nothing_more,
    a_deprecated_build_is_asked_to_upgrade,
    a_registry_may_take_known_builds_only,
    orders_about_builds_that_are_none_are_refused,
];

async fn builds_are_reported_while_nobody_vouches_for_them(world: World) {
    for name in ["one", "two", "three"] {
        let node = world.node();
        let mut attestation = node.attestation(name, world.now_ms());
        if name == "three" {
            attestation["version"] = "0.2.0".into();
            attestation["buildHash"] = "cd".repeat(32).into();
        }
        world.register_raw(node.signed(attestation)).await.expect(201);
    }
    let builds = world.get("/api/builds").await.expect(200).json;
    assert_eq!(builds["releaseKeys"], json!([]));
    assert_eq!(
        builds["builds"],
        json!([
            {"buildHash": "ab".repeat(32), "version": "0.1.0", "status": "reported", "nodes": 2},
            {"buildHash": "cd".repeat(32), "version": "0.2.0", "status": "reported", "nodes": 1},
        ])
    );
    for (hash, version, nodes) in [("ab", "0.1.0", 2), ("cd", "0.1.0", 0), ("ef", "9", 0)] {
        let asked = json!({"buildHash": hash.repeat(32), "version": version});
        let answer = world.post("/api/builds/verify", &asked).await.expect(200).json;
        assert_eq!(answer["status"], "reported");
        assert_eq!(answer["valid"], false);
        assert_eq!(answer["nodes"], nodes);
        assert!(answer["reason"].as_str().unwrap().contains("No key"));
    }
    for bad in [
        json!({}),
        json!({"buildHash": "x", "version": "1"}),
        json!({"buildHash": "ab".repeat(32), "version": ""}),
    ] {
        world.post("/api/builds/verify", &bad).await.expect(400);
    }
    world.pass(Span::days(30));
    assert_eq!(world.get("/api/builds").await.json["builds"], json!([]));
}

fn release(key: &SecretKey, version: &str, hash: &str) -> Value {
    let body = json!({
        "version": version,
        "builds": [{"target": "x86_64-unknown-linux-gnu", "buildHash": hash.repeat(32)}],
    });
    let at = Timestamp::from_seconds(1_700_000_000);
    serde_json::to_value(SignedMessage::sign(key, key.did(), "release", None, at, body).unwrap()).unwrap()
}

async fn trusted(world: &World) -> SecretKey {
    let key = SecretKey::from_seed([7; 32]);
    let order = json!({"publicKey": key.public().multikey(), "name": "the-makers"});
    world.order("/api/operator/release-keys", &order).await.expect(200);
    key
}

/// A release that counts, and a key that does not count any more.
pub(crate) async fn released(world: &World) {
    let (key, retired) = (trusted(world).await, SecretKey::from_seed([6; 32]).public().multikey());
    world
        .post("/api/builds/releases", &release(&key, "0.1.0", "ab"))
        .await
        .expect(200);
    let (added, gone) = (
        json!({"publicKey": retired, "name": "before"}),
        json!({"publicKey": retired, "reason": "lost"}),
    );
    world.order("/api/operator/release-keys", &added).await.expect(200);
    world
        .order("/api/operator/release-keys/retire", &gone)
        .await
        .expect(200);
}

async fn a_build_of_a_signed_release_is_verified(world: World) {
    let (alice, key) = (world.node(), trusted(&world).await);
    world.register(&alice, "alice").await.expect(201);
    assert_eq!(
        world.get("/api/node/lookup/alice").await.json["buildStatus"],
        "reported"
    );
    let signed = release(&key, "0.1.0", "ab");
    world.post("/api/builds/releases", &signed).await.expect(200);
    // Once is enough, and a second time does no harm.
    world.post("/api/builds/releases", &signed).await.expect(200);
    let renewed = world.register(&alice, "alice").await.expect(200);
    assert_eq!(renewed.json["status"], "verified");
    assert_eq!(
        world.get("/api/node/lookup/alice").await.json["buildStatus"],
        "verified"
    );
    let known = world.get("/api/builds").await.expect(200).json;
    assert_eq!(known["builds"][0]["status"], "verified");
    assert_eq!(known["releaseKeys"][0]["name"], "the-makers");
    for (version, valid, source) in [("0.1.0", true, "release"), ("0.2.0", false, "unknown")] {
        let asked = json!({"buildHash": "ab".repeat(32), "version": version});
        let answer = world.post("/api/builds/verify", &asked).await.expect(200).json;
        assert_eq!((&answer["valid"], &answer["source"]), (&valid.into(), &source.into()));
    }
    assert_eq!(findings(&world).await, []);
}

async fn a_release_by_a_key_that_is_not_trusted_is_refused(world: World) {
    let signed = release(&SecretKey::from_seed([8; 32]), "0.1.0", "ab");
    world.post("/api/builds/releases", &signed).await.expect(403);
    trusted(&world).await;
    world.post("/api/builds/releases", &signed).await.expect(403);
}

async fn a_release_that_is_none_is_refused(world: World) {
    let key = trusted(&world).await;
    let whole = release(&key, "0.1.0", "ab");
    let mut forged = whole.clone();
    forged["payload"]["version"] = "0.2.0".into();
    world.post("/api/builds/releases", &forged).await.expect(401);
    for (version, hash) in [("", "ab"), ("1 0", "ab"), ("0.1.0", "AB"), ("0.1.0", "a")] {
        world
            .post("/api/builds/releases", &release(&key, version, hash))
            .await
            .expect(400);
    }
    for body in [
        json!({"version": "0.1.0", "builds": []}),
        json!({"version": "0.1.0", "builds": [
            {"target": "a", "buildHash": "ab".repeat(32)}, {"target": "b", "buildHash": "ab".repeat(32)},
        ]}),
        json!({"version": "0.1.0"}),
    ] {
        let signed = SignedMessage::sign(&key, key.did(), "release", None, Timestamp::EPOCH, body).unwrap();
        let signed = serde_json::to_value(signed).unwrap();
        world.post("/api/builds/releases", &signed).await.expect(400);
    }
    world.post("/api/builds/releases", &json!({})).await.expect(400);
}

async fn a_retired_key_verifies_nothing_more(world: World) {
    let (alice, key) = (world.node(), trusted(&world).await);
    world.register(&alice, "alice").await.expect(201);
    world
        .post("/api/builds/releases", &release(&key, "0.1.0", "ab"))
        .await
        .expect(200);
    let retire = json!({"publicKey": key.public().multikey(), "reason": "it was on a laptop that is gone"});
    world
        .order("/api/operator/release-keys/retire", &retire)
        .await
        .expect(200);
    world
        .order("/api/operator/release-keys/retire", &retire)
        .await
        .expect(403);
    assert_eq!(
        world.get("/api/node/lookup/alice").await.json["buildStatus"],
        "reported"
    );
    world
        .post("/api/builds/releases", &release(&key, "0.2.0", "cd"))
        .await
        .expect(403);
    let known = world.get("/api/builds").await.expect(200).json;
    assert_eq!(known["releaseKeys"][0]["retiredReason"], retire["reason"]);
    assert_eq!(findings(&world).await, []);
    // It was found again.
    trusted(&world).await;
    assert_eq!(
        world.get("/api/node/lookup/alice").await.json["buildStatus"],
        "verified"
    );
    assert_eq!(findings(&world).await, []);
}

fn rule(standing: &str, reason: &str) -> Value {
    json!({"buildHash": "ab".repeat(32), "standing": standing, "reason": reason, "targetVersion": "0.2.0"})
}

async fn a_deprecated_build_is_asked_to_upgrade(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let order = rule("deprecated", "it loses receipts");
    world.order("/api/operator/builds", &order).await.expect(200);
    let beat = world.beat(&alice).await.expect(200);
    assert_eq!(
        beat.json["actions"],
        json!([{"type": "upgrade", "targetVersion": "0.2.0", "reason": "it loses receipts"}])
    );
    // Where nobody asks for known builds it may go on.
    world.register(&alice, "alice").await.expect(200);
    let known = world.get("/api/builds").await.expect(200).json;
    assert_eq!(known["builds"][0]["standing"], "deprecated");
    world
        .order("/api/operator/builds", &rule("approved", "it was another one"))
        .await
        .expect(200);
    assert_eq!(world.beat(&alice).await.expect(200).json.get("actions"), None);
    assert_eq!(findings(&world).await, []);
}

async fn a_registry_may_take_known_builds_only(world: World) {
    let world = world.with_known_builds().await;
    let alice = world.node();
    world
        .register(&alice, "alice")
        .await
        .rejected(403, "forbidden")
        .says("does not take this build");
    world
        .order("/api/operator/builds", &rule("approved", "our own"))
        .await
        .expect(200);
    world.register(&alice, "alice").await.expect(201);
    world
        .order("/api/operator/builds", &rule("deprecated", "it loses receipts"))
        .await
        .expect(200);
    world
        .register(&alice, "alice")
        .await
        .rejected(403, "forbidden")
        .says("it loses receipts");
    let (bob, key) = (world.node(), trusted(&world).await);
    let mut attestation = bob.attestation("bob", world.now_ms());
    attestation["buildHash"] = "cd".repeat(32).into();
    let signed = bob.signed(attestation);
    world.register_raw(signed.clone()).await.rejected(403, "forbidden");
    world
        .post("/api/builds/releases", &release(&key, "0.1.0", "cd"))
        .await
        .expect(200);
    let answer = world.register_raw(signed).await.expect(201);
    assert_eq!(answer.json["status"], "verified");
}

async fn orders_about_builds_that_are_none_are_refused(world: World) {
    let mut wrong = rule("approved", "ours");
    wrong["buildHash"] = "AB".into();
    world.order("/api/operator/builds", &wrong).await.expect(400);
    world
        .order("/api/operator/builds", &rule("unknown", "ours"))
        .await
        .expect(400);
    world
        .order("/api/operator/builds", &rule("approved", ""))
        .await
        .expect(400);
    let key = SecretKey::from_seed([7; 32]).public().multikey();
    for order in [
        json!({"publicKey": "z6Mk", "name": "x"}),
        json!({"publicKey": key, "name": ""}),
        json!({"publicKey": key, "name": "two words"}),
    ] {
        world.order("/api/operator/release-keys", &order).await.expect(400);
    }
}
