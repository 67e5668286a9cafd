//! A million ties among a hundred thousand people: how long a check takes, how much memory a tie, how long building and
//! ranking: `cargo bench -p imajin-trust-graph`.
//!
//! Half of the ties join two people at random, half prefer those who have many already, as real ones do: the busiest
//! have some thousands. Half are connections, half vouches, a fifth has an end.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::integer_division,
    reason = "a benchmark stops at the first surprise and prints what it measured"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use imajin_did::{Did, SecretKey};
use imajin_kernel::Timestamp;
use imajin_trust_graph::{Edge, Graph, RankOptions, Rule, StatementId, Tie, Weight};

const CHECKS: usize = 100_000;

fn main() {
    let people = people(100_000);
    let edges = edges(&people, 1_000_000);
    let started = Instant::now();
    let mut graph = Graph::from_edges(edges.iter().cloned()).unwrap();
    println!(
        "{} ties, {} people, built in {:.2?}",
        graph.len(),
        graph.people(),
        started.elapsed()
    );
    println!("{} bytes a tie", graph.bytes() / graph.len());
    let mut random = Random(7);
    for hops in [1, 2, 3] {
        let rule = Rule::hops(hops, now());
        let mut found = 0_usize;
        let times = timed(CHECKS, || {
            let (from, to) = (&people[random.below(people.len())], &people[random.below(people.len())]);
            found += usize::from(graph.check(from, to, &rule).is_some());
        });
        report(
            &format!("check within {hops}, {} in 100 found", found * 100 / CHECKS),
            &times,
        );
    }
    let times = timed(100_000, || graph.put(&edges[random.below(edges.len())]).unwrap());
    report("a write", &times);

    let (people, edges) = (&people[..50_000], self::edges(&people[..50_000], 600_000));
    let graph = Graph::from_edges(edges).unwrap();
    let started = Instant::now();
    let index = graph.rank_index(now(), RankOptions::default());
    println!(
        "{} ties, {} people, laid out for ranking in {:.2?}",
        graph.len(),
        graph.people(),
        started.elapsed()
    );
    let times = timed(20, || {
        black_box(index.rank(&people[random.below(people.len())], 100));
    });
    report("a rank", &times);
}

fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

fn people(count: u32) -> Vec<Did> {
    let did = |number: u32| {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        SecretKey::from_seed(seed).did()
    };
    (0..count).map(did).collect()
}

fn edges(people: &[Did], count: usize) -> Vec<Edge> {
    let mut random = Random(1);
    let mut ends: Vec<usize> = Vec::with_capacity(count * 2);
    let mut edges = Vec::with_capacity(count);
    for number in 0..count {
        let from = random.below(people.len());
        let to = match ends.len() {
            busy if number % 2 == 0 && busy > 0 => ends[random.below(busy)],
            _ => random.below(people.len()),
        };
        ends.extend([from, to]);
        edges.push(Edge {
            from: people[from].clone(),
            to: people[to].clone(),
            tie: if random.below(2) == 0 {
                Tie::Connection
            } else {
                Tie::Vouch(Weight::FULL)
            },
            until: (number % 5 == 0).then(|| Timestamp::from_seconds(1_900_000_000)),
            statement: StatementId(u128::try_from(number).unwrap().to_be_bytes()),
        });
    }
    edges
}

fn timed(count: usize, mut work: impl FnMut()) -> Vec<Duration> {
    let one = |_| {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    let mut times: Vec<Duration> = (0..count).map(one).collect();
    times.sort_unstable();
    times
}

fn report(what: &str, times: &[Duration]) {
    let (p50, p99) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what}: p50 {p50:.1?}, p99 {p99:.1?}");
}

/// Knuth's linear congruential generator: the same graph every time.
struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}
