//! One row that was changed outside the registry holds up nothing of the others.

use diesel::prelude::*;
use imajin_dns::RecordKind;
use imajin_kernel::Span;
use imajin_store::StoreError;
use imajin_store::tamper::{self, Tampered};
use serde_json::json;

use crate::dns::{Served, on_both_served};
use crate::on_both;
use crate::world::World;

on_both![a_damaged_node_stops_neither_statuses_nor_names_nor_the_directory];
on_both_served![a_damaged_name_waits_and_holds_no_other_up];

diesel::table! {
    node_liveness (node_did) {
        node_did -> Text,
        status -> Text,
    }
}

async fn damage(world: &World, table: &'static str) -> Tampered {
    let damaged: Result<Tampered, StoreError> = world
        .db
        .write(move |conn| {
            let place = tamper::rows(conn, table)?.remove(0);
            Ok(tamper::tamper(conn, table, "row_seal", &place)?.unwrap())
        })
        .await;
    damaged.unwrap()
}

async fn repair(world: &World, damaged: Tampered) {
    let repaired: Result<(), StoreError> = world.db.write(move |conn| Ok(damaged.clone().undo(conn)?)).await;
    repaired.unwrap();
}

/// Nodes whose end was written down.
async fn ended(world: &World) -> i64 {
    let expired: Result<i64, StoreError> = world
        .db
        .read(|conn| {
            let expired = node_liveness::table.filter(node_liveness::status.eq("expired"));
            Ok(expired.count().get_result(conn)?)
        })
        .await;
    expired.unwrap()
}

async fn a_damaged_node_stops_neither_statuses_nor_names_nor_the_directory(world: World) {
    for name in ["alice", "bob", "carol"] {
        world.register(&world.node(), name).await.expect(201);
    }
    world.registry.directory_sign().await.unwrap();
    let damaged = damage(&world, "nodes").await;
    world.pass(Span::days(31));
    assert_eq!(world.registry.sweep().await.unwrap(), 2);
    assert_eq!(ended(&world).await, 2);
    assert_eq!(world.registry.directory_sign().await.unwrap(), 2);
    repair(&world, damaged).await;
    assert_eq!(world.registry.sweep().await.unwrap(), 1);
    assert_eq!(world.registry.directory_sign().await.unwrap(), 1);
    let damaged = damage(&world, "directory_entries").await;
    for name in ["alice", "bob", "carol"] {
        world.register(&world.node(), &format!("{name}-2")).await.expect(201);
    }
    assert_eq!(world.registry.directory_sign().await.unwrap(), 3);
    repair(&world, damaged).await;
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn a_damaged_name_waits_and_holds_no_other_up(world: World, served: &Served) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    world.beat_from(&alice, &json!(["203.0.113.1"])).await.expect(200);
    let damaged = damage(&world, "dns_names").await;
    assert_eq!(world.registry.dns_drive().await.unwrap(), 1);
    assert_eq!(
        world.registry.dns_drive().await.unwrap(),
        0,
        "it is not looked at each time"
    );
    let bob = world.node();
    world.register(&bob, "bob").await.expect(201);
    world.registry.dns_drive().await.unwrap();
    assert_ne!(served.says("_acme-challenge.bob", RecordKind::Cname).await, "");
    repair(&world, damaged).await;
    world.pass(Span::minutes(10));
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.says("alice", RecordKind::A).await, "203.0.113.1");
}
