//! Two processes that serve one database.

use std::collections::BTreeMap;

use imajin_testkit::Backend;
use serde_json::Value;

use crate::world::{Node, World, open, registry_start};

/// One takes renewals while the other signs the directory: in the end it says what each node has said last.
#[tokio::test]
async fn a_change_while_another_process_signs_is_in_the_directory() {
    let world = World::new(Backend::Postgres).await;
    let other = registry_start(&open(&world.database), &world.env, &world.keyring, None).await;
    let nodes: Vec<(Node, String)> = (0..6).map(|number| (world.node(), format!("node-{number}"))).collect();
    for _round in 0..20 {
        for (node, name) in &nodes {
            // Within what a node may renew in a day.
            world.pass(imajin_kernel::Span::hours(1));
            let (registered, here, there) = tokio::join!(
                world.register(node, name),
                world.registry.directory_sign(),
                other.directory_sign()
            );
            assert!(registered.status.is_success(), "{:?}", registered.json);
            here.unwrap();
            there.unwrap();
        }
    }
    other.directory_sign().await.unwrap();
    let page = world.get("/api/directory?since=0").await.expect(200).json;
    let entries = page["entries"].as_array().unwrap();
    let said: BTreeMap<&str, &Value> = entries
        .iter()
        .map(|entry| (entry["nodeId"].as_str().unwrap(), &entry["entry"]["expiresAt"]))
        .collect();
    for (node, name) in &nodes {
        let known = world.get(&format!("/api/node/lookup/{name}")).await.expect(200).json;
        let expires: imajin_kernel::Timestamp = serde_json::from_value(known["expiresAt"].clone()).unwrap();
        assert_eq!(said[node.did().as_str()], &Value::from(expires.as_millis()), "{name}");
    }
}
