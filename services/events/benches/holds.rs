//! Durable ticket holds per second, in process, on SQLite and on Postgres: `cargo bench -p imajin-events`.
//!
//! Inside a hold: the RFC 9421 signature of the buyer is verified; then, in one transaction that is on the disk before
//! the answer, the nonce is spent, the request is logged in the hash chain, the tier's counters move and the order is
//! written, each row sealed. A checkout also asks a payment service in memory, which asks for the quote, and writes
//! down the checkout: a second durable transaction. There is no HTTP in it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a benchmark stops at the first surprise and prints what it measured"
)]

#[path = "../tests/suite/fakes.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod fakes;
#[path = "../tests/suite/world.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod world;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use imajin_did::SecretKey;
use imajin_events_api::{EventView, EventsApi};
use imajin_kernel::Code;
use imajin_proof::http_sig::SignedRequest;
use imajin_testkit::Backend;

use crate::world::World;

const CALLERS: usize = 64;
const REQUESTS: usize = 6_400;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    println!("{CALLERS} callers, {REQUESTS} signed requests, one tier:");
    for backend in Backend::ALL {
        runtime.block_on(measure(backend));
    }
}

async fn measure(backend: Backend) {
    let world = World::new(backend).await;
    let event = world.event(None).await;
    world.pay.away.store(true, Ordering::SeqCst);
    run(&world, &event, backend, "hold", 0).await;
    world.pay.away.store(false, Ordering::SeqCst);
    run(&world, &event, backend, "checkout", 1).await;
}

async fn run(world: &World, event: &EventView, backend: Backend, what: &str, salt: u8) {
    let body = serde_json::to_vec(&World::wish(event, 1)).unwrap();
    let requests: Vec<SignedRequest> = (0..REQUESTS)
        .map(|nth| {
            let seed = imajin_proof::digest::sha256(format!("{salt} {nth}").as_bytes());
            world.sign(&SecretKey::from_seed(seed), "/events/api/checkout", None, &body)
        })
        .collect();
    let started = Instant::now();
    let callers = requests.chunks(REQUESTS / CALLERS).map(|chunk| call(world, chunk));
    let mut times: Vec<Duration> = futures::future::join_all(callers).await.into_iter().flatten().collect();
    let elapsed = started.elapsed();
    times.sort();
    let per_second = u128::try_from(REQUESTS).unwrap() * 1_000_000 / elapsed.as_micros();
    let (p50, p99) = (times[REQUESTS / 2], times[REQUESTS * 99 / 100]);
    println!("{backend:>8}  {what:<8}  {per_second:>6}/s  p50 {p50:>8.1?}  p99 {p99:>8.1?}");
}

async fn call(world: &World, requests: &[SignedRequest]) -> Vec<Duration> {
    let mut times = Vec::with_capacity(requests.len());
    for request in requests {
        let started = Instant::now();
        match world.events.checkout(request.clone()).await {
            Ok(_order) => {}
            // Pay is away on purpose: the hold is durable, and nothing came after it.
            Err(problem) if problem.code == Code::Unavailable && problem.extra.contains_key("orderId") => {}
            Err(problem) => panic!("refused: {problem:?}"),
        }
        times.push(started.elapsed());
    }
    times
}
