//! The graph that the benchmarks measure: half of the ties join two people at random, half prefer those who have many
//! already.

use imajin_did::{Did, SecretKey};
use imajin_kernel::Timestamp;
use imajin_trust_graph::{Edge, StatementId, Tie, Weight};

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(1_800_000_000)
}

pub(crate) fn people(count: u32) -> Vec<Did> {
    let did = |number: u32| {
        let mut seed = [7; 32];
        seed[..4].copy_from_slice(&number.to_be_bytes());
        SecretKey::from_seed(seed).did()
    };
    (0..count).map(did).collect()
}

pub(crate) fn edges(people: &[Did], count: usize) -> Vec<Edge> {
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

/// Knuth's linear congruential generator: the same graph every time.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}
