//! The server goes away, or another process is in the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::{Connection, SimpleConnection};
use diesel::pg::PgConnection;
use diesel::sqlite::SqliteConnection;
use imajin_store::{Conn, Options, SealedRow, StoreError};
use imajin_testkit::Backend;

use crate::world::{Thing, World, thing_fetch};

const CUT: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test]
async fn a_server_that_comes_back_is_used_again() {
    let world = World::new(Backend::Postgres);
    let thing = world.insert(world.thing()).await;
    let id = thing.id;
    world.read(move |conn| Ok(thing_fetch(conn, id)?)).await.unwrap();
    let mut other = PgConnection::establish(world.database.url().unwrap()).unwrap();
    other.batch_execute(CUT).unwrap();
    // The write was not sent when the loss was noticed: it is done on a new connection.
    let again = world.insert(world.thing()).await;
    // A reader may meet its dead connection once, and says so: it is no fault of the request.
    if let Err(refused) = world.read(move |conn| Ok(thing_fetch(conn, id)?)).await {
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    }
    let found = world.read(move |conn| Ok(thing_fetch(conn, again.id)?)).await.unwrap();
    assert_eq!(found.id, again.id);
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_runs_the_closure_again() {
    let world = World::new(Backend::Postgres);
    let url = world.database.url().unwrap().to_owned();
    let (runs, inside) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (thing, sealer, seen) = (world.thing(), world.sealer.clone(), Arc::clone(&runs));
    let id = thing.id;
    world
        .write(move |conn| {
            thing.clone().insert(conn, &sealer)?;
            if seen.fetch_add(1, Ordering::SeqCst) == 0 {
                PgConnection::establish(&url).unwrap().batch_execute(CUT).unwrap();
            }
            Ok(conn.batch_execute("SELECT 1")?)
        })
        .await
        .unwrap();
    assert_eq!((runs.load(Ordering::SeqCst), inside.load(Ordering::SeqCst)), (2, 0));
    assert_eq!(world.read(move |conn| Ok(thing_fetch(conn, id)?)).await.unwrap().id, id);
}

#[tokio::test]
async fn a_connection_lost_at_the_commit_is_an_unknown_outcome() {
    let world = World::new(Backend::Postgres);
    let url = world.database.url().unwrap().to_owned();
    let outcome = world
        .write(move |conn| {
            conn.batch_execute("SELECT 1")?;
            PgConnection::establish(&url).unwrap().batch_execute(CUT).unwrap();
            Ok(())
        })
        .await;
    assert!(matches!(outcome, Err(StoreError::OutcomeUnknown)), "{outcome:?}");
    world.insert(world.thing()).await;
}

#[tokio::test]
async fn a_deadlock_with_another_process_is_tried_again() {
    let world = World::new(Backend::Postgres);
    let (first, second) = (world.insert(world.thing()).await, world.insert(world.thing()).await);
    let mut other = PgConnection::establish(world.database.url().unwrap()).unwrap();
    let lock = |id: imajin_kernel::id::EventId| format!("UPDATE things.things SET places = 5 WHERE id = '{id}';");
    let (lock_first, lock_second) = (lock(first.id), lock(second.id));
    other
        .batch_execute(&format!("SET deadlock_timeout = '60s'; BEGIN; {lock_second}"))
        .unwrap();
    let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
    let (db, lock_again) = (world.db.clone(), lock_second.clone());
    let runs = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&runs);
    let lock_mine = lock_first.clone();
    let mut writing = tokio::task::JoinSet::new();
    writing.spawn(async move {
        db.write(move |conn: &mut Conn| {
            seen.fetch_add(1, Ordering::SeqCst);
            conn.batch_execute(&format!("SET LOCAL deadlock_timeout = '10ms'; {lock_mine}"))?;
            entered.send(()).unwrap();
            Ok::<_, StoreError>(conn.batch_execute(&lock_again)?)
        })
        .await
    });
    inside.recv().await.unwrap();
    // Ours is the victim, because it looks for deadlocks first; the other then ends.
    tokio::task::spawn_blocking(move || {
        other.batch_execute(&lock_first).unwrap();
        other.batch_execute("COMMIT").unwrap();
    })
    .await
    .unwrap();
    writing.join_next().await.unwrap().unwrap().unwrap();
    assert!(runs.load(Ordering::SeqCst) >= 2);
}

#[tokio::test]
async fn a_locked_file_is_unavailable_and_nothing_is_written() {
    let options = Options {
        busy_timeout: std::time::Duration::from_millis(1),
        ..Options::default()
    };
    let world = World::with(Backend::Sqlite, options);
    let path = world.database.directory().unwrap().join("things.sqlite");
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let (thing, sealer) = (world.thing(), world.sealer.clone());
    let refused = world.write(move |conn| Ok(thing.clone().insert(conn, &sealer)?)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    other.batch_execute("ROLLBACK").unwrap();
    world.insert(world.thing()).await;
}

#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new(Backend::Sqlite);
    for name in ["things.sqlite", "things.sqlite-wal"] {
        let path = world.database.directory().unwrap().join(name);
        assert_eq!(
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_write_ahead_log_stays_bounded() {
    let world = World::new(Backend::Sqlite);
    let mut bytes = 0;
    for _ in 0..200 {
        let thing = Thing {
            secret: vec![7; 256 * 1024],
            ..world.thing()
        };
        bytes += u64::try_from(world.insert(thing).await.secret.len()).unwrap();
    }
    let log = world.database.directory().unwrap().join("things.sqlite-wal");
    let log = std::fs::metadata(log).unwrap().len();
    assert!(log < 40 * 1024 * 1024 && log < bytes, "{log} of {bytes}");
}
