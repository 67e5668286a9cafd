//! A long history of one account: does booking keep its memory, and does reading its balance keep its time?
//! `cargo bench -p imajin-ledger --bench history`.
//!
//! Every entry moves money between the same two accounts, a thousand entries per transaction, durable. After a thousand
//! entries, and again at the end, a balance, the latest page of the statement, and the balance as of the middle of the
//! history are read, each a thousand times. `IMAJIN_BENCH_ENTRIES` says how many entries (1,000,000, if not said);
//! `-- sqlite` or `-- postgres` measures one of both.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::integer_division,
    reason = "a benchmark stops at the first surprise and prints what it measured"
)]

#[path = "../tests/suite/world.rs"]
#[expect(dead_code, unused_imports, unused_macros, reason = "the tests use more of it")]
mod world;

use std::time::{Duration, Instant};

use imajin_kernel::{Span, Timestamp};
use imajin_ledger::{LedgerError, account_fetch, balance_at, statement_list};
use imajin_testkit::Backend;

use crate::world::{World, available, person, transfer};

/// Where the reads are measured first.
const SHORT: usize = 1_000;
/// Entries per transaction.
const BATCH: usize = 1_000;
const READS: usize = 1_000;
const ENTRIES: usize = 1_000_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let entries = std::env::var("IMAJIN_BENCH_ENTRIES").map_or(ENTRIES, |text| text.parse().unwrap());
    let named: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    for backend in Backend::ALL {
        if named.is_empty() || named.contains(&backend.to_string()) {
            runtime.block_on(measure(backend, entries));
        }
    }
}

async fn measure(backend: Backend, entries: usize) {
    let world = World::new(backend);
    let (ann, bob) = (person(1), person(2));
    world.fund("fund", &ann, 1_000_000_000).await;
    let first = world.env.now();
    let started = Instant::now();
    let mut booked = 0;
    let mut marks = vec![SHORT, entries / 10, entries];
    while booked < entries {
        let commands = (booked..booked + BATCH).map(|number| {
            let (from, to) = if number % 2 == 0 { (&ann, &bob) } else { (&bob, &ann) };
            transfer(&format!("entry/{number}"), from, to, 1)
        });
        let answers = world.execute(commands.collect()).await;
        assert!(answers.iter().all(Result::is_ok));
        world.later(Span::seconds(1));
        booked += BATCH;
        if marks.first().is_some_and(|mark| booked >= *mark) {
            marks.remove(0);
            let middle = Timestamp::from_micros(first.as_micros().midpoint(world.env.now().as_micros()));
            let [balance, page, earlier] = reads(&world, middle).await;
            println!(
                "{backend:>8}  {booked:>9} entries  {:>6}/s  {:>4} MiB  balance {balance:>8.1?}  page {page:>8.1?}  \
                 as of a moment {earlier:>8.1?}",
                u128::try_from(booked).unwrap() * 1_000_000 / started.elapsed().as_micros(),
                resident_mib(),
            );
        }
    }
}

/// The medians of reading a balance, a page of the statement, and the balance as of a moment.
async fn reads(world: &World, at: Timestamp) -> [Duration; 3] {
    let (sealer, key) = (world.sealer.clone(), available(&person(1)));
    let times: Result<[Duration; 3], LedgerError> = world
        .db
        .read(move |conn| {
            let account = account_fetch(conn, &sealer, &key)?.unwrap();
            let mut times = [const { Vec::new() }; 3];
            for _ in 0..READS {
                let begin = Instant::now();
                account_fetch(conn, &sealer, &key)?;
                times[0].push(begin.elapsed());
                let begin = Instant::now();
                statement_list(conn, &sealer, &key, None, 50)?;
                times[1].push(begin.elapsed());
                let begin = Instant::now();
                balance_at(conn, &sealer, &account, at)?;
                times[2].push(begin.elapsed());
            }
            Ok(times.map(|mut times| {
                times.sort();
                times[READS / 2]
            }))
        })
        .await;
    times.unwrap()
}

/// What this process holds in memory; of Postgres that is the client only.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024
}
