//! A service that starts with a million ties, and how long a write takes until it is durable and visible, on SQLite and
//! on Postgres: `cargo bench -p imajin-connections`.
//!
//! A start reads every row, checks its seal, and builds the graph. A write is a whole request in process: the
//! signatures of the request and of the document are verified; then, in one transaction that is on the disk before the
//! answer, the nonce is spent, the request is logged in the hash chain, statement and tie are written, each row sealed;
//! and the graph has followed. There is no HTTP connection in it. The ties are written without statements: a start does
//! not read those.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::integer_division,
    reason = "a benchmark stops at the first surprise and prints what it measured"
)]

#[path = "../tests/suite/people.rs"]
mod people;
#[path = "../tests/suite/world.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod world;

use std::time::{Duration, Instant};

use diesel::prelude::*;
use imajin_did::SecretKey;
use imajin_kernel::Timestamp;
use imajin_kernel::id::StatementId;
use imajin_store::{SealedRow, Sealer, StoreError, sealed_row};
use imajin_testkit::Backend;
use serde::Serialize;

use crate::world::World;

const PEOPLE: u32 = 100_000;
const TIES: u32 = 1_000_000;
/// So many are written at a time.
const CHUNK: u32 = 20_000;
const WRITES: usize = 300;

mod schema {
    diesel::table! {
    ties (statement) {
        statement -> Text,
        kind -> Text,
        from_did -> Text,
        to_did -> Text,
        number -> BigInt,
        expires_at -> Nullable<BigInt>,
        row_seal -> Binary,
    }
    }
}
use schema::ties;

#[derive(Debug, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = ties, primary_key(statement))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
struct TieRow {
    statement: StatementId,
    kind: String,
    from_did: String,
    to_did: String,
    number: i64,
    expires_at: Option<Timestamp>,
    row_seal: Vec<u8>,
}

sealed_row!(TieRow, ties, "ties", key = (statement));

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    for backend in Backend::ALL {
        runtime.block_on(measure(backend));
    }
}

/// How many ties there are.
fn ties_count() -> u32 {
    std::env::var("IMAJIN_BENCH_TIES").map_or(TIES, |text| text.parse().unwrap())
}

async fn measure(backend: Backend) {
    let count = ties_count();
    let world = World::new(backend).await;
    fill(&world, count).await;
    let started = Instant::now();
    let world = world.again().await;
    println!("{backend:>8}  started with {count} ties in {:.2?}", started.elapsed());
    let (ada, others) = (
        world.person("ada"),
        (0..WRITES).map(|number| world::key(&number.to_string())),
    );
    let others: Vec<SecretKey> = others.collect();
    let mut times = Vec::with_capacity(WRITES);
    for other in &others {
        // Nobody may say more than 200 things an hour.
        world.later(imajin_kernel::Span::minutes(1));
        let started = Instant::now();
        world.vouch(&ada, other, 1).await;
        times.push(started.elapsed());
        assert_eq!(world.hops(&ada, other).await, 1, "what was written is visible");
    }
    times.sort_unstable();
    let (p50, p99): (Duration, Duration) = (times[WRITES / 2], times[WRITES * 99 / 100]);
    println!("{backend:>8}  a write, durable and visible: p50 {p50:.1?}, p99 {p99:.1?}");
}

async fn fill(world: &World, count: u32) {
    let dids: Vec<String> = (0..PEOPLE)
        .map(|number| {
            let mut seed = [7; 32];
            seed[..4].copy_from_slice(&number.to_be_bytes());
            SecretKey::from_seed(seed).did().to_string()
        })
        .collect();
    let mut random: u64 = 1;
    let mut below = |end: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % end
    };
    for chunk in 0..count.div_ceil(CHUNK) {
        let numbers = chunk * CHUNK..count.min((chunk + 1) * CHUNK);
        let rows: Vec<(u32, usize, usize)> = numbers
            .map(|number| (number, below(dids.len()), below(dids.len())))
            .collect();
        let sealer = Sealer::for_service(&world.keyring, "connections");
        let dids = dids.clone();
        let written: Result<(), StoreError> = world
            .db
            .write(move |conn| {
                let row = |(number, from, to): &(u32, usize, usize)| TieRow {
                    statement: StatementId::from_bytes(u128::from(*number).to_be_bytes()),
                    kind: if number % 2 == 0 { "connection" } else { "vouch" }.to_owned(),
                    from_did: dids[*from].clone(),
                    to_did: dids[*to].clone(),
                    number: i64::from(number % 2),
                    expires_at: (number % 5 == 0).then(|| Timestamp::from_seconds(2_000_000_000)),
                    row_seal: Vec::new(),
                };
                TieRow::insert_all(rows.iter().map(row).collect(), conn, &sealer)?;
                Ok(())
            })
            .await;
        written.unwrap();
    }
}
