use imajin_kernel::Span;
use serde_json::{Value, json};

use crate::on_both;
use crate::world::World;

on_both![
    a_heartbeat_is_acknowledged,
    a_heartbeat_may_stand_in_an_envelope,
    a_changed_build_is_asked_to_attest_again,
    a_registration_that_ends_soon_is_asked_to_renew,
    a_heartbeat_of_an_unknown_node_is_refused,
    a_heartbeat_after_the_end_is_refused,
    an_unsigned_or_forged_heartbeat_is_refused,
    a_stale_heartbeat_is_refused,
    a_replayed_or_older_heartbeat_is_refused,
    of_many_copies_of_a_heartbeat_one_counts,
    an_impossible_heartbeat_is_refused,
    too_many_heartbeats_are_refused,
];

async fn a_heartbeat_is_acknowledged(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let answer = world.beat(&alice).await.expect(200);
    assert_eq!(
        answer.json,
        json!({"ack": true, "nextHeartbeat": world.now_ms() + 86_400_000})
    );
    let node = world.get("/api/node/lookup/alice").await.json;
    assert_eq!(node["status"], "active");
    assert_eq!(node["lastHeartbeatAt"], "2026-03-01T00:00:02Z");
    // A node whose address changes is asked to come back soon.
    world.pass(Span::seconds(1));
    let mut heartbeat = alice.heartbeat(world.now_ms());
    heartbeat["addresses"] = json!(["192.0.2.7", "2001:db8::7"]);
    let answer = world
        .post("/api/node/heartbeat", &alice.signed(heartbeat))
        .await
        .expect(200);
    assert_eq!(answer.json["nextHeartbeat"], world.now_ms() + 300_000);
}

async fn a_heartbeat_may_stand_in_an_envelope(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let heartbeat = alice.signed_as("agent", alice.heartbeat(world.now_ms()));
    world
        .post("/api/node/heartbeat", &json!({"heartbeat": heartbeat}))
        .await
        .expect(200);
    assert_eq!(world.status_of("alice").await, "active");
}

async fn a_changed_build_is_asked_to_attest_again(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.pass(Span::seconds(1));
    let mut heartbeat = alice.heartbeat(world.now_ms());
    heartbeat["buildHash"] = "cd".repeat(32).into();
    let answer = world
        .post("/api/node/heartbeat", &alice.signed(heartbeat))
        .await
        .expect(200);
    assert_eq!(answer.json["actions"][0]["type"], "reattest");
    assert!(answer.json["actions"][0]["reason"].is_string());
    let mut attestation = alice.attestation("alice", world.now_ms());
    attestation["buildHash"] = "cd".repeat(32).into();
    world.register_raw(alice.signed(attestation)).await.expect(200);
    world.pass(Span::seconds(1));
    let mut heartbeat = alice.heartbeat(world.now_ms());
    heartbeat["buildHash"] = "cd".repeat(32).into();
    let answer = world
        .post("/api/node/heartbeat", &alice.signed(heartbeat))
        .await
        .expect(200);
    assert_eq!(answer.json.get("actions"), None);
}

async fn a_registration_that_ends_soon_is_asked_to_renew(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.pass(Span::days(23));
    let before = world
        .post("/api/node/heartbeat", &alice.signed(alice.heartbeat(world.now_ms())))
        .await;
    assert_eq!(before.expect(200).json.get("actions"), None);
    let answer = world.beat(&alice).await.expect(200);
    assert_eq!(
        answer.json["actions"],
        json!([{"type": "renew", "expiresIn": 7 * 86_400 - 1}])
    );
}

async fn a_heartbeat_of_an_unknown_node_is_refused(world: World) {
    world.beat(&world.node()).await.refused(404, "not_found");
}

async fn a_heartbeat_after_the_end_is_refused(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.pass(Span::days(30));
    let answer = world.beat(&alice).await.refused(403, "forbidden").says("ran out");
    assert_eq!(answer.json["actions"], json!([{"type": "renew", "expiresIn": 0}]));
    // Who cannot sign for the node learns nothing new either.
    let forged = world.node().signed(alice.heartbeat(world.now_ms()));
    world
        .post("/api/node/heartbeat", &forged)
        .await
        .refused(401, "bad_signature");
}

async fn an_unsigned_or_forged_heartbeat_is_refused(world: World) {
    let (alice, mallory) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    let heartbeat = alice.heartbeat(world.now_ms());
    world
        .post("/api/node/heartbeat", &heartbeat)
        .await
        .refused(401, "unauthenticated");
    let forged = mallory.signed(heartbeat.clone());
    world
        .post("/api/node/heartbeat", &forged)
        .await
        .refused(401, "bad_signature");
    let mut changed = alice.signed(heartbeat);
    changed["health"]["status"] = "degraded".into();
    world
        .post("/api/node/heartbeat", &changed)
        .await
        .refused(401, "bad_signature");
    assert_eq!(world.status_of("alice").await, "pending");
    // An attestation is no heartbeat.
    let attestation = alice.signed(alice.attestation("alice", world.now_ms()));
    world
        .post("/api/node/heartbeat", &attestation)
        .await
        .refused(400, "invalid_request");
}

async fn a_stale_heartbeat_is_refused(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let heartbeat = alice.signed(alice.heartbeat(world.now_ms()));
    let early = alice.signed(alice.heartbeat(world.now_ms() + 400_000));
    world
        .post("/api/node/heartbeat", &early)
        .await
        .refused(401, "stale_signature");
    world.pass(Span::seconds(301));
    world
        .post("/api/node/heartbeat", &heartbeat)
        .await
        .refused(401, "stale_signature");
}

async fn a_replayed_or_older_heartbeat_is_refused(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let older = alice.signed(alice.heartbeat(world.now_ms()));
    world.pass(Span::seconds(1));
    let heartbeat = alice.signed(alice.heartbeat(world.now_ms()));
    world.post("/api/node/heartbeat", &heartbeat).await.expect(200);
    for sent in [&heartbeat, &older, &heartbeat] {
        world.post("/api/node/heartbeat", sent).await.refused(401, "replayed");
    }
    world.beat(&alice).await.expect(200);
}

async fn of_many_copies_of_a_heartbeat_one_counts(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.pass(Span::seconds(1));
    let heartbeat = alice.signed(alice.heartbeat(world.now_ms()));
    let copies = (0..8).map(|_| world.post("/api/node/heartbeat", &heartbeat));
    let answers = futures::future::join_all(copies).await;
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(taken, 1, "{answers:?}");
    // Copies that arrive together may be counted before one of them is written down.
    assert!(
        answers
            .iter()
            .all(|answer| [200, 401, 429].contains(&answer.status.as_u16())),
        "{answers:?}"
    );
}

async fn an_impossible_heartbeat_is_refused(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let many: Vec<String> = (0..9).map(|number| format!("192.0.2.{number}")).collect();
    let cases: [(&str, Value); 7] = [
        ("buildHash", "zz".into()),
        ("version", "".into()),
        ("health", json!({"status": "fine"})),
        (
            "health",
            json!({"status": "", "services": {}, "uptime": 1, "metrics": {}}),
        ),
        (
            "health",
            json!({"status": "ok", "services": {}, "uptime": -1, "metrics": {}}),
        ),
        ("addresses", many.into()),
        ("addresses", json!(["localhost"])),
    ];
    for (member, value) in cases {
        let mut heartbeat = alice.heartbeat(world.now_ms());
        heartbeat[member] = value;
        world
            .post("/api/node/heartbeat", &alice.signed(heartbeat))
            .await
            .refused(400, "invalid_request");
    }
    let mut heartbeat = alice.heartbeat(world.now_ms());
    heartbeat["health"]["metrics"]["padding"] = "x".repeat(9_000).into();
    world
        .post("/api/node/heartbeat", &alice.signed(heartbeat))
        .await
        .refused(400, "invalid_request");
    for body in [json!({}), json!([]), json!({"heartbeat": 1})] {
        world
            .post("/api/node/heartbeat", &body)
            .await
            .refused(400, "invalid_request");
    }
}

async fn too_many_heartbeats_are_refused(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    for _ in 0..15 {
        world.beat(&alice).await.expect(200);
    }
    let answer = world.beat(&alice).await.refused(429, "rate_limited");
    let wait: i64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    world.pass(Span::seconds(wait));
    world.beat(&alice).await.expect(200);
}
