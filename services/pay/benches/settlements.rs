//! Durable settlements per second, in process, on SQLite and on Postgres, beside `pgbench -N -c 8` on the same disk in
//! the same run: `cargo bench -p imajin-pay`.
//!
//! Inside a settlement: the checkout is read, its price planned along the manifest (three payees), the hold captured in
//! a ledger entry of the hash chain, every balance, line, receipt and checkout written and sealed, the receipt signed,
//! and all of it on the disk before the answer. There is no HTTP and no seller in it. Checkouts are opened and paid
//! before the clock starts, and Postgres then gets the statistics that its autovacuum would have gathered within a
//! minute.
//!
//! `cargo bench -p imajin-pay -- sqlite` measures one of `sqlite`, `postgres`, `pgbench`.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::integer_division,
    reason = "a benchmark stops at the first surprise and prints what it measured"
)]

#[path = "../tests/suite/fakes.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod fakes;
#[path = "../tests/suite/world.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod world;

use std::process::Command;
use std::time::{Duration, Instant};

use futures::StreamExt;
use imajin_kernel::id::CheckoutId;
use imajin_rails::RailOutcome;
use imajin_testkit::Backend;

use crate::world::World;

const CALLERS: usize = 64;
const SETTLEMENTS: usize = 12_800;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("{CALLERS} callers, {SETTLEMENTS} settlements of three payees:");
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted = |name: &str| named.is_empty() || named.iter().any(|wanted| wanted == name);
    for backend in Backend::ALL
        .into_iter()
        .filter(|backend| is_wanted(&backend.to_string()))
    {
        runtime.block_on(measure(backend));
    }
    if is_wanted("pgbench") {
        pgbench();
    }
}

async fn measure(backend: Backend) {
    let world = World::new(backend).await;
    let opened = futures::stream::iter(0..SETTLEMENTS)
        .map(|number| paid_checkout(&world, number))
        .buffer_unordered(CALLERS)
        .collect::<Vec<CheckoutId>>();
    let checkouts = opened.await;
    if let Some(url) = world.database.url() {
        Command::new("psql")
            .args(["-X", "-q", "-c", "ANALYZE", url])
            .status()
            .unwrap();
    }
    let started = Instant::now();
    // Each caller takes every 64th: what was paid first is settled first.
    let callers = (0..CALLERS).map(|first| call(&world, checkouts.iter().skip(first).step_by(CALLERS)));
    let mut times: Vec<Duration> = futures::future::join_all(callers).await.into_iter().flatten().collect();
    let elapsed = started.elapsed();
    times.sort();
    let per_second = u128::try_from(SETTLEMENTS).unwrap() * 1_000_000 / elapsed.as_micros();
    let (p50, p99) = (times[SETTLEMENTS / 2], times[SETTLEMENTS * 99 / 100]);
    println!("{backend:>8}  {per_second:>6} settlements/s  p50 {p50:>8.1?}  p99 {p99:>8.1?}");
    assert_eq!(world.audit().await, [], "what was measured is what was meant");
}

async fn paid_checkout(world: &World, number: usize) -> CheckoutId {
    let buyer = format!("buyer {number}");
    let shares = [("mira", 500_000), ("jonas", 300_000), ("hall", 200_000)];
    let goods = world.goods_split(&buyer, "10.00 TEST-USD", &shares);
    let checkout = world.checkout_of(&buyer, &goods).await;
    let message = world
        .pay
        .sandbox_message(&world.event(&checkout, RailOutcome::Paid))
        .unwrap();
    world.pay.webhook_receive("sandbox", message, &[]).await.unwrap();
    checkout.id
}

async fn call(world: &World, checkouts: impl Iterator<Item = &CheckoutId>) -> Vec<Duration> {
    let mut times = Vec::with_capacity(SETTLEMENTS / CALLERS);
    for checkout in checkouts {
        let started = Instant::now();
        world.pay.settle(*checkout, vec!["tkt_0000".to_owned()]).await.unwrap();
        times.push(started.elapsed());
    }
    times
}

/// The yardstick: simple updates of one row and inserts of another, eight clients.
fn pgbench() {
    let url = imajin_testkit::postgres().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new("pgbench")
            .args(arguments)
            .arg(url.as_str())
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let measured = run(&["-i", "-q", "-s", "10"]).and_then(|_| run(&["-N", "-c", "8", "-j", "2", "-T", "8"]));
    let tps = measured
        .as_deref()
        .and_then(|text| text.lines().find(|line| line.starts_with("tps")));
    println!(
        " pgbench  {}",
        tps.unwrap_or("is not installed (package postgresql-contrib)")
    );
}
