//! Change any one column of any table by SQL: the audit names the row.

use diesel::connection::SimpleConnection;
use imajin_store::{Finding, SealedRow, idempotency, mutation, outbox, parity, tamper};
use imajin_testkit::{Backend, on_both};

use crate::logs::{append, append_all_kinds, by_node};
use crate::world::{Part, Thing, World, audit};

on_both!(
    every_single_column_is_covered,
    every_table_has_a_seal,
    an_unreadable_row_is_named,
    a_seal_of_another_row_does_not_fit,
);

/// At least one row in every table, with and without values in columns that may be empty.
async fn fill(world: &World) {
    append_all_kinds(world).await;
    let log = world.log.clone();
    world.write(move |conn| mutation::checkpoint(conn, &log)).await.unwrap();
    append(world, by_node(world, "thing", b"{}")).await.unwrap();
    let empty = world.insert(world.thing()).await;
    world
        .insert(Thing {
            note: Some("note".to_owned()),
            extra: Some(vec![1]),
            deleted_at: Some(world.env.now()),
            maximum: None,
            open: false,
            ..world.thing()
        })
        .await;
    let (sealer, env, owner) = (
        world.sealer.clone(),
        world.env.clone(),
        world.keyring.node_did().clone(),
    );
    world
        .write(move |conn| {
            let part = Part {
                thing_id: empty.id,
                nth: 1,
                row_seal: Vec::new(),
            };
            part.insert(conn, &sealer)?;
            let first = outbox::enqueue(conn, &sealer, &env, "topic", "key", &1)?;
            outbox::done(conn, &sealer, &first.id, env.now())?;
            let second = outbox::enqueue(conn, &sealer, &env, "topic", "key", &2)?;
            outbox::retry(conn, &sealer, &second.id, env.now(), "no")?;
            let request = |key| idempotency::Request {
                owner: &owner,
                key,
                digest: &[1; 32],
            };
            idempotency::reserve(conn, &sealer, &request("running"), env.now())?;
            idempotency::store(conn, &sealer, &request("answered"), 201, b"{}", env.now())
        })
        .await
        .unwrap();
}

async fn every_single_column_is_covered(backend: Backend) {
    let world = World::new(backend);
    fill(&world).await;
    assert_eq!(world.audit().await, []);
    let log = world.log.clone();
    let (tampered, missed) = world
        .write(move |conn| {
            let mut tampered = Vec::new();
            let mut missed = Vec::new();
            for table in tamper::tables(conn)? {
                let rows = tamper::rows(conn, &table)?;
                assert!(!rows.is_empty(), "{table} has a row to tamper with");
                for column in tamper::columns(conn, &table)? {
                    for nth in 0..rows.len() {
                        // Places move with every change on Postgres.
                        let place = tamper::rows(conn, &table)?.remove(nth);
                        let Some(change) = tamper::tamper(conn, &table, &column.name, &place)? else {
                            missed.push(format!(
                                "{table}.{}: the database refused every other value",
                                column.name
                            ));
                            continue;
                        };
                        let named = |finding: &Finding| finding.service == "things" && finding.table == table;
                        if !audit(conn, &log)?.iter().any(named) {
                            missed.push(format!("{table}.{}", column.name));
                        }
                        change.undo(conn)?;
                        tampered.push(format!("{table}.{}", column.name));
                    }
                }
            }
            assert_eq!(audit(conn, &log)?, [], "everything was undone");
            Ok((tampered, missed))
        })
        .await
        .unwrap();
    assert_eq!(missed, Vec::<String>::new());
    let all = world.read(|conn| Ok(parity::columns(conn)?)).await.unwrap();
    for column in all {
        assert!(tampered.contains(&format!("{}.{}", column.table, column.name)));
    }
}

async fn every_table_has_a_seal(backend: Backend) {
    let world = World::new(backend);
    let columns = world.read(|conn| Ok(parity::columns(conn)?)).await.unwrap();
    let mut tables: Vec<&str> = columns.iter().map(|column| column.table.as_str()).collect();
    tables.dedup();
    assert_eq!(tables.len(), 8);
    for table in tables {
        assert!(
            columns
                .iter()
                .any(|column| column.table == table && column.name == "row_seal"),
            "{table}"
        );
    }
}

async fn an_unreadable_row_is_named(backend: Backend) {
    let world = World::new(backend);
    fill(&world).await;
    world
        .write(|conn| Ok(conn.batch_execute("UPDATE things SET owner_did = 'nobody' WHERE note IS NOT NULL")?))
        .await
        .unwrap();
    let findings = world.audit().await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    let finding = &findings[0];
    assert_eq!(finding.table, "things");
    assert!(finding.row.parse::<imajin_kernel::id::EventId>().is_ok(), "{finding}");
    assert_eq!(
        finding.to_string(),
        format!("things.things {}: the row was changed outside imajin", finding.row)
    );
}

async fn a_seal_of_another_row_does_not_fit(backend: Backend) {
    let world = World::new(backend);
    world.insert(world.thing()).await;
    world.insert(world.thing()).await;
    world
        .write(|conn| {
            let lowest = "(SELECT row_seal FROM things ORDER BY id LIMIT 1)";
            Ok(conn.batch_execute(&format!("UPDATE things SET row_seal = {lowest}"))?)
        })
        .await
        .unwrap();
    assert_eq!(world.audit().await.len(), 1);
}
