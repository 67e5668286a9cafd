//! Names of nodes that are gone leave DNS, unless too many went at once.

use imajin_kernel::Span;
use imajin_registry::NamesSwept;
use imajin_testkit::Backend;
use serde_json::json;

use crate::dns::{NOTHING, Served, on_both_served};
use crate::on_both;
use crate::world::{Node, World};

on_both_served![a_name_leaves_dns_when_its_registration_ran_out];

on_both![
    more_than_fifteen_percent_at_once_are_not_swept,
    a_few_that_are_gone_hold_nothing_up,
    fifteen_percent_at_once_are_swept,
    a_registry_that_was_cut_off_sweeps_nothing_and_gives_no_name_away,
    those_who_go_one_after_the_other_are_swept,
];

async fn a_name_leaves_dns_when_its_registration_ran_out(world: World, served: &Served) {
    let alice = world.node();
    let first = world.register(&alice, "alice").await.expect(201);
    world.beat_from(&alice, &json!(["203.0.113.1"])).await.expect(200);
    world.registry.dns_drive().await.unwrap();
    world.pass(Span::days(29));
    world.registry.sweep().await.unwrap();
    world.registry.dns_drive().await.unwrap();
    assert_ne!(served.all_of("alice").await, NOTHING);
    world.pass(Span::days(1));
    world.registry.sweep().await.unwrap();
    world.registry.dns_drive().await.unwrap();
    assert_eq!(served.all_of("alice").await, NOTHING);
    // Its holder comes back in time: the name, and nothing of what it said of addresses long ago.
    let back = world.register(&alice, "alice").await.expect(200);
    // What could change the name's records before, wherever it lies by now, cannot any more.
    assert_ne!(
        back.json["credentials"]["password"],
        first.json["credentials"]["password"]
    );
    world.registry.dns_drive().await.unwrap();
    let [v4, _, _, challenge] = served.all_of("alice").await;
    assert_eq!(v4, "");
    assert_ne!(challenge, "");
}

/// Registers nodes that are heard of at once, and lets all but `lost` renew once the time has come. Those were heard of
/// five days ago.
async fn some_lost(world: &World, count: usize, lost: usize) -> Vec<Node> {
    let nodes: Vec<Node> = (0..count).map(|_| world.node()).collect();
    for (number, node) in nodes.iter().enumerate() {
        world.register(node, &format!("node-{number:02}")).await.expect(201);
        world.beat(node).await.expect(200);
    }
    world.pass(Span::days(25));
    for (number, node) in nodes.iter().enumerate().skip(lost) {
        world.register(node, &format!("node-{number:02}")).await.expect(200);
    }
    world.pass(Span::days(1));
    for node in nodes.iter().take(lost) {
        world.beat(node).await.expect(200);
    }
    world.pass(Span::days(5));
    for node in nodes.iter().skip(lost) {
        world.beat(node).await.expect(200);
    }
    nodes
}

async fn more_than_fifteen_percent_at_once_are_not_swept(world: World) {
    some_lost(&world, 24, 5).await;
    let held = world.registry.names_sweep(false).await.unwrap();
    let expected = NamesSwept::Held {
        silent_together: 5,
        named: 24,
    };
    assert_eq!(held, expected);
    // Somebody who has looked says that they are gone.
    assert_eq!(
        world.registry.names_sweep(true).await.unwrap(),
        NamesSwept::Withdrawn(5)
    );
}

async fn a_few_that_are_gone_hold_nothing_up(world: World) {
    some_lost(&world, 13, 2).await;
    assert_eq!(
        world.registry.names_sweep(false).await.unwrap(),
        NamesSwept::Withdrawn(2)
    );
}

async fn fifteen_percent_at_once_are_swept(world: World) {
    some_lost(&world, 20, 3).await;
    assert_eq!(
        world.registry.names_sweep(false).await.unwrap(),
        NamesSwept::Withdrawn(3)
    );
    assert_eq!(
        world.registry.names_sweep(false).await.unwrap(),
        NamesSwept::Withdrawn(0)
    );
}

async fn a_registry_that_was_cut_off_sweeps_nothing_and_gives_no_name_away(world: World) {
    // Registrations that run out one a day, and all nodes silent since the cable was cut.
    let nodes: Vec<Node> = (0..10).map(|_| world.node()).collect();
    for (number, node) in nodes.iter().enumerate() {
        world.register(node, &format!("node-{number:02}")).await.expect(201);
        world.pass(Span::days(1));
    }
    for node in &nodes {
        world.beat(node).await.expect(200);
    }
    for _day in 0..40 {
        world.pass(Span::days(1));
        world.registry.sweep().await.unwrap();
    }
    let stranger = world.node();
    world
        .register(&stranger, "node-03")
        .await
        .rejected(409, "conflict")
        .says("reserved");
    for (number, node) in nodes.iter().enumerate().take(9) {
        world.register(node, &format!("node-{number:02}")).await;
    }
    // One did not come back: now it alone is missing.
    assert_eq!(
        world.registry.names_sweep(false).await.unwrap(),
        NamesSwept::Withdrawn(1)
    );
    world.register(&stranger, "node-09").await.expect(201);
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn those_who_go_one_after_the_other_are_swept(world: World) {
    let nodes: Vec<Node> = (0..4).map(|_| world.node()).collect();
    for (number, node) in nodes.iter().enumerate() {
        world.register(node, &format!("node-{number:02}")).await.expect(201);
        world.pass(Span::days(4));
    }
    world.pass(Span::days(40));
    assert_eq!(
        world.registry.names_sweep(false).await.unwrap(),
        NamesSwept::Withdrawn(4)
    );
}

/// A clock that jumps makes everybody look gone.
#[tokio::test]
async fn a_clock_that_is_wrong_sweeps_nothing() {
    let world = World::new(Backend::Sqlite).await;
    for number in 0..3 {
        let node = world.node();
        world.register(&node, &format!("node-{number}")).await.expect(201);
        world.beat(&node).await.expect(200);
    }
    world.pass(Span::days(3650));
    let swept = world.registry.names_sweep(false).await.unwrap();
    assert!(matches!(swept, NamesSwept::Held { .. }), "{swept:?}");
}
