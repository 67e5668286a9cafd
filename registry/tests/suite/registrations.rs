use axum::body::Body;
use axum::http::{Request, header};
use imajin_kernel::Span;
use serde_json::{Value, json};

use crate::on_both;
use crate::world::World;

on_both![
    a_node_registers_and_renews,
    every_form_of_the_same_key_is_the_same_node,
    unknown_members_stay_under_the_signature,
    a_node_says_whose_it_is,
    each_missing_member_is_refused,
    impossible_members_are_refused,
    a_node_id_that_the_key_does_not_give_is_refused,
    an_unsigned_attestation_is_refused,
    a_signature_by_another_key_is_refused,
    an_attestation_that_was_changed_after_signing_is_refused,
    a_stale_attestation_is_refused,
    an_attestation_from_the_future_is_refused,
    a_replayed_attestation_is_refused,
    an_older_attestation_is_refused,
    too_many_attestations_are_refused,
    bodies_that_are_no_attestation_are_refused,
];

async fn a_node_registers_and_renews(world: World) {
    let alice = world.node();
    let first = world.register(&alice, "alice").await.expect(201);
    assert_eq!(first.json["status"], "pending");
    assert_eq!(first.json["subdomain"], "alice.nodes.example");
    assert_eq!(first.json["expiresAt"], world.now_ms() + 30 * 86_400_000);
    assert_eq!(first.json.get("renewed"), None);
    world.pass(Span::days(29));
    let second = world.register(&alice, "alice").await.expect(200);
    assert_eq!(second.json["renewed"], true);
    assert_eq!(second.json["expiresAt"], world.now_ms() + 30 * 86_400_000);
    let node = world.get("/api/node/lookup/alice").await.expect(200).json;
    assert_eq!(node["nodeId"], alice.did().as_str());
    assert_eq!(node["services"], json!(["auth", "pay"]));
    assert_eq!(node["registeredAt"], "2026-03-01T00:00:01Z");
}

async fn every_form_of_the_same_key_is_the_same_node(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    for did in alice.did().also_known_as() {
        world.pass(Span::seconds(30));
        let mut attestation = alice.attestation("alice", world.now_ms());
        attestation["nodeId"] = did.as_str().into();
        let answer = world
            .register_raw(alice.signed_as("agent", attestation))
            .await
            .expect(200);
        assert_eq!(answer.json["renewed"], true);
        let found = world.get(&format!("/api/node/lookup/{did}")).await.expect(200);
        assert_eq!(found.json["nodeId"], alice.did().as_str());
    }
}

async fn unknown_members_stay_under_the_signature(world: World) {
    let alice = world.node();
    let mut attestation = alice.attestation("alice", world.now_ms());
    attestation["motto"] = "first".into();
    let mut signed = alice.signed(attestation);
    world.register_raw(signed.clone()).await.expect(201);
    world.pass(Span::seconds(1));
    signed["motto"] = "second".into();
    world.register_raw(signed).await.rejected(401, "bad_signature");
}

async fn a_node_says_whose_it_is(world: World) {
    let (alice, bob) = (world.node(), world.node());
    for (node, name, kind) in [(&alice, "alice", "person"), (&bob, "bob", "community")] {
        let mut attestation = node.attestation(name, world.now_ms());
        attestation["nodeType"] = kind.into();
        world.register_raw(node.signed(attestation)).await.expect(201);
    }
    let found = world.get("/api/node/lookup/bob").await.expect(200);
    assert_eq!(found.json["nodeType"], "community");
    let list = world.get("/api/node/list?type=person").await.expect(200);
    assert_eq!(list.json["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(list.json["nodes"][0]["hostname"], "alice");
    world.get("/api/node/list?type=palace").await.expect(400);
    let stats = world.get("/api/stats").await.expect(200);
    assert_eq!(
        stats.json["types"],
        json!([{"nodeType": "person", "nodes": 1}, {"nodeType": "community", "nodes": 1}])
    );
    let mut attestation = alice.attestation("alice", world.now_ms());
    attestation["nodeType"] = "palace".into();
    world
        .register_raw(alice.signed(attestation))
        .await
        .rejected(400, "invalid_request")
        .says("palace");
}

async fn each_missing_member_is_refused(world: World) {
    let alice = world.node();
    let whole = alice.signed(alice.attestation("alice", world.now_ms()));
    for member in whole
        .as_object()
        .unwrap()
        .keys()
        .filter(|member| *member != "signature")
    {
        let mut attestation = whole.clone();
        attestation.as_object_mut().unwrap().remove(member);
        world
            .register_raw(attestation)
            .await
            .rejected(400, "invalid_request")
            .says(member);
    }
}

async fn impossible_members_are_refused(world: World) {
    let alice = world.node();
    let many: Vec<String> = (0..65).map(|number| format!("s{number}")).collect();
    let cases: [(&str, Value); 17] = [
        ("buildHash", "AB".repeat(32).into()),
        ("buildHash", "ab".into()),
        ("publicKey", "AB".repeat(32).into()),
        ("publicKey", "00".repeat(32).into()),
        ("publicKey", "xyz".into()),
        ("version", "".into()),
        ("version", "1 0".into()),
        ("version", "1".repeat(65).into()),
        ("sourceCommit", "\u{7}".into()),
        ("services", json!(["auth", "auth"])),
        ("services", json!(["au\"th"])),
        ("services", json!(["AUTH"])),
        ("services", many.into()),
        ("services", "auth".into()),
        ("capabilities", json!([""])),
        ("nodeId", "alice".into()),
        ("timestamp", "now".into()),
    ];
    for (member, value) in cases {
        let mut attestation = alice.signed(alice.attestation("alice", world.now_ms()));
        attestation[member] = value.clone();
        let answer = world.register_raw(attestation).await.rejected(400, "invalid_request");
        assert!(!answer.json["error"].as_str().unwrap().is_empty(), "{member}: {value}");
    }
}

async fn a_node_id_that_the_key_does_not_give_is_refused(world: World) {
    let (alice, mallory) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    world.pass(Span::seconds(1));
    // Another key for the same nodeId: the reference lets this take a name over.
    let mut attestation = mallory.attestation("alice", world.now_ms());
    attestation["nodeId"] = alice.did().as_str().into();
    world
        .register_raw(mallory.signed(attestation))
        .await
        .rejected(400, "invalid_request")
        .says("nodeId");
    for did in [
        imajin_did::Did::short_alias(&mallory.key.public()).to_string(),
        "did:web:alice.nodes.example".to_owned(),
        "did:email:alice_at_example.org".to_owned(),
    ] {
        let mut attestation = mallory.attestation("mallory", world.now_ms());
        attestation["nodeId"] = did.into();
        world
            .register_raw(mallory.signed(attestation))
            .await
            .rejected(400, "invalid_request")
            .says("nodeId");
    }
}

async fn an_unsigned_attestation_is_refused(world: World) {
    let alice = world.node();
    world
        .register_raw(alice.attestation("alice", world.now_ms()))
        .await
        .rejected(401, "unauthenticated");
}

async fn a_signature_by_another_key_is_refused(world: World) {
    let (alice, mallory) = (world.node(), world.node());
    let forged = mallory.signed(alice.attestation("alice", world.now_ms()));
    world.register_raw(forged).await.rejected(401, "bad_signature");
    let other_kind = alice.signed_as("receipt", alice.attestation("alice", world.now_ms()));
    world.register_raw(other_kind).await.rejected(401, "bad_signature");
}

async fn an_attestation_that_was_changed_after_signing_is_refused(world: World) {
    let alice = world.node();
    let whole = alice.signed(alice.attestation("alice", world.now_ms()));
    let changes: [(&str, Value); 7] = [
        ("hostname", "bobby".into()),
        ("version", "0.2.0".into()),
        ("buildHash", "cd".repeat(32).into()),
        ("sourceCommit", "0000".into()),
        ("services", json!(["auth"])),
        ("capabilities", json!([])),
        ("timestamp", (world.now_ms() + 1).into()),
    ];
    for (member, value) in changes {
        let mut attestation = whole.clone();
        attestation[member] = value;
        world.register_raw(attestation).await.rejected(401, "bad_signature");
    }
}

async fn a_stale_attestation_is_refused(world: World) {
    let alice = world.node();
    let attestation = alice.signed(alice.attestation("alice", world.now_ms()));
    world.pass(Span::minutes(5));
    world.pass(Span::millis(1));
    world.register_raw(attestation).await.rejected(401, "stale_signature");
}

async fn an_attestation_from_the_future_is_refused(world: World) {
    let alice = world.node();
    let attestation = alice.signed(alice.attestation("alice", world.now_ms() + 30_001));
    world.register_raw(attestation).await.rejected(401, "stale_signature");
    let within = alice.signed(alice.attestation("alice", world.now_ms() + 30_000));
    world.register_raw(within).await.expect(201);
}

async fn a_replayed_attestation_is_refused(world: World) {
    let alice = world.node();
    let attestation = alice.signed(alice.attestation("alice", world.now_ms()));
    world.register_raw(attestation.clone()).await.expect(201);
    for _ in 0..20 {
        world.register_raw(attestation.clone()).await.rejected(401, "replayed");
    }
    // Nobody's calls were used up by that, and a restart forgets nothing.
    let restarted = crate::world::registry_start(&world.db, &world.env, &world.keyring, None).await;
    let request = crate::world::json_request("/api/node/register", &json!({"attestation": attestation}));
    let router = crate::world::router(&restarted, &world.env);
    crate::world::answer(router, request).await.rejected(401, "replayed");
    world.register(&alice, "alice").await.expect(200);
}

async fn an_older_attestation_is_refused(world: World) {
    let alice = world.node();
    let older = alice.signed(alice.attestation("older", world.now_ms()));
    world.register(&alice, "alice").await.expect(201);
    world.register_raw(older).await.rejected(401, "replayed");
    world.get("/api/node/lookup/older").await.expect(404);
}

async fn too_many_attestations_are_refused(world: World) {
    let (alice, bob) = (world.node(), world.node());
    for round in 0..6 {
        world
            .register(&alice, "alice")
            .await
            .expect(if round == 0 { 201 } else { 200 });
    }
    let answer = world.register(&alice, "alice").await.rejected(429, "rate_limited");
    let wait: i64 = answer.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    world.register(&bob, "bob").await.expect(201);
    world.pass(Span::seconds(wait));
    world.register(&alice, "alice").await.expect(200);
}

async fn bodies_that_are_no_attestation_are_refused(world: World) {
    let send = |media_type: &'static str, body: String| {
        let request = Request::post("/api/node/register").header(header::CONTENT_TYPE, media_type);
        world.send(request.body(Body::from(body)).unwrap())
    };
    send("application/json", "{\"attestation\":".to_owned())
        .await
        .rejected(400, "malformed_body");
    send("application/json", String::new())
        .await
        .rejected(400, "invalid_request")
        .says("attestation");
    send("application/json", "{}".to_owned())
        .await
        .rejected(400, "invalid_request")
        .says("attestation");
    send("application/json", "[]".to_owned())
        .await
        .rejected(400, "invalid_request");
    send("application/json", "{\"attestation\":[1]}".to_owned())
        .await
        .rejected(400, "invalid_request");
    send("text/plain", "{}".to_owned())
        .await
        .rejected(415, "unsupported_media_type");
    let large = format!("{{\"attestation\":\"{}\"}}", "x".repeat(70_000));
    send("application/json", large).await.rejected(413, "body_too_large");
    let alice = world.node();
    let mut padded = alice.attestation("alice", world.now_ms());
    padded["padding"] = "x".repeat(4_000).into();
    world
        .register_raw(alice.signed(padded))
        .await
        .rejected(400, "invalid_request")
        .says("larger");
}
