use diesel::prelude::*;
use imajin_kernel::{Span, Timestamp};
use imajin_store::StoreError;

use crate::on_both;
use crate::world::World;

on_both![
    statuses_are_right_whenever_they_are_read,
    each_change_of_status_is_kept_once,
    a_node_that_comes_back_is_active_again,
    of_many_changes_the_newest_are_kept,
];

diesel::table! {
    node_status_changes (node_did, seq) {
        node_did -> Text,
        seq -> BigInt,
        status -> Text,
        changed_at -> BigInt,
    }
}

const STATUSES: [&str; 6] = ["pending", "active", "stale", "unreachable", "expired", "revoked"];

async fn history(world: &World, did: String) -> Vec<(String, Timestamp)> {
    let rows: Result<Vec<(String, Timestamp)>, StoreError> = world
        .db
        .read(move |conn| {
            Ok(node_status_changes::table
                .filter(node_status_changes::node_did.eq(did))
                .order_by(node_status_changes::seq)
                .select((node_status_changes::status, node_status_changes::changed_at))
                .load(conn)?)
        })
        .await;
    rows.unwrap()
}

/// What the list with each filter, the counts and the headers say must be what each node's own view says.
async fn agree(world: &World, expected: &[(&str, &str)]) {
    let stats = world.get("/api/stats").await.expect(200).json;
    for status in STATUSES {
        let listed = world
            .get(&format!("/api/node/list?status={status}"))
            .await
            .expect(200)
            .json;
        let listed: Vec<&str> = listed["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["hostname"].as_str().unwrap())
            .collect();
        let wanted: Vec<&str> = expected
            .iter()
            .filter(|(_, wanted)| *wanted == status)
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(listed, wanted, "{status}");
        assert_eq!(stats[status], wanted.len(), "{status}");
    }
    for (name, status) in expected {
        assert_eq!(world.status_of(name).await, *status, "{name}");
    }
    let current = expected.iter().filter(|(_, status)| *status != "expired").count();
    assert_eq!(stats["total"], current);
    let listed = world.get("/api/node/list").await.json;
    assert_eq!(listed["nodes"].as_array().unwrap().len(), current);
    let head = world.head("/api/node/list").await.expect(200);
    let header = |name: &str| head.headers[name].to_str().unwrap().parse::<usize>().unwrap();
    let count = |status: &str| expected.iter().filter(|(_, wanted)| *wanted == status).count();
    assert_eq!(header("x-total-nodes"), current);
    assert_eq!(header("x-active-nodes"), count("active"));
    assert_eq!(header("x-stale-nodes"), count("stale"));
    assert_eq!(header("x-unreachable-nodes"), count("unreachable"));
}

async fn statuses_are_right_whenever_they_are_read(world: World) {
    let (alice, bob, carol) = (world.node(), world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    world.register(&bob, "bob").await.expect(201);
    agree(&world, &[("alice", "pending"), ("bob", "pending")]).await;
    world.beat(&alice).await.expect(200);
    agree(&world, &[("alice", "active"), ("bob", "pending")]).await;
    world.pass(Span::days(3).checked_sub_millis());
    agree(&world, &[("alice", "active"), ("bob", "pending")]).await;
    world.pass(Span::millis(1));
    agree(&world, &[("alice", "stale"), ("bob", "pending")]).await;
    world.register(&carol, "carol").await.expect(201);
    world.beat(&carol).await.expect(200);
    world.pass(Span::days(4));
    agree(
        &world,
        &[("alice", "unreachable"), ("bob", "pending"), ("carol", "stale")],
    )
    .await;
    world.pass(Span::days(23));
    agree(
        &world,
        &[("alice", "expired"), ("bob", "expired"), ("carol", "unreachable")],
    )
    .await;
}

/// One millisecond less, for the moment before a change.
trait JustBefore {
    fn checked_sub_millis(self) -> Self;
}

impl JustBefore for Span {
    fn checked_sub_millis(self) -> Self {
        Self::millis(self.as_millis() - 1)
    }
}

async fn each_change_of_status_is_kept_once(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let registered = world.env.now();
    world.beat(&alice).await.expect(200);
    let heard = world.env.now();
    assert_eq!(world.registry.sweep().await.unwrap(), 0);
    world.beat(&alice).await.expect(200);
    let last = world.env.now();
    world.pass(Span::days(3));
    assert_eq!(world.registry.sweep().await.unwrap(), 1);
    assert_eq!(world.registry.sweep().await.unwrap(), 0);
    world.pass(Span::days(100));
    assert_eq!(world.registry.sweep().await.unwrap(), 1);
    let expected = [
        ("pending", registered),
        ("active", heard),
        ("stale", last.plus(Span::days(3))),
        ("unreachable", last.plus(Span::days(7))),
        ("expired", registered.plus(Span::days(30))),
    ]
    .map(|(status, at)| (status.to_owned(), at));
    assert_eq!(history(&world, alice.did().to_string()).await, expected);
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn a_node_that_comes_back_is_active_again(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.beat(&alice).await.expect(200);
    world.pass(Span::days(8));
    assert_eq!(world.status_of("alice").await, "unreachable");
    world.beat(&alice).await.expect(200);
    assert_eq!(world.status_of("alice").await, "active");
    // What nobody had looked at is written down with the times at which it happened.
    let statuses: Vec<String> = history(&world, alice.did().to_string())
        .await
        .into_iter()
        .map(|(status, _)| status)
        .collect();
    assert_eq!(statuses, ["pending", "active", "stale", "unreachable", "active"]);
    world.pass(Span::days(25));
    assert_eq!(world.status_of("alice").await, "expired");
    world.register(&alice, "alice").await.expect(200);
    assert_eq!(world.status_of("alice").await, "unreachable");
    world.beat(&alice).await.expect(200);
    assert_eq!(world.status_of("alice").await, "active");
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn of_many_changes_the_newest_are_kept(world: World) {
    let alice = world.node();
    for _month in 0..15 {
        let registered = world.register(&alice, "alice").await;
        assert!(registered.status.is_success(), "{:#}", registered.json);
        for _silence in 0..4 {
            world.beat(&alice).await.expect(200);
            world.pass(Span::days(4));
        }
    }
    world.beat(&alice).await.expect(200);
    let kept = history(&world, alice.did().to_string()).await;
    assert_eq!(kept.len(), 100);
    let shown = world.get("/api/node/lookup/alice/statuses").await.expect(200).json;
    assert_eq!(shown.as_array().map(Vec::len), Some(100), "{shown}");
    assert_eq!(kept.last().unwrap().0, "active");
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}
