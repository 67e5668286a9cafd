#![expect(clippy::float_arithmetic, reason = "ranks are estimates, and compared as such")]

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_trust_graph::{Edge, Graph, RankOptions, Severity, Tie, Weight};
use proptest::prelude::*;
use serde::Deserialize;

use crate::model::{edge, now, person};

#[derive(Deserialize)]
struct Vector {
    people: u32,
    ties: Vec<(u32, u32, u32)>,
    ranks: Vec<f64>,
}

fn tie_of(millionths: u32) -> Tie {
    Weight::from_millionths(millionths).map_or(Tie::Connection, Tie::Vouch)
}

fn trust_of(graph: &Graph, from: u32) -> BTreeMap<Did, f64> {
    let index = graph.rank_index(now(), RankOptions::default());
    let opinions = index.rank(&person(from), usize::MAX);
    opinions
        .into_iter()
        .map(|opinion| (opinion.did, opinion.trust))
        .collect()
}

#[test]
fn ranks_are_those_of_networkx() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../vectors/rank.json")).unwrap();
    assert_eq!(vectors.len(), 16);
    for vector in vectors {
        let edges = vector
            .ties
            .iter()
            .map(|(from, to, weight)| edge(*from, *to, tie_of(*weight), None, 0));
        let trust = trust_of(&Graph::from_edges(edges).unwrap(), 0);
        for (number, expected) in (0..vector.people).zip(vector.ranks) {
            let rank = trust.get(&person(number)).copied().unwrap_or(0.0);
            assert!(
                (rank - expected).abs() < 1e-6,
                "person {number}: {rank}, and networkx says {expected}"
            );
        }
    }
}

#[test]
fn a_flag_counts_as_much_as_whoever_raised_it() {
    let edges = [
        edge(0, 1, Tie::Connection, None, 0),
        edge(0, 2, Tie::Connection, None, 0),
        edge(1, 3, Tie::Connection, None, 0),
        edge(2, 3, Tie::Flag(Severity::Red), None, 0),
        edge(9, 1, Tie::Flag(Severity::Red), None, 0),
    ];
    let graph = Graph::from_edges(edges).unwrap();
    let index = graph.rank_index(now(), RankOptions::default());
    let opinions = index.rank(&person(0), usize::MAX);
    let of = |number: u32| opinions.iter().find(|opinion| opinion.did == person(number)).unwrap();
    assert!((of(3).distrust - of(2).trust).abs() < 1e-12, "a friend's word counts");
    assert!(of(3).net() < of(3).trust);
    assert!(of(1).distrust.abs() < 1e-12, "a stranger's does not");
    assert_eq!(opinions[0].did, person(0));
}

#[test]
fn nobody_knows_a_stranger() {
    let graph = Graph::from_edges([edge(0, 1, Tie::Connection, None, 0)]).unwrap();
    assert_eq!(graph.rank_index(now(), RankOptions::default()).rank(&person(5), 10), []);
}

/// The trust that ten thousand false identities gain together, when `attacks` honest people connect with one of them.
fn farmed(honest: &[(u32, u32)], attacks: &[u32], farm: u32) -> (f64, f64) {
    const FARM: u32 = 1_000;
    let mut edges: Vec<Edge> = honest
        .iter()
        .map(|(from, to)| edge(*from, *to, Tie::Connection, None, 0))
        .collect();
    // Each false identity vouches for the next two and all of them for the first: what a farmer would do.
    for number in 0..farm {
        let one = FARM + number;
        for other in [FARM, FARM + (number + 1) % farm, FARM + (number + 7) % farm] {
            edges.push(edge(one, other, Tie::Connection, None, 0));
            edges.push(edge(one, other, Tie::Vouch(Weight::FULL), None, 0));
        }
    }
    edges.extend(
        attacks
            .iter()
            .zip(0..)
            .map(|(by, number)| edge(*by, FARM + number % farm, Tie::Connection, None, 0)),
    );
    let graph = Graph::from_edges(edges.clone()).unwrap();
    let trust = trust_of(&graph, 0);
    let gained: f64 = (0..farm).filter_map(|number| trust.get(&person(FARM + number))).sum();
    let given = |by: u32| {
        let by = person(by);
        edges.iter().filter(|edge| edge.from == by || edge.to == by).count()
    };
    let carried: f64 = attacks
        .iter()
        .map(|by| trust.get(&person(*by)).copied().unwrap_or(0.0) / f64::from(u32::try_from(given(*by)).unwrap()))
        .sum();
    (gained, 0.85 / 0.15 * carried)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_farm_gains_no_more_than_its_real_edges_carry(
        honest in prop::collection::vec((0..40_u32, 0..40_u32), 60..200),
        attacks in prop::collection::btree_set(0..40_u32, 1..5),
        farm in 8..300_u32,
    ) {
        let mut honest: Vec<_> = honest.into_iter().map(|(one, other)| (one.min(other), one.max(other))).collect();
        honest.sort_unstable();
        honest.dedup();
        honest.retain(|(one, other)| one != other);
        let attacks: Vec<u32> = attacks.into_iter().collect();
        let (gained, bound) = farmed(&honest, &attacks, farm);
        prop_assert!(gained <= bound + 1e-6, "{gained} gained, {bound} allowed");
    }
}

#[test]
fn ten_thousand_false_identities_gain_no_more() {
    let honest: Vec<(u32, u32)> = (0..200)
        .flat_map(|one| [(one, (one + 1) % 200), (one, (one + 37) % 200)])
        .collect();
    let (gained, bound) = farmed(&honest, &[50, 120, 190], 10_000);
    assert!(gained > 0.0 && gained <= bound, "{gained} gained, {bound} allowed");
}
