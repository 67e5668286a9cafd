//! Durable settlements per second, in process, on SQLite and on Postgres, beside `pgbench -N -c 8` on the same disk in
//! the same run: `cargo bench -p imajin-pay`.
//!
//! Inside a settlement: the checkout is read, its price planned along the manifest (three payees), the hold captured in
//! a ledger entry of the hash chain, every balance, line, receipt and checkout written and sealed, the receipt signed,
//! and all of it on the disk before the answer. There is no HTTP and no seller in it. Checkouts are opened and paid
//! before the clock starts (the node's own clock goes on a millisecond with each, so that identifiers sort by time as
//! they do in life), and Postgres then gets the statistics that its autovacuum would have gathered within a minute.
//!
//! `cargo bench -p imajin-pay -- sqlite` measures only what is named, of `sqlite`, `postgres` and `pgbench`.
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
use imajin_fair::Manifest;
use imajin_kernel::Span;
use imajin_kernel::id::CheckoutId;
use imajin_rails::RailOutcome;
use imajin_testkit::Backend;

use crate::world::World;

const CALLERS: usize = 64;
const SHARES: [(&str, u32); 3] = [("mira", 500_000), ("jonas", 300_000), ("hall", 200_000)];
const SETTLEMENTS: usize = 12_800;
/// Settlements at half of the rate that was reached.
const AT_HALF: usize = 6_400;

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
    // Before and after each: whatever else the machine does is in the yardstick, too.
    let yardstick = || is_wanted("pgbench").then(pgbench).flatten();
    for backend in Backend::ALL
        .into_iter()
        .filter(|backend| is_wanted(&backend.to_string()))
    {
        let before = yardstick();
        let per_second = runtime.block_on(measure(backend));
        if let (Some(before), Some(after)) = (before, yardstick()) {
            let hundredths = per_second * 200 / (before + after).max(1);
            println!(
                " pgbench  {before:>6} and {after}/s, ratio {}.{:02}",
                hundredths / 100,
                hundredths % 100
            );
        }
    }
}

async fn measure(backend: Backend) -> u128 {
    let world = World::new(backend).await;
    let manifest = world.manifest(&SHARES);
    let opened = futures::stream::iter(0..SETTLEMENTS + AT_HALF)
        .map(|number| paid_checkout(&world, &manifest, number))
        .buffer_unordered(CALLERS)
        .collect::<Vec<CheckoutId>>();
    let checkouts = opened.await;
    if let Some(url) = world.database.url() {
        Command::new("psql")
            .args(["-X", "-q", "-c", "ANALYZE", url])
            .status()
            .unwrap();
    }
    let (all, rest) = checkouts.split_at(SETTLEMENTS);
    let started = Instant::now();
    // Each caller takes every 64th: what was paid first is settled first.
    let callers = (0..CALLERS).map(|first| call(&world, all.iter().skip(first).step_by(CALLERS)));
    let times = futures::future::join_all(callers).await.into_iter().flatten().collect();
    let per_second = u128::try_from(SETTLEMENTS).unwrap() * 1_000_000 / started.elapsed().as_micros();
    report(backend, "settlements/s", per_second, times);
    let times = at_rate(&world, rest, per_second / 2).await;
    report(backend, "at half of it", per_second / 2, times);
    assert_eq!(world.audit().await, [], "what was measured is what was meant");
    per_second
}

/// Settles at a given rate, whether the ones before are done or not; each time counts from when it was due.
async fn at_rate(world: &World, checkouts: &[CheckoutId], per_second: u128) -> Vec<Duration> {
    // All are waiting for their turn before the first one's.
    let started = Instant::now() + Duration::from_millis(500);
    let due = |number: usize| {
        let micros = u128::try_from(number).unwrap() * 1_000_000 / per_second.max(1);
        started + Duration::from_micros(u64::try_from(micros).unwrap())
    };
    let one = async |(number, checkout): (usize, &CheckoutId)| {
        tokio::time::sleep_until(due(number).into()).await;
        world.clock.advance(Span::millis(1));
        world.pay.settle(*checkout, vec!["tkt_0000".to_owned()]).await.unwrap();
        due(number).elapsed()
    };
    futures::future::join_all(checkouts.iter().enumerate().map(one)).await
}

fn report(backend: Backend, what: &str, per_second: u128, mut times: Vec<Duration>) {
    times.sort();
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{backend:>8}  {per_second:>6} {what:<14} p50 {p50:>8.1?}  p99 {p99:>8.1?}");
}

async fn paid_checkout(world: &World, manifest: &Manifest, number: usize) -> CheckoutId {
    let buyer = format!("buyer {number}");
    world.clock.advance(Span::millis(1));
    let goods = world.goods_split(&buyer, "10.00 TEST-USD", &SHARES);
    // Places of one event: they share its manifest.
    world.seller.change(&goods, |quote| quote.manifest = manifest.clone());
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
        world.clock.advance(Span::millis(1));
        let started = Instant::now();
        world.pay.settle(*checkout, vec!["tkt_0000".to_owned()]).await.unwrap();
        times.push(started.elapsed());
    }
    times
}

/// The yardstick, in transactions per second: simple updates of one row and inserts of another, eight clients.
fn pgbench() -> Option<u128> {
    let url = imajin_testkit::postgres().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new("pgbench").args(arguments).arg(url.as_str()).output();
        Some(String::from_utf8_lossy(&output.ok()?.stdout).into_owned())
    };
    let measured = run(&["-i", "-q", "-s", "10"]).and_then(|_| run(&["-N", "-c", "8", "-j", "2", "-T", "6"]));
    let tps = measured.as_deref().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("tps"))?;
        line.split(['=', '.']).nth(1)?.trim().parse().ok()
    });
    if tps.is_none() {
        println!(" pgbench  is not installed (package postgresql-contrib)");
    }
    tps
}
