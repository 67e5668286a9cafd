//! Schemas: the same on both databases, made by two processes at once, taken back.

use imajin_store::{Db, Migrations, Options, StoreError, parity, revert_all, tamper};
use imajin_testkit::{Backend, TestDatabase, on_both};

use crate::world::{MIGRATIONS, World, location};

on_both!(
    many_openers_at_once_make_one_schema,
    a_newer_schema_is_refused,
    down_takes_everything_back,
    a_location_that_is_not_there_is_refused_with_a_reason,
);

#[tokio::test]
async fn both_databases_have_the_same_columns() {
    let (sqlite, postgres) = (World::new(Backend::Sqlite), World::new(Backend::Postgres));
    let of = |world: World| async move { world.read(|conn| Ok(parity::columns(conn)?)).await.unwrap() };
    let (sqlite, postgres) = (of(sqlite).await, of(postgres).await);
    assert_eq!(sqlite, postgres);
    assert!(sqlite.iter().all(|column| column.kind != parity::ColumnKind::Other));
}

async fn many_openers_at_once_make_one_schema(backend: Backend) {
    let database = TestDatabase::new(backend);
    let threads: Vec<_> = (0..6)
        .map(|_| {
            let location = location(&database);
            std::thread::spawn(move || Db::open(location, "things", MIGRATIONS, Options::default()).map(drop))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap().unwrap();
    }
}

async fn a_newer_schema_is_refused(backend: Backend) {
    let world = World::new(backend);
    world.db.clone().close().await;
    let refused = Db::open(
        location(&world.database),
        "things",
        Migrations::none(),
        Options::default(),
    );
    let error = refused.unwrap_err();
    assert!(matches!(error, StoreError::Migration { .. }));
    assert!(error.to_string().contains("0001"), "{error}");
}

async fn down_takes_everything_back(backend: Backend) {
    let world = World::new(backend);
    world.write(|conn| revert_all(conn, &MIGRATIONS)).await.unwrap();
    assert!(world.read(|conn| Ok(tamper::tables(conn)?)).await.unwrap().is_empty());
    let again = world.open();
    let tables = again
        .read(|conn| Ok::<_, StoreError>(tamper::tables(conn)?))
        .await
        .unwrap();
    assert_eq!(tables.len(), 8);
}

async fn a_location_that_is_not_there_is_refused_with_a_reason(backend: Backend) {
    let nowhere = match backend {
        Backend::Sqlite => imajin_store::Location::sqlite("/nowhere/at/all.sqlite"),
        Backend::Postgres => imajin_store::Location::postgres("postgres://me:hunter2@127.0.0.1:1/db", "things"),
    };
    let error = Db::open(nowhere, "things", MIGRATIONS, Options::default()).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains("hunter2") && text.len() > 30, "{text}");
}
