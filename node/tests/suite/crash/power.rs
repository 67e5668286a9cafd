//! The power is cut: of the files, there is what was synced.

use std::time::{Duration, Instant};

use imajin_testkit::Backend;

use super::dice::Dice;
use super::disk::{Disk, Unsynced};
use super::rounds;
use super::world::World;
use crate::support::Home;

/// So often the cut comes while the node makes its keys and databases.
const BIRTHS: u32 = 4;

/// Starts the node and cuts the power before it is ready, or a little later.
fn cut_at_start(home: &Home, disk: &Disk, dice: &Dice) {
    let mut child = home.launch(&[]);
    std::thread::sleep(Duration::from_millis(dice.below(400)));
    child.kill().unwrap();
    child.wait().unwrap();
    disk.cut(unsynced(dice), dice);
}

fn unsynced(dice: &Dice) -> Unsynced {
    if dice.below(2) == 0 {
        Unsynced::Lost
    } else {
        Unsynced::Torn
    }
}

async fn power_cut(rounds: u32) {
    let begun = Instant::now();
    let mut home = Home::new(Backend::Sqlite);
    let disk = Disk::under(&home);
    home.environment_set(disk.environment());
    let mut world = World::open(home).await;
    let noted = disk.names();
    for name in [
        "master.key",
        "node.key",
        "auth.sqlite3",
        "events.sqlite3",
        "pay.sqlite3-wal",
        "registry.sqlite3",
    ] {
        assert!(noted.contains_key(name), "nobody synced {name}: {noted:?}");
    }
    for round in 0..rounds {
        let load = world.load_begin().await;
        world.moment().await;
        // Also after an orderly end there may be names that are gone, and not yet from the disk.
        if round % 6 == 5 {
            world.node_take().stop();
        } else {
            world.node_take().kill();
        }
        world.load_end(load).await;
        let unsynced = if round == 0 {
            Unsynced::Lost
        } else {
            unsynced(&world.shop.dice)
        };
        disk.cut(unsynced, &world.shop.dice);
        if round % 3 == 2 {
            cut_at_start(&world.home, &disk, &world.shop.dice);
        }
        world.up();
    }
    let books = world.close().await;
    println!("sqlite: power cut {rounds} times; {books:?}; {:.0?}", begun.elapsed());
    assert!(
        books.settled > u64::from(rounds) && books.refunded > 0,
        "hardly anybody bought anything: {books:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_of_the_power_loses_nothing_that_was_acknowledged() {
    power_cut(rounds(6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_of_the_power_while_the_node_is_made() {
    let mut home = Home::new(Backend::Sqlite);
    let disk = Disk::under(&home);
    home.environment_set(disk.environment());
    let dice = Dice::new();
    for _ in 0..BIRTHS {
        cut_at_start(&home, &disk, &dice);
    }
    World::open(home).await.close().await;
}

/// The test of the test: of a disk that says that it has synced a file, and has not, the buyers must take notice.
#[tokio::test(flavor = "multi_thread")]
async fn crash_of_the_power_with_a_disk_that_lies_is_noticed() {
    let mut home = Home::new(Backend::Sqlite);
    let disk = Disk::under(&home);
    home.environment_set(disk.environment());
    home.environment_set([("IMAJIN_DISK_DEAF", "pay.sqlite3-wal".into())]);
    let mut world = World::open(home).await;
    let load = world.load_begin().await;
    world.shop.steps_wait(12).await;
    world.node_take().kill();
    world.load_end(load).await;
    disk.cut(Unsynced::Lost, &world.shop.dice);
    world.up();
    let mut closing = tokio::task::JoinSet::new();
    closing.spawn(world.close());
    let closed = closing.join_next().await.unwrap();
    assert!(
        closed.is_err_and(|error| error.is_panic()),
        "payments were lost and nobody missed them"
    );
}
