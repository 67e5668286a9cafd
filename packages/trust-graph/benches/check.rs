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

mod graph;

use std::hint::black_box;
use std::time::{Duration, Instant};

use imajin_trust_graph::{Graph, RankOptions, Rule};

use graph::{Random, edges, now, people};

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

    let (people, edges) = (&people[..50_000], graph::edges(&people[..50_000], 600_000));
    let graph = Graph::from_edges(edges).unwrap();
    println!("{} ties, {} people", graph.len(), graph.people());
    let times = timed(20, || {
        black_box(graph.rank_index(now(), RankOptions::default()));
    });
    report("laid out for ranking, once after a change", &times);
    let index = graph.rank_index(now(), RankOptions::default());
    let times = timed(20, || {
        black_box(index.rank(&people[random.below(people.len())], 100));
    });
    report("a rank", &times);
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
