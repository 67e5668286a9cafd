//! Change any one column of any table by SQL: the audit names the row.

use imajin_store::{StoreError, Sweep, parity};
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;
use serde_json::json;

use crate::world::{FAIR, World, acceptance, audit_all, did, signed};

on_both!(every_single_column_is_covered, what_is_deleted_by_hand_is_missed);

/// At least one row in every table.
async fn fill(world: &World) {
    let split = json!({"contributors": [
        {"did": did("ada"), "role": "author", "share": 0.5}, {"did": did("ben"), "role": "editor", "share": 0.5},
    ]});
    let manifest = world.published(signed("ada", "Strings", &split)).await;
    let ben = world.person("ben", Tier::Key);
    let path = format!("{FAIR}/{}/accept", manifest.id);
    world.post(&ben, &path, &acceptance("ben", &manifest.id)).await;
    let operator = world.person("operator", Tier::Operator);
    world
        .post(&operator, &format!("{FAIR}/{}/endorse", manifest.id), &())
        .await;
    let (work, _bytes) = crate::works::published_work(world, "ada", "0.50 TEST-USD").await;
    crate::works_sold::paid(world, &work, "ben").await;
    let refund = crate::works_sold::paid(world, &work, "carl").await;
    let goods = refund.goods.clone();
    let revoked = world
        .publisher
        .access_revoke(&goods, refund.checkout, "refunded".to_owned());
    revoked.await.unwrap();
    let context = (world.keyring.clone(), world.env.clone());
    let signed: Result<(), StoreError> = world
        .db
        .write(move |conn| {
            let sealer = imajin_store::Sealer::for_service(&context.0, "publisher");
            let writer =
                imajin_store::mutation::Writer::new("publisher", context.0.clone(), sealer.clone(), context.1.clone());
            imajin_store::outbox::enqueue(conn, &sealer, &context.1, "topic", "key", &1)?;
            let now = context.1.now();
            let owner = did("ben");
            let request = imajin_store::idempotency::Request {
                owner: &owner,
                key: "k",
                digest: &[1; 32],
            };
            imajin_store::idempotency::store(conn, &sealer, &request, 200, b"", now)?;
            imajin_store::mutation::checkpoint(conn, &writer)
        })
        .await;
    signed.unwrap();
}

async fn every_single_column_is_covered(backend: Backend) {
    let scene = crate::gate_disputes::filled(backend).await;
    let world = &scene.gated.world;
    fill(world).await;
    assert_eq!(world.audit().await, []);
    let (keyring, env) = (world.keyring.clone(), world.env.clone());
    let unnoticed = Sweep::whole(&world.db, "publisher", move |conn| audit_all(conn, &keyring, &env)).await;
    assert_eq!(unnoticed.unwrap(), Vec::<String>::new());
}

async fn what_is_deleted_by_hand_is_missed(backend: Backend) {
    use diesel::connection::SimpleConnection;
    {
        let said = "the row is missing";
        let sql = "DELETE FROM work_accesses; DELETE FROM work_versions; DELETE FROM works; DELETE FROM statements; \
                   DELETE FROM manifests";
        let world = World::new(backend).await;
        fill(&world).await;
        let deleted: Result<(), StoreError> = world.db.write(move |conn| Ok(conn.batch_execute(sql)?)).await;
        deleted.unwrap();
        let findings = world.audit().await;
        assert!(!findings.is_empty(), "{sql}");
        assert!(findings.iter().all(|finding| finding.problem == said), "{findings:?}");
    }
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (one, two) = (World::new(Backend::Sqlite).await, World::new(Backend::Postgres).await);
    let columns = async |world: &World| parity::columns_of(&world.db).await.unwrap();
    assert_eq!(columns(&one).await, columns(&two).await);
}
