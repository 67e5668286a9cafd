//! Readers: they cannot write, and they come back from anything.

use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};

use diesel::connection::TransactionManager;
use diesel::prelude::*;
use imajin_store::{Conn, SealedRow, StoreError, units_sum};
use imajin_testkit::{Backend, on_both};

use crate::world::{Thing, World, thing_fetch, things};

on_both!(
    a_reader_cannot_write,
    a_panic_costs_a_connection_and_nothing_else,
    a_transaction_sees_one_moment,
    a_missing_row_is_not_found,
    a_sum_is_exact_or_none,
);

/// As many as read at once by default.
const READERS: usize = 4;

async fn a_sum_is_exact_or_none(backend: Backend) {
    let world = World::new(backend);
    let sum = async || {
        let positive = || things::table.filter(things::places.ge(0));
        world
            .read(move |conn| Ok(units_sum!(conn, positive(), things::amount_micros)?))
            .await
    };
    assert_eq!(sum().await.unwrap(), 0, "of nothing");
    for amount_micros in [i64::MAX, -2, 1] {
        let thing = Thing {
            amount_micros,
            ..world.thing()
        };
        world.insert(thing).await;
    }
    assert_eq!(sum().await.unwrap(), i64::MAX - 1);
    world.insert(world.thing()).await;
    assert!(sum().await.is_err(), "it does not fit");
}

async fn a_reader_cannot_write(backend: Backend) {
    let world = World::new(backend);
    let (thing, sealer) = (world.thing(), world.sealer.clone());
    assert!(world.read(move |conn| Ok(thing.insert(conn, &sealer)?)).await.is_err());
    let count: i64 = world
        .read(|conn| Ok(things::table.count().get_result(conn)?))
        .await
        .unwrap();
    assert_eq!(count, 0);
}

async fn a_panic_costs_a_connection_and_nothing_else(backend: Backend) {
    let world = World::new(backend);
    for _ in 0..10 {
        let panicked = world
            .read(|conn| {
                Conn::begin_transaction(conn)?;
                assert!(conn.begin_test_transaction().is_ok(), "on purpose");
                Ok(())
            })
            .await;
        assert!(panicked.is_err());
        let left_open = world.read(|conn| Ok(Conn::begin_transaction(conn)?)).await;
        assert!(left_open.is_ok());
    }
    let count: i64 = world
        .read(|conn| Ok(things::table.count().get_result(conn)?))
        .await
        .unwrap();
    assert_eq!(count, 0);
}

async fn a_transaction_sees_one_moment(backend: Backend) {
    let world = World::new(backend);
    world.insert(world.thing()).await;
    let (reached, mut at_the_middle) = tokio::sync::mpsc::unbounded_channel();
    let (go_on, gate) = std::sync::mpsc::channel::<()>();
    let db = world.db.clone();
    let mut reading = tokio::task::JoinSet::new();
    reading.spawn(async move {
        db.read(move |conn| {
            conn.transaction(|conn| {
                let before: i64 = things::table.count().get_result(conn)?;
                reached.send(()).unwrap();
                gate.recv().unwrap();
                let after: i64 = things::table.count().get_result(conn)?;
                Ok::<_, StoreError>((before, after))
            })
        })
        .await
    });
    at_the_middle.recv().await.unwrap();
    world.insert(world.thing()).await;
    go_on.send(()).unwrap();
    assert_eq!(reading.join_next().await.unwrap().unwrap().unwrap(), (1, 1));
}

async fn a_missing_row_is_not_found(backend: Backend) {
    let world = World::new(backend);
    let id = world.env.new_id();
    let missing = world.read(move |conn| Ok(thing_fetch(conn, id)?)).await.unwrap_err();
    assert_eq!(missing.code(), imajin_kernel::Code::NotFound);
    assert_eq!(
        imajin_kernel::Problem::from(missing).code,
        imajin_kernel::Code::NotFound
    );
}

diesel::define_sql_function! {
    /// The process of the server that serves a connection.
    fn pg_backend_pid() -> Integer;
}

/// Opening one costs many times a read, and on Postgres a process.
#[tokio::test]
async fn as_many_readers_as_were_needed_a_moment_ago_are_still_connected() {
    let world = World::new(Backend::Postgres);
    let servers = async || {
        let together = Arc::new(Barrier::new(READERS));
        let mut reading = tokio::task::JoinSet::new();
        for _ in 0..READERS {
            let (db, together) = (world.db.clone(), Arc::clone(&together));
            reading.spawn(async move {
                db.read(move |conn| {
                    let pid: i32 = diesel::select(pg_backend_pid()).get_result(conn)?;
                    together.wait();
                    Ok::<_, StoreError>(pid)
                })
                .await
            });
        }
        let pids = reading.join_all().await;
        pids.into_iter().map(Result::unwrap).collect::<BTreeSet<i32>>()
    };
    let first = servers().await;
    assert_eq!(first.len(), READERS);
    assert_eq!(servers().await, first);
}
