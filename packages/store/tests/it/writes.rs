//! The writer: group commit, isolation of one closure from the next, durability.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::TransactionManager;
use diesel::prelude::*;
use imajin_kernel::Code;
use imajin_store::{Conn, Options, SealedRow, StoreError};
use imajin_testkit::{Backend, on_both};
use proptest::prelude::*;
use tokio::task::JoinSet;

use crate::world::{Part, Thing, World, thing_fetch, things};

on_both!(
    concurrent_read_modify_writes_give_the_exact_total,
    a_failing_closure_leaves_no_trace_and_harms_no_other,
    a_panicking_closure_leaves_no_trace_and_harms_no_other,
    a_swallowed_failure_is_never_acknowledged_wrongly,
    a_transaction_left_open_is_refused,
    a_deferred_constraint_fails_only_its_own_write,
    what_was_acknowledged_is_there_after_reopening,
    a_full_queue_is_busy,
    close_drains_and_then_refuses,
    commits_are_announced,
);

fn add(conn: &mut Conn, world: &Arc<World>, id: imajin_kernel::id::EventId, places: i32) -> Result<i32, StoreError> {
    let mut thing = thing_fetch(conn, id)?.intact(&world.sealer)?;
    thing.places += places;
    Ok(thing.save(conn, &world.sealer)?.places)
}

async fn run_adders(world: Arc<World>, tasks: i32, each: i32) -> i32 {
    let id = world.insert(world.thing()).await.id;
    let mut set = JoinSet::new();
    for task in 0..tasks {
        let world = Arc::clone(&world);
        set.spawn(async move {
            for round in 0..each {
                let (inner, fails) = (Arc::clone(&world), (task + round) % 5 == 4);
                let outcome = world
                    .write(move |conn| {
                        let places = add(conn, &inner, id, 1)?;
                        if fails { Err(StoreError::Replayed) } else { Ok(places) }
                    })
                    .await;
                assert_eq!(outcome.is_err(), fails, "{outcome:?}");
            }
        });
    }
    while let Some(joined) = set.join_next().await {
        joined.unwrap();
    }
    assert_eq!(world.audit().await, []);
    let places = world.read(move |conn| Ok(thing_fetch(conn, id)?.places)).await;
    places.unwrap()
}

async fn concurrent_read_modify_writes_give_the_exact_total(backend: Backend) {
    let world = Arc::new(World::new(backend));
    let expected: i32 = (0..16)
        .map(|task| (0..25).filter(|round| (task + round) % 5 != 4).count())
        .sum::<usize>()
        .try_into()
        .unwrap();
    assert_eq!(run_adders(world, 16, 25).await, expected);
}

async fn a_failing_closure_leaves_no_trace_and_harms_no_other(backend: Backend) {
    let world = Arc::new(World::new(backend));
    let id = world.insert(world.thing()).await.id;
    let alone = Arc::clone(&world);
    let refused = world
        .write(move |conn| {
            add(conn, &alone, id, 100)?;
            Err::<(), _>(StoreError::Replayed)
        })
        .await;
    assert!(matches!(refused, Err(StoreError::Replayed)));
    let places = world.read(move |conn| Ok(thing_fetch(conn, id)?.places)).await.unwrap();
    assert_eq!(places, 0);
    // In a batch, and with a statement that the database itself refuses.
    let mut set = JoinSet::new();
    for nth in 0..40 {
        let (world, inner) = (Arc::clone(&world), Arc::clone(&world));
        set.spawn(async move {
            let work = move |conn: &mut Conn| {
                let places = add(conn, &inner, id, 1)?;
                if nth % 2 == 0 {
                    inner.thing().insert(conn, &inner.sealer)?;
                    let twin = thing_fetch(conn, id)?;
                    twin.insert(conn, &inner.sealer)?;
                }
                Ok(places)
            };
            (nth, world.write(work).await)
        });
    }
    while let Some(joined) = set.join_next().await {
        let (nth, outcome) = joined.unwrap();
        assert_eq!(outcome.is_ok(), nth % 2 == 1, "{outcome:?}");
        assert!(outcome.is_ok() || outcome.unwrap_err().is_unique_violation());
    }
    let (places, rows): (i32, i64) = world
        .read(move |conn| Ok((thing_fetch(conn, id)?.places, things::table.count().get_result(conn)?)))
        .await
        .unwrap();
    assert_eq!((places, rows), (20, 1));
}

async fn a_panicking_closure_leaves_no_trace_and_harms_no_other(backend: Backend) {
    let world = Arc::new(World::new(backend));
    let id = world.insert(world.thing()).await.id;
    let mut set = JoinSet::new();
    for nth in 0..30 {
        let (world, inner) = (Arc::clone(&world), Arc::clone(&world));
        set.spawn(async move {
            let work = move |conn: &mut Conn| {
                add(conn, &inner, id, 1)?;
                // In a savepoint of its own: two levels are open when it panics.
                conn.transaction(|conn| {
                    add(conn, &inner, id, 1)?;
                    assert_ne!(nth % 3, 0, "on purpose");
                    Ok(())
                })
            };
            (nth, world.write(work).await)
        });
    }
    while let Some(joined) = set.join_next().await {
        match joined.unwrap() {
            (nth, Err(StoreError::Panicked)) => assert_eq!(nth % 3, 0),
            (nth, outcome) => assert!(nth % 3 != 0 && outcome.is_ok(), "{nth} {outcome:?}"),
        }
    }
    let places = world.read(move |conn| Ok(thing_fetch(conn, id)?.places)).await.unwrap();
    assert_eq!(places, 40);
}

async fn a_swallowed_failure_is_never_acknowledged_wrongly(backend: Backend) {
    let world = Arc::new(World::new(backend));
    let id = world.insert(world.thing()).await.id;
    for _alone_then_batched in 0..2 {
        let mut set = JoinSet::new();
        for _ in 0..10 {
            let (world, inner) = (Arc::clone(&world), Arc::clone(&world));
            set.spawn(async move {
                let work = move |conn: &mut Conn| {
                    let places = add(conn, &inner, id, 1)?;
                    let twin = thing_fetch(conn, id)?;
                    drop(twin.insert(conn, &inner.sealer));
                    Ok(places)
                };
                world.write(work).await.is_ok()
            });
        }
        let mut acknowledged = 0;
        while let Some(joined) = set.join_next().await {
            acknowledged += i32::from(joined.unwrap());
        }
        let places = world.read(move |conn| Ok(thing_fetch(conn, id)?.places)).await.unwrap();
        let inner = Arc::clone(&world);
        world.write(move |conn| add(conn, &inner, id, -places)).await.unwrap();
        assert_eq!(places, acknowledged);
    }
}

async fn a_transaction_left_open_is_refused(backend: Backend) {
    let world = Arc::new(World::new(backend));
    let id = world.insert(world.thing()).await.id;
    let inner = Arc::clone(&world);
    let refused = world
        .write(move |conn| {
            Conn::begin_transaction(conn)?;
            add(conn, &inner, id, 1)
        })
        .await;
    assert!(refused.is_err());
    let places = world.read(move |conn| Ok(thing_fetch(conn, id)?.places)).await.unwrap();
    assert_eq!(places, 0);
}

async fn a_deferred_constraint_fails_only_its_own_write(backend: Backend) {
    let world = Arc::new(World::new(backend));
    let id = world.insert(world.thing()).await.id;
    let mut set = JoinSet::new();
    for nth in 0..20_i64 {
        let (world, inner) = (Arc::clone(&world), Arc::clone(&world));
        set.spawn(async move {
            let thing_id = if nth % 4 == 0 { world.env.new_id() } else { id };
            let part = Part {
                thing_id,
                nth,
                row_seal: Vec::new(),
            };
            let work = move |conn: &mut Conn| Ok(part.clone().insert(conn, &inner.sealer)?);
            (nth, world.write(work).await)
        });
    }
    while let Some(joined) = set.join_next().await {
        let (nth, outcome) = joined.unwrap();
        assert_eq!(outcome.is_ok(), nth % 4 != 0, "{nth}: {outcome:?}");
    }
    assert_eq!(world.audit().await, []);
}

async fn what_was_acknowledged_is_there_after_reopening(backend: Backend) {
    let world = World::new(backend);
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(world.insert(world.thing()).await.id);
    }
    // Without closing: a copy of the files at this moment is what a crash leaves behind.
    let copy = world.database.directory().map(|directory| {
        let copy = tempfile::tempdir().unwrap();
        for name in ["things.sqlite", "things.sqlite-wal"] {
            std::fs::copy(directory.join(name), copy.path().join(name)).unwrap();
        }
        copy
    });
    let db = match &copy {
        Some(copy) => imajin_store::Db::open(
            imajin_store::Location::sqlite(copy.path().join("things.sqlite")),
            "things",
            crate::world::MIGRATIONS,
            Options::default(),
        )
        .unwrap(),
        None => world.open(),
    };
    let found: i64 = db
        .read(move |conn| Ok::<_, StoreError>(things::table.count().get_result(conn)?))
        .await
        .unwrap();
    assert_eq!(found, 20);
    db.close().await;
}

/// Holds the writer until it is let go.
async fn blocked(world: &Arc<World>) -> (std::sync::mpsc::Sender<()>, JoinSet<Result<(), StoreError>>) {
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
    let gate = std::sync::Mutex::new(gate);
    let mut set = JoinSet::new();
    let inner = Arc::clone(world);
    set.spawn(async move {
        inner
            .write(move |_conn| {
                entered.send(()).unwrap();
                assert!(gate.lock().unwrap().recv().is_err());
                Ok(())
            })
            .await
    });
    inside.recv().await.unwrap();
    (release, set)
}

async fn a_full_queue_is_busy(backend: Backend) {
    let options = Options {
        queue_length: 3,
        ..Options::default()
    };
    let world = Arc::new(World::with(backend, options));
    let (release, mut set) = blocked(&world).await;
    let runs = Arc::new(AtomicU32::new(0));
    for _ in 0..3 {
        let (world, runs) = (Arc::clone(&world), Arc::clone(&runs));
        let mut waiting = Box::pin(async move {
            let work = move |_: &mut Conn| {
                runs.fetch_add(1, Ordering::SeqCst);
                Ok(())
            };
            world.write(work).await
        });
        // The first poll puts it into the queue.
        assert!(futures_poll(&mut waiting).await.is_none());
        set.spawn(waiting);
    }
    let refused = world.write(|_conn| Ok(())).await.unwrap_err();
    assert!(matches!(refused, StoreError::Busy));
    assert_eq!(refused.code(), Code::Unavailable);
    drop(release);
    while let Some(joined) = set.join_next().await {
        joined.unwrap().unwrap();
    }
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

/// Polls once.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

async fn close_drains_and_then_refuses(backend: Backend) {
    let world = Arc::new(World::new(backend));
    let (release, mut set) = blocked(&world).await;
    let thing = world.thing();
    let (row, sealer, writer) = (thing.clone(), world.sealer.clone(), Arc::clone(&world));
    let mut waiting = Box::pin(async move { writer.write(move |conn| Ok(row.clone().insert(conn, &sealer)?)).await });
    assert!(futures_poll(&mut waiting).await.is_none());
    let mut closing = Box::pin(world.db.clone().close());
    assert!(futures_poll(&mut closing).await.is_none());
    assert!(matches!(world.write(|_| Ok(())).await, Err(StoreError::Closed)));
    assert!(matches!(world.read(|_| Ok(())).await, Err(StoreError::Closed)));
    drop(release);
    closing.await;
    assert_eq!(waiting.await.unwrap().id, thing.id);
    while let Some(joined) = set.join_next().await {
        joined.unwrap().unwrap();
    }
    let again = world.open();
    let id = thing.id;
    let found: Thing = again
        .read(move |conn| Ok::<_, StoreError>(thing_fetch(conn, id)?))
        .await
        .unwrap();
    assert_eq!(found.name, thing.name);
    again.close().await;
}

async fn commits_are_announced(backend: Backend) {
    let world = World::new(backend);
    let mut commits = world.db.commits();
    let before = *commits.borrow_and_update();
    world.insert(world.thing()).await;
    commits.changed().await.unwrap();
    assert!(*commits.borrow() > before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn any_number_of_tasks_and_batches_gives_the_exact_total(
        tasks in 1_i32..12, each in 1_i32..10, batch_length in 1_usize..8, postgres: bool,
    ) {
        let backend = if postgres { Backend::Postgres } else { Backend::Sqlite };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let total = runtime.block_on(async {
            let options = Options { batch_length, ..Options::default() };
            run_adders(Arc::new(World::with(backend, options)), tasks, each).await
        });
        let sums = (0..tasks).flat_map(|task| (0..each).map(move |round| task + round));
        let failing = sums.filter(|sum| sum % 5 == 4).count();
        prop_assert_eq!(total, tasks * each - i32::try_from(failing).unwrap());
    }
}

/// What two processes do on one Postgres when each first looks and then writes what follows from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_that_exclude_each_other_one_writes_at_a_time() {
    let world = Arc::new(World::new(Backend::Postgres));
    let other = world.open();
    world.db.exclude_other_writers();
    other.exclude_other_writers();
    let mut set = JoinSet::new();
    for number in 0..40 {
        let (db, world) = (
            if number % 2 == 0 {
                world.db.clone()
            } else {
                other.clone()
            },
            Arc::clone(&world),
        );
        set.spawn(async move {
            let counted: Result<i64, StoreError> = db
                .write(move |conn| {
                    let count: i64 = things::table.count().get_result(conn)?;
                    world.thing().insert(conn, &world.sealer)?;
                    Ok(count)
                })
                .await;
            counted.unwrap()
        });
    }
    let mut counts = set.join_all().await;
    counts.sort_unstable();
    assert_eq!(
        counts,
        (0..40).collect::<Vec<i64>>(),
        "nobody looked while another one wrote"
    );
}
