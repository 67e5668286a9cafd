//! The attestation and the heartbeat of the shared vectors, at the time at which they were signed.

use imajin_kernel::Span;
use serde_json::{Value, json};

use crate::on_both;
use crate::world::World;

on_both![the_vectors_are_accepted_at_their_time, the_vectors_are_stale_later];

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/imajin.json")).unwrap()
}

async fn the_vectors_are_accepted_at_their_time(world: World) {
    let vectors = vectors();
    let attestation = &vectors["node_attestation"]["attestation"];
    let answer = world.register_raw(attestation.clone()).await.expect(201);
    assert_eq!(answer.json["subdomain"], "alice.nodes.example");
    let answer = world
        .post("/api/node/heartbeat", &vectors["heartbeat"]["heartbeat"])
        .await
        .expect(200);
    assert_eq!(
        answer.json,
        json!({"ack": true, "nextHeartbeat": world.now_ms() + 86_400_000})
    );
    let node = world
        .get(&format!("/api/node/lookup/{}", attestation["nodeId"].as_str().unwrap()))
        .await
        .expect(200);
    assert_eq!(node.json["services"], attestation["services"]);
    assert_eq!(node.json["buildHash"], attestation["buildHash"]);
    assert_eq!(node.json["status"], "active");
    assert!(node.json["nodeId"].as_str().unwrap().starts_with("did:mjn:z6Mk"));
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn the_vectors_are_stale_later(world: World) {
    let vectors = vectors();
    let attestation = vectors["node_attestation"]["attestation"].clone();
    world.register_raw(attestation.clone()).await.expect(201);
    world.pass(Span::seconds(301));
    world.register_raw(attestation).await.rejected(401, "stale_signature");
    let heartbeat = &vectors["heartbeat"]["heartbeat"];
    world
        .post("/api/node/heartbeat", heartbeat)
        .await
        .refused(401, "stale_signature");
}
