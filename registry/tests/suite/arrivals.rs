//! How many nodes may come from one address.

use axum::http::header;
use imajin_kernel::Span;
use imajin_web::PeerAddress;
use serde_json::{Value, json};

use crate::on_both;
use crate::world::{Answer, Node, World, json_request};

on_both![
    new_nodes_of_one_address_are_limited,
    what_nobody_has_signed_is_not_counted,
    this_machine_is_not_limited,
    a_node_that_is_not_heard_of_within_a_day_loses_its_name,
];

async fn send_from(world: &World, attestation: &Value, address: &str) -> Answer {
    let mut request = json_request("/api/node/register", &json!({"attestation": attestation}));
    let peer = PeerAddress(format!("{address}:40000").parse().unwrap());
    request.extensions_mut().insert(peer);
    world.send(request).await
}

async fn register_from(world: &World, node: &Node, name: &str, address: &str) -> Answer {
    world.pass(Span::seconds(1));
    let attestation = node.signed(node.attestation(name, world.now_ms()));
    send_from(world, &attestation, address).await
}

async fn new_nodes_of_one_address_are_limited(world: World) {
    let first = world.node();
    register_from(&world, &first, "name-00", "[2001:db8::1]")
        .await
        .expect(201);
    for number in 1..5 {
        let (node, name) = (world.node(), format!("name-{number:02}"));
        let address = format!("[2001:db8::{number}]");
        register_from(&world, &node, &name, &address).await.expect(201);
    }
    let late = register_from(&world, &world.node(), "name-05", "[2001:db8::ffff]").await;
    let late = late.rejected(429, "rate_limited").says("address");
    let wait: i64 = late.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    // Who is known renews, and who is elsewhere comes.
    register_from(&world, &first, "name-00", "[2001:db8::1]")
        .await
        .expect(200);
    register_from(&world, &world.node(), "name-06", "203.0.113.9")
        .await
        .expect(201);
    world.pass(Span::seconds(wait));
    register_from(&world, &world.node(), "name-05", "[2001:db8::ffff]")
        .await
        .expect(201);
}

async fn what_nobody_has_signed_is_not_counted(world: World) {
    let (node, other) = (world.node(), world.node());
    for _ in 0..10 {
        world.pass(Span::seconds(1));
        let forged = other.signed(node.attestation("alice", world.now_ms()));
        send_from(&world, &forged, "203.0.113.9")
            .await
            .rejected(401, "bad_signature");
    }
    register_from(&world, &node, "alice", "203.0.113.9").await.expect(201);
}

async fn this_machine_is_not_limited(world: World) {
    for number in 0..12 {
        let (node, name) = (world.node(), format!("name-{number:02}"));
        register_from(&world, &node, &name, "127.0.0.1").await.expect(201);
    }
}

async fn a_node_that_is_not_heard_of_within_a_day_loses_its_name(world: World) {
    let (silent, alive) = (world.node(), world.node());
    world.register(&silent, "silent").await.expect(201);
    world.register(&alive, "alive").await.expect(201);
    world.beat(&alive).await.expect(200);
    world.pass(Span::hours(23));
    world.registry.sweep().await.unwrap();
    assert_eq!(world.status_of("silent").await, "pending");
    world.pass(Span::hours(2));
    world.registry.sweep().await.unwrap();
    assert_eq!(
        (
            world.status_of("silent").await.as_str(),
            world.status_of("alive").await.as_str()
        ),
        ("expired", "active")
    );
    // It comes back, or after the grace somebody else has the name.
    let stranger = world.node();
    world
        .register(&stranger, "silent")
        .await
        .rejected(409, "conflict")
        .says("reserved");
    world.register(&silent, "silent").await.expect(200);
    world.pass(Span::days(2));
    world.registry.sweep().await.unwrap();
    world.pass(Span::days(8));
    world.register(&stranger, "silent").await.expect(201);
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}
