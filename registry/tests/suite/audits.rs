use diesel::prelude::*;
use imajin_kernel::Span;
use imajin_store::{Conn, Finding, StoreError, parity, tamper};
use imajin_testkit::{Backend, TestDatabase};
use serde_json::json;

use crate::on_both;
use crate::world::{World, open};

on_both![
    an_untouched_database_has_no_findings,
    any_changed_column_is_named,
    a_row_that_was_changed_outside_is_not_renewed,
    a_row_that_was_removed_is_missed,
];

pub(crate) async fn findings(world: &World) -> Vec<Finding> {
    let keyring = world.keyring.clone();
    let found: Result<_, StoreError> = world
        .db
        .read(move |conn| imajin_registry::audit(conn, &keyring, &|_did| Vec::new()))
        .await;
    found.unwrap()
}

/// A node that was taken off, builds of which something was said, and a release.
async fn ordered(world: &World) {
    let dave = world.node();
    world.register(&dave, "dave").await.expect(201);
    world
        .order(
            "/api/operator/nodes/revoke",
            &json!({"nodeId": dave.did(), "reason": "it was sold"}),
        )
        .await
        .expect(200);
    let rule = json!({"buildHash": "ef".repeat(32), "standing": "deprecated", "reason": "old", "targetVersion": "2"});
    world.order("/api/operator/builds", &rule).await.expect(200);
    crate::builds::released(world).await;
}

/// Nodes in every condition: renamed, heard of, silent, expired, with a name that changed hands.
async fn lived_in(world: &World) {
    let (alice, bob, carol) = (world.node(), world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    world.beat(&alice).await.expect(200);
    // One after the other: two who fall silent together would be a suspect network.
    world.pass(Span::days(3));
    world.register(&bob, "bob").await.expect(201);
    world.pass(Span::days(38));
    world.registry.sweep().await.unwrap();
    world.registry.directory_sign().await.unwrap();
    world.register(&carol, "alice").await.expect(201);
    world.beat(&carol).await.expect(200);
    world.register(&carol, "carol").await.expect(200);
    world.pass(Span::days(4));
    world.registry.sweep().await.unwrap();
    world.beat(&carol).await.expect(200);
    ordered(world).await;
    world.registry.directory_sign().await.unwrap();
}

async fn an_untouched_database_has_no_findings(world: World) {
    assert_eq!(findings(&world).await, []);
    lived_in(&world).await;
    assert_eq!(findings(&world).await, []);
}

async fn any_changed_column_is_named(world: World) {
    lived_in(&world).await;
    let (tried, unnoticed) = tampered(&world).await;
    assert_eq!(unnoticed, Vec::<String>::new());
    assert!(tried > 150, "{tried}");
    assert_eq!(findings(&world).await, []);
}

/// Changes each column of each row by SQL, one after the other: how many, and those that the audit does not name.
pub(crate) async fn tampered(world: &World) -> (usize, Vec<String>) {
    let keyring = world.keyring.clone();
    let unnoticed: Result<(usize, Vec<String>), StoreError> = world
        .db
        .write(move |conn| {
            let (mut tried, mut unnoticed) = (0, Vec::new());
            for table in tamper::tables(conn)? {
                for column in tamper::columns(conn, &table)? {
                    for row in tamper::rows(conn, &table)? {
                        let Some(tampered) = tamper::tamper(conn, &table, &column.name, &row)? else {
                            continue;
                        };
                        tried += 1;
                        let named = imajin_registry::audit(conn, &keyring, &|_did| Vec::new())?;
                        if !named.iter().any(|finding| finding.table == table) {
                            unnoticed.push(format!("{table}.{}", column.name));
                        }
                        tampered.undo(conn)?;
                    }
                }
            }
            Ok((tried, unnoticed))
        })
        .await;
    unnoticed.unwrap()
}

async fn sql_update(world: &World, table: &'static str, column: &'static str) {
    let changed: Result<(), StoreError> = world
        .db
        .write(move |conn| {
            for row in tamper::rows(conn, table)? {
                tamper::tamper(conn, table, column, &row)?;
            }
            Ok(())
        })
        .await;
    changed.unwrap();
}

async fn a_row_that_was_changed_outside_is_not_renewed(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    sql_update(&world, "nodes", "expires_at").await;
    // Writing it back would seal the change.
    world.register(&alice, "alice").await.rejected(500, "internal");
    world.beat(&alice).await.refused(500, "internal");
    let found = findings(&world).await;
    assert!(
        found
            .iter()
            .any(|finding| finding.table == "nodes" && finding.row == alice.did().as_str()),
        "{found:?}"
    );
}

diesel::table! {
    node_names (name) {
        name -> Text,
    }
}

async fn a_row_that_was_removed_is_missed(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    let removed: Result<usize, StoreError> = world
        .db
        .write(|conn| Ok(diesel::delete(node_names::table).execute(conn)?))
        .await;
    assert_eq!(removed.unwrap(), 1);
    let found = findings(&world).await;
    assert!(
        found
            .iter()
            .any(|finding| finding.table == "node_names" && finding.row == "alice"),
        "{found:?}"
    );
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let mut columns = Vec::new();
    for backend in Backend::ALL {
        let database = TestDatabase::new(backend);
        let db = open(&database);
        let found: Result<_, StoreError> = db.read(|conn: &mut Conn| Ok(parity::columns(conn)?)).await;
        columns.push(found.unwrap());
        db.close().await;
    }
    assert!(columns[0].iter().any(|column| column.table == "node_liveness"));
    assert_eq!(columns[0], columns[1]);
}

#[tokio::test]
async fn migrations_can_be_taken_back() {
    for backend in Backend::ALL {
        let database = TestDatabase::new(backend);
        let db = open(&database);
        let left: Result<Vec<String>, StoreError> = db
            .write(|conn| {
                imajin_store::revert_all(conn, &imajin_registry::MIGRATIONS)?;
                Ok(tamper::tables(conn)?)
            })
            .await;
        assert_eq!(left.unwrap(), Vec::<String>::new(), "{backend}");
        db.close().await;
    }
}
