//! SIGKILL at random points of the purchase.

use std::time::Instant;

use imajin_testkit::Backend;

use super::phase::Phases;
use super::rounds;
use super::world::World;
use crate::support::Home;

/// With so many deaths, each place in which a purchase can be interrupted is met.
const ROUNDS_OF_EVERYTHING: u32 = 100;

async fn killed_at_random(backend: Backend, rounds: u32) {
    let begun = Instant::now();
    let mut world = World::open(Home::new(backend)).await;
    let mut phases = Phases::default();
    for _ in 0..rounds {
        let load = world.load_begin().await;
        world.moment().await;
        world.node_take().kill();
        world.load_end(load).await;
        phases.look(&world.home).await;
        world.up();
    }
    let books = world.close().await;
    println!(
        "{backend}: killed {rounds} times ({phases}); {books:?}; {:.0?}",
        begun.elapsed()
    );
    assert!(
        books.settled > u64::from(rounds) && books.refunded > 0,
        "hardly anybody bought anything: {books:?}"
    );
    assert!(phases.open > 0, "{phases}");
    if rounds >= ROUNDS_OF_EVERYTHING {
        let Phases {
            ordering,
            open: _,
            stored,
            paid,
            delivered,
            refunding,
        } = phases;
        assert!(
            [ordering, stored, paid, delivered, refunding]
                .iter()
                .all(|count| *count > 0),
            "{phases}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_random_points_on_sqlite() {
    killed_at_random(Backend::Sqlite, rounds(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_at_random_points_on_postgres() {
    killed_at_random(Backend::Postgres, rounds(5)).await;
}
