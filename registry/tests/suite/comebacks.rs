//! What was before a registry was restored comes back: nodes and their names, who was taken off, and what is in DNS.

use imajin_dns::RecordKind;
use imajin_kernel::Span;
use imajin_registry::Followed;
use serde_json::{Value, json};

use crate::audits::findings;
use crate::dns::{NOTHING, Served, on_both_served, settings};
use crate::mirrors::{Pair, Source};
use crate::restores::{Scene, entry, head, node, on_both, register, revoke};
use crate::world::World;

on_both![
    nodes_that_a_backup_does_not_know_come_back_or_leave,
    a_node_that_was_taken_off_after_the_backup_stays_off,
    a_node_that_the_backup_knows_is_taken_off_as_it_was,
    nobody_gets_what_may_be_somebodys_while_the_rest_is_missing,
    a_name_that_changed_hands_after_the_backup_is_its_new_holders,
    a_node_that_registered_again_after_the_backup_is_asked_to,
];

on_both_served![
    what_was_published_before_the_restore_is_taken_up_again,
    what_was_published_after_the_backup_is_the_registrys_own,
];

async fn nodes_that_a_backup_does_not_know_come_back_or_leave(mut scene: Scene) {
    scene.resumed().await;
    let world = &scene.backup;
    let since = world.get("/api/directory?since=2").await.expect(200).json;
    assert_eq!(since["entries"].as_array().unwrap().len(), 3);
    assert_eq!(entry(world, &scene.carol).await["hostname"], "carol");
    // Their names are nobody else's.
    for name in ["carol", "alice-b"] {
        world.register(&node(6), name).await.rejected(409, "conflict");
    }
    // One is told to register again, and does; the other has its new name already.
    world.beat(&scene.carol).await.refused(404, "not_found");
    register(world, &scene.alice, "alice-b").await;
    scene.followed(7).await;
    world.pass(Span::days(29));
    world.registry.sweep().await.unwrap();
    scene.backup.registry.directory_sign().await.unwrap();
    assert_eq!(entry(world, &scene.carol).await["hostname"], "carol");
    world.pass(Span::days(2));
    world.registry.sweep().await.unwrap();
    world.registry.directory_sign().await.unwrap();
    assert_eq!(
        entry(world, &scene.carol).await,
        Value::Null,
        "its registration is over"
    );
    // In its grace it has its name.
    register(world, &scene.carol, "carol").await;
    assert_eq!(entry(world, &scene.carol).await["hostname"], "carol");
    let newest = head(world).await.payload.seq;
    scene.followed(newest).await;
}

async fn a_node_that_was_taken_off_after_the_backup_stays_off(mut scene: Scene) {
    scene.resumed().await;
    let world = &scene.backup;
    world.register(&scene.dave, "dave").await.rejected(403, "forbidden");
    assert_eq!(entry(world, &scene.dave).await["revokedReason"], "it was sold");
    let order = json!({"nodeId": scene.dave.did()});
    world.order("/api/operator/nodes/reinstate", &order).await.expect(200);
    register(world, &scene.dave, "dave").await;
    assert_eq!(entry(world, &scene.dave).await["hostname"], "dave");
    scene.followed(7).await;
}

async fn a_node_that_the_backup_knows_is_taken_off_as_it_was(mut scene: Scene) {
    let bob = node(2);
    revoke(&scene.pair.registry, &bob).await;
    scene.seen(7).await;
    scene.restored().await;
    scene.backup.registry.copies_ask().await;
    // The database takes it for one that is there.
    scene.backup.register(&bob, "bob").await.expect(200);
    let resumed = scene.resume(&[&scene.copy.url]).await.expect(200).json;
    let revoked = resumed["revoked"].as_array().unwrap();
    assert_eq!(revoked.len(), 2, "{resumed:#}");
    assert!(revoked.contains(&json!(bob.did())), "{resumed:#}");
    let world = &scene.backup;
    assert_eq!(world.status_of("bob").await, "revoked");
    world.register(&bob, "bob").await.rejected(403, "forbidden");
    world.beat(&bob).await.refused(403, "forbidden");
    world.registry.directory_sign().await.unwrap();
    assert_eq!(entry(world, &bob).await["revokedReason"], "it was sold");
    scene.followed(8).await;
    let order = json!({"nodeId": bob.did()});
    world.order("/api/operator/nodes/reinstate", &order).await.expect(200);
    register(world, &bob, "bob").await;
    scene.followed(9).await;
}

async fn nobody_gets_what_may_be_somebodys_while_the_rest_is_missing(mut scene: Scene) {
    scene.restored().await;
    scene.backup.registry.copies_ask().await;
    let world = &scene.backup;
    for (stranger, name) in [(&node(6), "carol"), (&scene.carol, "carol"), (&scene.alice, "alice-b")] {
        let refused = world.register(stranger, name).await.rejected(503, "unavailable");
        assert_eq!(refused.headers["retry-after"], "600");
        refused.says("being put back from a backup");
    }
    // What is known goes on.
    world.register(&node(2), "bob").await.expect(200);
    world.beat(&node(2)).await.expect(200);
    scene.resume(&[&scene.copy.url]).await.expect(200);
    register(&scene.backup, &scene.carol, "carol").await;
    register(&scene.backup, &node(6), "erin").await;
    scene.followed(8).await;
}

async fn a_name_that_changed_hands_after_the_backup_is_its_new_holders(mut scene: Scene) {
    let zoe = node(7);
    scene.pair.registry.pass(Span::days(8));
    register(&scene.pair.registry, &zoe, "alice").await;
    scene.seen(7).await;
    scene.backup.pass(Span::days(8));
    scene.resumed().await;
    let found = findings(&scene.backup).await;
    assert_eq!(found, [], "{found:?}");
    let world = &scene.backup;
    world.register(&scene.alice, "alice").await.rejected(409, "conflict");
    register(world, &zoe, "alice").await;
    // Who had it is told to register again, and does so under the name that it has now.
    world.beat(&scene.alice).await.refused(403, "forbidden");
    register(world, &scene.alice, "alice-b").await;
    assert_eq!(entry(world, &zoe).await["hostname"], "alice");
    assert_eq!(entry(world, &scene.alice).await["hostname"], "alice-b");
    scene.followed(9).await;
}

async fn a_node_that_registered_again_after_the_backup_is_asked_to(mut scene: Scene) {
    scene.resumed().await;
    let world = &scene.backup;
    let told = world.beat(&scene.alice).await.expect(200).json;
    assert_eq!(told["actions"][0]["type"], "reattest", "{told:#}");
    for (node, name) in [(&scene.alice, "alice-b"), (&node(2), "bob")] {
        register(world, node, name).await;
        let told = world.beat(node).await.expect(200).json;
        assert_eq!(told["actions"], Value::Null, "{told:#}");
    }
}

async fn what_was_published_before_the_restore_is_taken_up_again(registry: World, served: &Served) {
    let backend = registry.database.backend();
    let carol = node(3);
    register(&registry, &carol, "carol").await;
    registry.beat_from(&carol, &json!(["203.0.113.1"])).await.expect(200);
    registry.registry.dns_drive().await.unwrap();
    let pair = Pair::between(registry, World::with_seed(backend, None, 8).await).await;
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(1)));
    let copy = Source::start(&pair.mirror).await;
    // Of the backup not even the first head is there.
    let backup = World::with_dns(backend, Some(settings(served.provider.clone()))).await;
    backup.pass(Span::minutes(5));
    let order = json!({"from": [&copy.url]});
    let resumed = backup.order("/api/operator/directory/resume", &order).await.expect(200);
    assert_eq!(resumed.json, json!({"seq": 1, "heads": 1, "entries": 1, "revoked": []}));
    assert_eq!(served.says("carol", RecordKind::A).await, "203.0.113.1");
    register(&backup, &carol, "carol").await;
    backup.beat_from(&carol, &json!(["203.0.113.2"])).await.expect(200);
    backup.registry.dns_drive().await.unwrap();
    assert_eq!(served.says("carol", RecordKind::A).await, "203.0.113.2");
    pair.source.be(&backup);
    assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(2)));
    let found = findings(&backup).await;
    assert_eq!(found, [], "{found:?}");
}

async fn what_was_published_after_the_backup_is_the_registrys_own(registry: World, served: &Served) {
    let backup = World::with_dns(registry.database.backend(), Some(settings(served.provider.clone()))).await;
    // In the backup the name of the one has left DNS, and that of the other is not there yet.
    let (carol, dave) = (node(3), node(4));
    backup.register(&carol, "carol").await.expect(201);
    backup.registry.dns_drive().await.unwrap();
    backup.pass(Span::days(38));
    backup.registry.names_sweep(true).await.unwrap();
    backup.registry.dns_drive().await.unwrap();
    assert_eq!(served.all_of("carol").await, NOTHING);
    backup.register(&dave, "dave").await.expect(201);
    let both = [(&carol, "carol"), (&dave, "dave")];
    for (node, name) in both {
        registry.register(node, name).await.expect(201);
        registry.beat_from(node, &json!(["203.0.113.1"])).await.expect(200);
    }
    registry.registry.dns_drive().await.unwrap();
    for (_node, name) in both {
        assert_eq!(served.says(name, RecordKind::A).await, "203.0.113.1");
    }
    // The backup runs again.
    backup.register(&carol, "carol").await.expect(201);
    for (node, name) in both {
        backup.beat_from(node, &json!(["203.0.113.2"])).await.expect(200);
        backup.registry.dns_drive().await.unwrap();
        assert_eq!(served.says(name, RecordKind::A).await, "203.0.113.2");
    }
    let found = findings(&backup).await;
    assert_eq!(found, [], "{found:?}");
}
