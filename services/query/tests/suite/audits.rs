//! Change any one column of any table by SQL: the audit names the row.

use diesel::connection::SimpleConnection as _;
use imajin_consent::{GrantMode, GrantPayload};
use imajin_store::{StoreError, Sweep, parity};
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::world::{Ask, World, audit_all, key};

on_both!(every_single_column_is_covered, what_is_deleted_by_hand_is_missed);

/// At least one row in every table.
async fn fill(world: &World) {
    let quote = world.quoted().await;
    let ask = Ask {
        body: json!({"query": crate::world::QUESTION, "quoteId": quote.quote_id}),
        ..Ask::usual()
    };
    world.answered(&ask).await;
    world.give(crate::grants::payload()).await;
    let ended = world
        .give(GrantPayload {
            mode: GrantMode::Deny,
            ..crate::grants::payload()
        })
        .await;
    world.revoke(&ended).await;
    world.told_and_compared().await;
    let context = (world.keyring.clone(), world.env.clone());
    let signed: Result<(), StoreError> = world
        .db
        .write(move |conn| {
            let sealer = imajin_store::Sealer::for_service(&context.0, "query");
            let writer =
                imajin_store::mutation::Writer::new("query", context.0.clone(), sealer.clone(), context.1.clone());
            imajin_store::outbox::enqueue(conn, &sealer, &context.1, "topic", "key", &1)?;
            let owner = key("ben").did();
            let request = imajin_store::idempotency::Request {
                owner: &owner,
                key: "key",
                digest: &[0; 32],
            };
            imajin_store::idempotency::store(conn, &sealer, &request, 200, b"", context.1.now())?;
            imajin_store::mutation::checkpoint(conn, &writer)
        })
        .await;
    signed.unwrap();
}

async fn every_single_column_is_covered(backend: Backend) {
    let world = World::new(backend).await;
    fill(&world).await;
    assert_eq!(world.audit().await, []);
    let (keyring, env) = (world.keyring.clone(), world.env.clone());
    let unnoticed = Sweep::whole(&world.db, "query", move |conn| audit_all(conn, &keyring, &env)).await;
    assert_eq!(unnoticed.unwrap(), Vec::<String>::new());
}

async fn what_is_deleted_by_hand_is_missed(backend: Backend) {
    let world = World::new(backend).await;
    fill(&world).await;
    let deleted: Result<(), StoreError> = world
        .db
        .write(|conn| {
            Ok(conn.batch_execute(
                "DELETE FROM documents; DELETE FROM grants; DELETE FROM questions; DELETE FROM leaders; \
                 DELETE FROM profiles; DELETE FROM uses; DELETE FROM records; DELETE FROM readings",
            )?)
        })
        .await;
    deleted.unwrap();
    let findings = world.audit().await;
    let tables = [
        "documents",
        "grants",
        "questions",
        "leaders",
        "quotes",
        "profiles",
        "uses",
        "records",
        "readings",
    ];
    for table in tables {
        assert!(
            findings
                .iter()
                .any(|finding| finding.to_string().starts_with(&format!("query.{table}"))),
            "{table}: {findings:?}"
        );
    }
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (one, two) = (World::new(Backend::Sqlite).await, World::new(Backend::Postgres).await);
    let columns = async |world: &World| parity::columns_of(&world.db).await.unwrap();
    assert_eq!(columns(&one).await, columns(&two).await);
}
