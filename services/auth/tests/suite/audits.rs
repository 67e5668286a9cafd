use axum::http::StatusCode;
use imajin_did::SecretKey;
use imajin_store::{StoreError, Sweep, Swept, SweptRows, parity, tamper};
use imajin_testkit::Backend;
use serde_json::json;

use crate::keys::Ada;
use crate::world::World;
use imajin_testkit::on_both;

/// Tables that auth shares and does not use; the store tests them itself.
const UNUSED: [&str; 2] = ["idempotency", "outbox"];

/// A row in every table.
async fn filled(backend: Backend) -> World {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    world.login(&ada).await;
    world.mailbox_login("ada.l@example.org").await;
    let token = world.auth.setup_token_issue().await.unwrap().unwrap();
    let body = json!({"token": token}).to_string();
    let signed = world.signed(&ada, "POST", "/auth/api/setup", &body);
    assert_eq!(
        world.send_signed(&signed, "/auth/api/setup", &body).await.status,
        StatusCode::OK
    );
    key_rows(&world).await;
    let said = crate::attestations::issued(&world, &ada).await;
    assert_eq!(said.status, StatusCode::CREATED);
    crate::claims::claimed(&world, &ada, "ada.l@example.org").await;
    world.mailbox_login("eve.l@example.org").await;
    crate::oidc::fill(&world, &ada).await;
    crate::peers::fill(&world, &ada).await;
    crate::notices::fill(&world, &ada).await;
    crate::moves::fill(&world).await;
    crate::federation::fill(&world).await;
    crate::passkeys::fill(&world, &ada).await;
    // Signs the end of the log, as a node does before it stops.
    let (tasks, stop) = (
        tokio_util::task::TaskTracker::new(),
        tokio_util::sync::CancellationToken::new(),
    );
    world.auth.background(&tasks, &stop);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    world
}

/// A log, a device with a name, a device that asks, and a mirrored log.
async fn key_rows(world: &World) {
    let person = Ada::registered(world, "grace").await;
    person.login(world, &person.phone).await;
    assert_eq!(person.mutate(world, &person.phone).await.status, StatusCode::NO_CONTENT);
    let path = "/auth/api/devices/requests";
    let body = json!({"handle": "grace", "name": "Tablet"}).to_string();
    let signed = world.signed(&SecretKey::generate(&world.env), "POST", path, &body);
    assert_eq!(
        world.send_signed(&signed, path, &body).await.status,
        StatusCode::ACCEPTED
    );
    let log = imajin_key_log::KeyLog {
        entries: vec![Ada::new(world).first],
        receipts: vec![],
    };
    world.auth.mirror_store(log, None, &[]).await.unwrap();
}

async fn every_column_changed_by_sql_is_named(backend: Backend) {
    let world = filled(backend).await;
    assert_eq!(world.audit().await, []);
    let (keyring, env) = (world.keyring.clone(), world.env.clone());
    let swept: Result<Swept, StoreError> = world
        .db
        .write(move |conn| {
            let sweep = Sweep {
                service: "auth",
                tables: &|table| !UNUSED.contains(&table),
                rows: SweptRows::First,
                audit: &|conn| imajin_auth::audit(conn, &keyring, &env),
            };
            sweep.run(conn)
        })
        .await;
    assert_eq!(swept.unwrap(), Swept::default());
}

async fn a_row_changed_by_sql_is_not_believed(backend: Backend) {
    let world = filled(backend).await;
    let token = world.login(&world.registered("eve").await).await;
    world
        .db
        .write(|conn| {
            for place in tamper::rows(conn, "identities")? {
                tamper::tamper(conn, "identities", "name", &place)?;
            }
            Ok::<_, StoreError>(())
        })
        .await
        .unwrap();
    let reply = world
        .get("/auth/api/session", &[("authorization", &format!("Bearer {token}"))])
        .await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!reply.text.contains("identities"), "{}", reply.text);
}

async fn a_key_that_is_gone_is_missed(backend: Backend) {
    let world = filled(backend).await;
    world.execute("DELETE FROM custodial_keys").await;
    let findings = world.audit().await;
    // One that lives, and one that was claimed.
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(
        findings[0]
            .to_string()
            .contains("the key of a soft identity is missing"),
        "{}",
        findings[0]
    );
}

async fn an_entry_or_receipt_that_is_gone_is_missed(backend: Backend) {
    let world = World::new(backend).await;
    let ada = Ada::registered(&world, "ada").await;
    let behind = SecretKey::generate(&world.env);
    let reply = ada.send(&world, "rotate", &ada.rotation(&world, &behind).await).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(world.audit().await, []);
    // Without the newest entry the phone's key would count again.
    world
        .execute("DELETE FROM key_log_receipts WHERE entry IN (SELECT hash FROM key_log_entries WHERE seq = 1)")
        .await;
    assert!(!world.audit().await.is_empty());
    world.execute("DELETE FROM key_log_entries WHERE seq = 1").await;
    let findings = world.audit().await;
    assert!(
        findings
            .iter()
            .any(|finding| finding.to_string().contains(ada.did.as_str())),
        "{findings:?}"
    );
}

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (one, two) = (World::new(Backend::Sqlite).await, World::new(Backend::Postgres).await);
    let columns = async |world: &World| parity::columns_of(&world.db).await.unwrap();
    let found = columns(&one).await;
    assert_eq!(found, columns(&two).await);
    let mut tables: Vec<&str> = found.iter().map(|column| column.table.as_str()).collect();
    tables.dedup();
    assert_eq!(tables.len(), 36);
    for table in tables {
        let is_seal = |column: &&parity::Column| column.table == table && column.name == "row_seal";
        assert!(found.iter().any(|column| is_seal(&column)), "{table} is sealed");
    }
}

async fn the_migrations_can_be_taken_back(backend: Backend) {
    let world = filled(backend).await;
    let left = world
        .db
        .write(|conn| {
            imajin_store::revert_all(conn, &imajin_auth::MIGRATIONS)?;
            Ok::<_, StoreError>(tamper::tables(conn)?)
        })
        .await
        .unwrap();
    assert_eq!(left, Vec::<String>::new());
}

on_both! {
    every_column_changed_by_sql_is_named,
    a_row_changed_by_sql_is_not_believed,
    a_key_that_is_gone_is_missed,
    an_entry_or_receipt_that_is_gone_is_missed,
    the_migrations_can_be_taken_back,
}
