//! What the operator orders, and what comes of it.

use imajin_kernel::Span;
use serde_json::json;

use crate::audits::findings;
use crate::dns::{NOTHING, Served, on_both_served};
use crate::on_both;
use crate::world::World;

on_both![
    only_the_operator_orders,
    a_revoked_node_neither_renews_nor_beats,
    a_revocation_needs_a_reason_that_can_be_read,
    what_is_not_there_is_not_revoked_or_taken_back,
    an_order_that_is_sent_again_counts_once,
    the_history_of_a_node_is_shown,
    names_that_are_gone_leave_when_the_operator_says_so,
];

on_both_served![a_revocation_takes_the_name_out_of_dns_and_its_undoing_brings_it_back,];

const ORDERS: [&str; 9] = [
    "nodes/revoke",
    "nodes/reinstate",
    "builds",
    "release-keys",
    "release-keys/retire",
    "directory/resume",
    "names/sweep",
    "names/republish",
    "names/retry",
];

async fn only_the_operator_orders(world: World) {
    let stranger = world.node();
    for path in ORDERS {
        let path = format!("/api/operator/{path}");
        world.post(&path, &json!({})).await.expect(401);
        let refused = world.order_as(&stranger.key, &path, &json!({})).await.expect(403);
        assert_eq!(refused.json["code"], "forbidden");
        // A member that nobody knows is a mistake.
        world.order(&path, &json!({"all": true})).await.expect(400);
    }
    world.get("/api/operator").await.expect(401);
    world.get_as("stranger", "/api/operator").await.expect(403);
    world.get_as("operator", "/api/operator").await.expect(200);
    assert_eq!(findings(&world).await, []);
}

async fn a_revoked_node_neither_renews_nor_beats(world: World) {
    let (alice, bob) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    world.register(&bob, "bob").await.expect(201);
    world.beat(&alice).await.expect(200);
    let order = json!({"nodeId": alice.did(), "reason": "it sold what it had not"});
    world.order("/api/operator/nodes/revoke", &order).await.expect(200);
    world
        .register(&alice, "alice")
        .await
        .rejected(403, "forbidden")
        .says("it sold what it had not");
    world
        .beat(&alice)
        .await
        .refused(403, "forbidden")
        .says("it sold what it had not");
    world.beat(&bob).await.expect(200);
    // The reason is published: to whoever looks, and in the directory.
    let seen = world.get("/api/node/lookup/alice").await.expect(200).json;
    assert_eq!(
        (&seen["status"], &seen["revokedReason"]),
        (&"revoked".into(), &order["reason"])
    );
    world.registry.directory_sign().await.unwrap();
    let page = world.get("/api/directory").await.expect(200).json;
    let entries = page["entries"].as_array().unwrap();
    let entry = entries
        .iter()
        .find(|entry| entry["nodeId"] == alice.did().as_str())
        .unwrap();
    assert_eq!(entry["entry"]["revokedReason"], order["reason"]);
    let listed = world.get("/api/node/list?status=revoked").await.json;
    assert_eq!(listed["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(
        world.get("/api/node/list").await.json["nodes"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(findings(&world).await, []);
    let console = world.get_as("operator", "/api/operator").await.expect(200).json;
    assert_eq!(console["revoked"][0]["nodeId"], alice.did().as_str());

    let back = json!({"nodeId": alice.did()});
    world.order("/api/operator/nodes/reinstate", &back).await.expect(200);
    assert_eq!(world.status_of("alice").await, "active");
    world.beat(&alice).await.expect(200);
    world.register(&alice, "alice").await.expect(200);
    assert_eq!(findings(&world).await, []);
}

async fn a_revocation_takes_the_name_out_of_dns_and_its_undoing_brings_it_back(world: World, served: &Served) {
    let alice = world.node();
    let told = json!(["203.0.113.5"]);
    world.register(&alice, "alice").await.expect(201);
    world.beat_from(&alice, &told).await.expect(200);
    world.registry.dns_drive().await.unwrap();
    let before = served.all_of("alice").await;
    assert_eq!(before[0], "203.0.113.5");
    let order = json!({"nodeId": alice.did(), "reason": "it was sold"});
    world.order("/api/operator/nodes/revoke", &order).await.expect(200);
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.all_of("alice").await, NOTHING);
    // Nobody slips into its place.
    world.register(&world.node(), "alice").await.rejected(409, "conflict");
    world
        .order("/api/operator/nodes/reinstate", &json!({"nodeId": alice.did()}))
        .await
        .expect(200);
    world.beat_from(&alice, &told).await.expect(200);
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.all_of("alice").await, before);
    assert_eq!(findings(&world).await, []);
}

async fn a_revocation_needs_a_reason_that_can_be_read(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    for reason in ["", "  ", "two\nlines", &"x".repeat(301)] {
        let order = json!({"nodeId": alice.did(), "reason": reason});
        let refused = world.order("/api/operator/nodes/revoke", &order).await.expect(400);
        assert_eq!(refused.json["member"], "reason");
    }
    assert_eq!(world.status_of("alice").await, "pending");
}

async fn what_is_not_there_is_not_revoked_or_taken_back(world: World) {
    let (alice, nobody) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    let revoke = |node: &crate::world::Node| json!({"nodeId": node.did(), "reason": "why not"});
    let (path, back) = ("/api/operator/nodes/revoke", "/api/operator/nodes/reinstate");
    world.order(path, &revoke(&nobody)).await.expect(404);
    world.order(back, &json!({"nodeId": nobody.did()})).await.expect(404);
    world.order(back, &json!({"nodeId": alice.did()})).await.expect(409);
    world.order(path, &revoke(&alice)).await.expect(200);
    world.order(path, &revoke(&alice)).await.expect(403);
}

async fn an_order_that_is_sent_again_counts_once(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let order = json!({"nodeId": alice.did(), "reason": "why not"});
    let signed = world.order_sign(&world.operator, "/api/operator/nodes/revoke", &order);
    world.send_signed(&signed).await.expect(200);
    world
        .order("/api/operator/nodes/reinstate", &json!({"nodeId": alice.did()}))
        .await
        .expect(200);
    let again = world.send_signed(&signed).await.expect(401);
    assert_eq!(again.json["code"], "replayed");
    assert_eq!(world.status_of("alice").await, "pending");
}

async fn the_history_of_a_node_is_shown(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.beat(&alice).await.expect(200);
    world.pass(Span::days(4));
    world.registry.sweep().await.unwrap();
    let order = json!({"nodeId": alice.did(), "reason": "why not"});
    world.order("/api/operator/nodes/revoke", &order).await.expect(200);
    let changes = world.get("/api/node/lookup/alice/statuses").await.expect(200).json;
    let changes = changes.as_array().unwrap();
    let statuses: Vec<&str> = changes
        .iter()
        .map(|change| change["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["revoked", "stale", "active", "pending"]);
    assert_eq!(changes[3]["since"], "2026-03-01T00:00:01Z");
    let nobody = world.get("/api/node/lookup/nobody/statuses").await.expect(200).json;
    assert_eq!(nobody, json!([]));
}

async fn names_that_are_gone_leave_when_the_operator_says_so(world: World) {
    for name in ["alice", "bob"] {
        let node = world.node();
        world.register(&node, name).await.expect(201);
        world.beat(&node).await.expect(200);
    }
    world.pass(Span::days(31));
    world.registry.sweep().await.unwrap();
    let held = world.get_as("operator", "/api/operator").await.expect(200).json;
    assert_eq!(held["held"], json!({"silentTogether": 2, "named": 2}));
    let swept = world.order("/api/operator/names/sweep", &json!({})).await.expect(200);
    assert_eq!(swept.json, json!({"names": 2}));
    let after = world.get_as("operator", "/api/operator").await.expect(200).json;
    assert_eq!(after["held"], json!(null));
}
