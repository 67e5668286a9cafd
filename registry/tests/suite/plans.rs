//! What a registry asks its database for each heartbeat and each page of the directory is found by an index: with a
//! hundred thousand nodes nothing else is quick enough.

use imajin_store::{StoreError, plans};
use imajin_testkit::Backend;
use serde_json::json;

use crate::world::World;

/// Tables that grow with the nodes.
const LARGE: [&str; 7] = [
    "nodes",
    "node_names",
    "node_liveness",
    "node_status_changes",
    "dns_names",
    "directory_entries",
    "mutation_log",
];

#[tokio::test]
async fn nothing_that_is_asked_often_reads_a_whole_table() {
    plans::record().unwrap();
    let world = World::new(Backend::Postgres).await;
    let nodes = [world.node(), world.node()];
    world.register(&nodes[0], "alice").await.expect(201);
    world.registry.directory_sign().await.unwrap();
    let _until_here_it_was_prepared = plans::recorded();

    world.register(&nodes[1], "blue-note").await.expect(201);
    world.register(&nodes[1], "blue-note").await.expect(200);
    world.beat_from(&nodes[0], &json!(["203.0.113.1"])).await.expect(200);
    world.get("/api/node/lookup/alice").await.expect(200);
    world
        .get(&format!("/api/node/lookup/{}", nodes[0].did()))
        .await
        .expect(200);
    let first = world.get("/api/node/list?limit=1").await.expect(200).json;
    let cursor = first["cursor"].as_str().unwrap();
    world
        .get(&format!("/api/node/list?limit=1&cursor={cursor}"))
        .await
        .expect(200);
    world.registry.directory_sign().await.unwrap();
    world.get("/api/directory?since=1").await.expect(200);
    world.registry.sweep().await.unwrap();
    let statements = plans::recorded();
    assert!(statements.len() > 20, "{statements:#?}");

    let planned: Result<Vec<(String, String)>, StoreError> = world
        .db
        .read(move |conn| {
            let plan = |statement: String| Ok((plans::plan_of(conn, &statement)?, statement));
            statements.into_iter().map(plan).collect()
        })
        .await;
    for (plan, statement) in planned.unwrap() {
        for table in LARGE {
            let whole = format!("Seq Scan on {table} ");
            assert!(!plan.contains(&whole), "{statement}\n{plan}");
        }
        if statement.contains("ORDER BY \"nodes\".\"hostname\"") {
            assert!(plan.contains("nodes_by_name"), "{statement}\n{plan}");
        }
    }
}
