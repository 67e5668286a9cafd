//! Nodes whose keys change: what the key log says decides who may renew, and the node stays who it was.

use imajin_did::{Did, PublicKey, SecretKey};
use imajin_kernel::{Code, Problem, Span};
use imajin_store::{Finding, StoreError};
use serde_json::{Value, json};

use crate::on_both;
use crate::world::{Answer, Node, World};

on_both![
    a_new_key_of_the_key_log_renews_and_the_node_stays_who_it_was,
    a_renewal_with_another_key_for_the_same_node_is_refused,
    a_key_that_the_log_has_replaced_renews_nothing,
    a_key_that_the_log_has_replaced_registers_nothing,
    a_contested_key_log_renews_nothing,
    a_name_that_was_lost_with_its_key_comes_back_in_its_grace,
    a_heartbeat_by_the_replaced_key_is_refused,
    a_replayed_attestation_by_the_new_key_is_refused,
    the_credentials_of_the_replaced_key_end,
    a_replaced_or_contested_key_changes_nothing_in_dns,
    a_node_that_expired_long_ago_is_no_other_for_a_new_key,
    while_nobody_knows_the_key_logs_nothing_is_registered,
];

/// The node `node` with the key of somebody else.
fn attestation(did: &Did, key: &SecretKey, hostname: &str, at_ms: i64) -> Value {
    let signer = Node { key: key.clone() };
    let mut attestation = signer.attestation(hostname, at_ms);
    attestation["nodeId"] = did.as_str().into();
    signer.signed(attestation)
}

async fn renew(world: &World, did: &Did, key: &SecretKey, hostname: &str) -> Answer {
    world.pass(Span::seconds(1));
    world
        .register_raw(attestation(did, key, hostname, world.now_ms()))
        .await
}

async fn beat(world: &World, did: &Did, key: &SecretKey) -> Answer {
    world.pass(Span::seconds(1));
    let signer = Node { key: key.clone() };
    let mut heartbeat = signer.heartbeat(world.now_ms());
    heartbeat["nodeId"] = did.as_str().into();
    world.post("/api/node/heartbeat", &signer.signed(heartbeat)).await
}

async fn findings(world: &World, keys: &[PublicKey]) -> Vec<Finding> {
    let (keyring, keys) = (world.keyring.clone(), keys.to_vec());
    let found: Result<_, StoreError> = world
        .db
        .read(move |conn| imajin_registry::audit(conn, &keyring, &|_did| keys.clone()))
        .await;
    found.unwrap()
}

async fn a_new_key_of_the_key_log_renews_and_the_node_stays_who_it_was(world: World) {
    let (alice, new) = (world.node(), world.node().key);
    let first = world.register(&alice, "alice").await.expect(201);
    world.beat(&alice).await.expect(200);
    let before = world.get("/api/node/lookup/alice").await.expect(200).json;
    world.key_log_set(&alice.did(), Ok(vec![new.public()]));
    let renewed = renew(&world, &alice.did(), &new, "alice").await.expect(200);
    assert_eq!(renewed.json["renewed"], true);
    assert_eq!(renewed.json["subdomain"], first.json["subdomain"]);
    let after = world.get("/api/node/lookup/alice").await.expect(200).json;
    for member in ["nodeId", "hostname", "status", "registeredAt", "lastHeartbeatAt"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(after["status"], "active");
    // The last heartbeat is still one by the old key, and the audit knows both.
    assert_eq!(findings(&world, &[new.public()]).await, []);
    beat(&world, &alice.did(), &new).await.expect(200);
    assert_eq!(findings(&world, &[new.public()]).await, []);
    assert_ne!(findings(&world, &[]).await, [], "nobody vouches for the new key");
    world.registry.directory_sign().await.unwrap();
    let page = world.get("/api/directory").await.expect(200).json;
    assert_eq!(page["entries"][0]["nodeId"], alice.did().as_str());
    assert_eq!(
        page["entries"][0]["entry"]["attestation"]["publicKey"],
        new.public().to_hex()
    );
}

async fn a_renewal_with_another_key_for_the_same_node_is_refused(world: World) {
    let (alice, mallory) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    // The reference lets this take a name over.
    renew(&world, &alice.did(), &mallory.key, "alice")
        .await
        .rejected(400, "invalid_request")
        .says("key log");
    world.beat(&alice).await.expect(200);
}

async fn a_key_that_the_log_has_replaced_renews_nothing(world: World) {
    let (alice, new) = (world.node(), world.node().key);
    world.register(&alice, "alice").await.expect(201);
    world.key_log_set(&alice.did(), Ok(vec![new.public()]));
    // Whether or not the new key was there first.
    world
        .register(&alice, "alice")
        .await
        .rejected(401, "bad_signature")
        .says("replaced");
    renew(&world, &alice.did(), &new, "alice").await.expect(200);
    world
        .register(&alice, "mallory")
        .await
        .rejected(401, "bad_signature")
        .says("replaced");
    // One that was in between is a stranger's.
    let newer = world.node().key;
    world.key_log_set(&alice.did(), Ok(vec![newer.public()]));
    renew(&world, &alice.did(), &new, "alice")
        .await
        .rejected(400, "invalid_request")
        .says("key log");
}

async fn a_key_that_the_log_has_replaced_registers_nothing(world: World) {
    let (alice, new) = (world.node(), world.node().key);
    world.key_log_set(&alice.did(), Ok(vec![new.public()]));
    world
        .register(&alice, "alice")
        .await
        .rejected(401, "bad_signature")
        .says("replaced");
    renew(&world, &alice.did(), &new, "alice").await.expect(201);
}

async fn a_contested_key_log_renews_nothing(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let contested = Problem::new(
        Code::Conflict,
        "Two histories of this identity's keys contradict each other.",
    );
    world.key_log_set(&alice.did(), Err(contested));
    world
        .register(&alice, "alice")
        .await
        .rejected(409, "conflict")
        .says("contradict");
}

async fn a_name_that_was_lost_with_its_key_comes_back_in_its_grace(world: World) {
    let (alice, mallory, new) = (world.node(), world.node(), world.node().key);
    world.register(&alice, "alice").await.expect(201);
    world.pass(Span::days(33));
    world
        .register(&mallory, "alice")
        .await
        .rejected(409, "conflict")
        .says("reserved");
    world.key_log_set(&alice.did(), Ok(vec![new.public()]));
    let back = renew(&world, &alice.did(), &new, "alice").await.expect(200);
    assert_eq!(back.json["renewed"], true);
    world
        .register(&mallory, "alice")
        .await
        .rejected(409, "conflict")
        .says("taken");
}

async fn a_heartbeat_by_the_replaced_key_is_refused(world: World) {
    let (alice, new) = (world.node(), world.node().key);
    world.register(&alice, "alice").await.expect(201);
    world.key_log_set(&alice.did(), Ok(vec![new.public()]));
    beat(&world, &alice.did(), &new).await.refused(401, "bad_signature");
    renew(&world, &alice.did(), &new, "alice").await.expect(200);
    world.beat(&alice).await.refused(401, "bad_signature");
    beat(&world, &alice.did(), &new).await.expect(200);
}

async fn a_replayed_attestation_by_the_new_key_is_refused(world: World) {
    let (alice, new) = (world.node(), world.node().key);
    world.register(&alice, "alice").await.expect(201);
    world.key_log_set(&alice.did(), Ok(vec![new.public()]));
    world.pass(Span::seconds(1));
    let sent = attestation(&alice.did(), &new, "alice", world.now_ms());
    world.register_raw(sent.clone()).await.expect(200);
    world.pass(Span::seconds(1));
    world.register_raw(sent).await.rejected(401, "replayed");
}

async fn the_credentials_of_the_replaced_key_end(world: World) {
    let (alice, new) = (world.node(), world.node().key);
    let old = world.register(&alice, "alice").await.expect(201).json["credentials"].clone();
    world.key_log_set(&alice.did(), Ok(vec![new.public()]));
    let fresh = renew(&world, &alice.did(), &new, "alice").await.expect(200).json["credentials"].clone();
    assert_ne!(old["password"], fresh["password"]);
    for (given, status) in [(&old, 401), (&fresh, 503)] {
        let body = json!({"subdomain": given["subdomain"], "txt": "a".repeat(43)});
        let request = axum::http::Request::post("/api/acme-dns/update")
            .header("content-type", "application/json")
            .header("x-api-user", given["username"].as_str().unwrap())
            .header("x-api-key", given["password"].as_str().unwrap());
        let answer = world.send(request.body(body.to_string().into()).unwrap()).await;
        assert_eq!(answer.status, status, "{:?}", answer.json);
    }
    // A renewal by the same key gives nothing away again.
    let again = renew(&world, &alice.did(), &new, "alice").await.expect(200);
    assert_eq!(again.json.get("credentials"), None);
}

async fn a_replaced_or_contested_key_changes_nothing_in_dns(world: World) {
    let (alice, new) = (world.node(), world.node().key);
    world.register(&alice, "alice").await.expect(201);
    let settled = json!(["9.9.9.9"]);
    world.beat_from(&alice, &settled).await.expect(200);
    let contested = || Problem::new(Code::Conflict, "Two histories contradict each other.");
    for (log, status, code) in [
        (Ok(vec![new.public()]), 401, "bad_signature"),
        (Err(contested()), 409, "conflict"),
    ] {
        world.key_log_set(&alice.did(), log);
        world.beat_from(&alice, &json!(["8.8.8.8"])).await.refused(status, code);
        // That it lives, and where it was, it may say until its log is shown with a renewal.
        let beat = world.beat_from(&alice, &settled).await.expect(200);
        assert_eq!(beat.json["addresses"], settled);
        world.beat(&alice).await.expect(200);
        world.pass(Span::seconds(1));
        let wish = json!({"nodeId": alice.did(), "purpose": "credentials", "timestamp": world.now_ms()});
        let refused = world.post("/api/node/credentials", &alice.signed(wish)).await;
        assert_eq!((refused.status.as_u16(), &refused.json["code"]), (status, &json!(code)));
    }
}

async fn a_node_that_expired_long_ago_is_no_other_for_a_new_key(world: World) {
    let (alice, new) = (world.node(), world.node().key);
    world.register(&alice, "alice").await.expect(201);
    world.pass(Span::days(60));
    world.registry.sweep().await.unwrap();
    world.key_log_set(&alice.did(), Ok(vec![new.public()]));
    let back = renew(&world, &alice.did(), &new, "alice").await.expect(201);
    assert_eq!(back.json.get("renewed"), None);
    assert_eq!(world.status_of("alice").await, "pending");
    assert_eq!(findings(&world, &[new.public()]).await, []);
}

async fn while_nobody_knows_the_key_logs_nothing_is_registered(world: World) {
    let alice = world.node();
    world.key_log_set(&alice.did(), Err(Problem::new(Code::Unavailable, "Auth is away.")));
    world
        .register(&alice, "alice")
        .await
        .rejected(503, "unavailable")
        .says("away");
}
