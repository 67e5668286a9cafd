//! Sealed rows.

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_store::{SealedRow, Sealer, StoreError};
use imajin_testkit::{Backend, on_both};

use crate::world::{Part, Thing, World, thing_fetch, things};

on_both!(
    a_row_comes_back_as_it_was,
    save_writes_every_column_and_delete_removes,
    a_missing_row_cannot_be_saved,
    another_key_does_not_open_a_seal,
    many_rows_go_in_at_once,
);

async fn a_row_comes_back_as_it_was(backend: Backend) {
    let world = World::new(backend);
    let thing = world.insert(world.thing()).await;
    let id = thing.id;
    let found = world.read(move |conn| Ok(thing_fetch(conn, id)?)).await.unwrap();
    assert_eq!(found, thing);
    assert_eq!(found.row_seal.len(), 32);
    assert!(found.is_intact(&world.sealer));
    let filtered: Vec<Thing> = world
        .read(move |conn| {
            let rows = things::table
                .filter(things::created_at.gt(Timestamp::EPOCH))
                .filter(things::open);
            Ok(rows.select(Thing::as_select()).load(conn)?)
        })
        .await
        .unwrap();
    assert_eq!(filtered, [thing]);
}

async fn save_writes_every_column_and_delete_removes(backend: Backend) {
    let world = World::new(backend);
    let before = world.insert(world.thing()).await;
    let after = Thing {
        name: "renamed".to_owned(),
        note: Some("noted".to_owned()),
        maximum: None,
        open: false,
        secret: Vec::new(),
        extra: Some(vec![9]),
        deleted_at: Some(Timestamp::from_micros(-1)),
        ..before.clone()
    };
    let (id, sealer, row) = (before.id, world.sealer.clone(), after.clone());
    let saved = world
        .write(move |conn| Ok(row.clone().save(conn, &sealer)?))
        .await
        .unwrap();
    assert_ne!(saved.row_seal, before.row_seal);
    let found = world.read(move |conn| Ok(thing_fetch(conn, id)?)).await.unwrap();
    assert_eq!(found, saved);
    assert_eq!(
        Thing {
            row_seal: after.row_seal.clone(),
            ..found
        },
        after
    );
    assert_eq!(world.audit().await, []);
    world.write(move |conn| Ok(saved.delete(conn)?)).await.unwrap();
    let gone = world.read(move |conn| Ok(thing_fetch(conn, id)?)).await;
    assert!(matches!(
        gone,
        Err(StoreError::Database(diesel::result::Error::NotFound))
    ));
}

async fn a_missing_row_cannot_be_saved(backend: Backend) {
    let world = World::new(backend);
    let (row, sealer) = (world.thing(), world.sealer.clone());
    let refused = world.write(move |conn| Ok(row.clone().save(conn, &sealer)?)).await;
    assert!(matches!(
        refused,
        Err(StoreError::Database(diesel::result::Error::NotFound))
    ));
}

async fn another_key_does_not_open_a_seal(backend: Backend) {
    let world = World::new(backend);
    let thing = world.insert(world.thing()).await;
    assert!(!thing.is_intact(&Sealer::for_service(&world.keyring, "other")));
    assert!(!thing.is_intact(&Sealer::new("things", &[0; 32])));
    assert!(matches!(
        thing.intact(&Sealer::new("things", &[0; 32])),
        Err(StoreError::Damaged(_))
    ));
}

async fn many_rows_go_in_at_once(backend: Backend) {
    let world = World::new(backend);
    let thing = world.insert(world.thing()).await;
    let parts: Vec<Part> = (0..1_203)
        .map(|nth| Part {
            thing_id: thing.id,
            nth,
            row_seal: Vec::new(),
        })
        .collect();
    let sealer = world.sealer.clone();
    let inserted = world
        .write(move |conn| Ok(Part::insert_all(parts.clone(), conn, &sealer)?))
        .await
        .unwrap();
    assert_eq!(inserted.len(), 1_203);
    assert_eq!(world.audit().await, []);
}
