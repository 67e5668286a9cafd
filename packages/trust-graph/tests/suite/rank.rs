#![expect(clippy::float_arithmetic, reason = "ranks are estimates, and compared as such")]

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_kernel::Span;
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
fn a_layout_holds_until_something_changes_or_ends() {
    let (ends, at) = (now().as_seconds() + 100, |seconds: i64| {
        now().plus(Span::seconds(seconds))
    });
    let edges = [
        edge(0, 1, Tie::Connection, None, 0),
        edge(0, 2, Tie::Vouch(Weight::FULL), Some(ends), 1),
        edge(0, 3, Tie::Vouch(Weight::FULL), Some(ends + 100), 2),
    ];
    let mut graph = Graph::from_edges(edges).unwrap();
    let index = graph.rank_index(at(0), RankOptions::default());
    let version = graph.version();
    assert!(index.holds(version, at(0)) && index.holds(version, at(99)));
    assert!(!index.holds(version, at(100)), "a vouch has ended");
    assert!(
        !index.holds(version, at(-1)),
        "what had ended then may not have ended before"
    );
    let later = graph.rank_index(at(100), RankOptions::default());
    assert!(later.holds(version, at(199)) && !later.holds(version, at(200)));
    assert!(
        graph
            .rank_index(at(200), RankOptions::default())
            .holds(version, at(1_000_000))
    );
    graph.put(&edge(1, 2, Tie::Connection, None, 3)).unwrap();
    assert!(!index.holds(graph.version(), at(0)), "a tie has come");
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

/// Trust and distrust by a walk that is taken step by step, over a table of everybody and everybody.
fn walked(people: usize, ties: &BTreeMap<(u32, u32, u8), u32>) -> (Vec<f64>, Vec<f64>) {
    let mut worth = vec![vec![0.0; people]; people];
    for ((from, to, kind), number) in ties {
        let (from, to) = (usize::try_from(*from).unwrap(), usize::try_from(*to).unwrap());
        match kind {
            0 => {
                worth[from][to] += 1e6;
                worth[to][from] += 1e6;
            }
            1 => worth[from][to] += f64::from(*number),
            _ => {}
        }
    }
    let mut trust = vec![0.0; people];
    trust[0] = 1.0;
    for _step in 0..500 {
        let mut next = vec![0.0; people];
        next[0] = 0.15;
        for (from, row) in worth.iter().enumerate() {
            let all: f64 = row.iter().sum();
            if all == 0.0 {
                next[0] += 0.85 * trust[from];
                continue;
            }
            for (to, part) in row.iter().enumerate() {
                next[to] += 0.85 * trust[from] * part / all;
            }
        }
        trust = next;
    }
    let mut distrust = vec![0.0; people];
    for ((from, to, kind), number) in ties {
        if *kind == 2 {
            let badness = [0.25, 0.5, 1.0][usize::try_from(*number).unwrap() % 3];
            distrust[usize::try_from(*to).unwrap()] += trust[usize::try_from(*from).unwrap()] * badness;
        }
    }
    (trust, distrust)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn trust_and_distrust_are_those_of_a_walk_step_by_step(
        drawn in prop::collection::vec((0..12_u32, 0..12_u32, 0..3_u8, 1..1_000_000_u32), 0..60),
    ) {
        // Who is connected is so both ways, and once.
        let ties: BTreeMap<(u32, u32, u8), u32> = drawn
            .into_iter()
            .filter(|(from, to, _, _)| from != to)
            .map(|(from, to, kind, number)| match kind {
                0 => ((from.min(to), from.max(to), kind), number),
                _ => ((from, to, kind), number),
            })
            .collect();
        let edges = ties.iter().zip(0..).map(|(((from, to, kind), number), statement)| {
            let tie = match kind {
                0 => Tie::Connection,
                1 => Tie::Vouch(Weight::from_millionths(*number).unwrap()),
                _ => {
                    let levels = [Severity::Yellow, Severity::Amber, Severity::Red];
                    Tie::Flag(levels[usize::try_from(*number).unwrap() % 3])
                }
            };
            edge(*from, *to, tie, None, statement)
        });
        let graph = Graph::from_edges(edges).unwrap();
        let opinions = graph.rank_index(now(), RankOptions::default()).rank(&person(0), usize::MAX);
        let (trust, distrust) = walked(12, &ties);
        for number in 0..12_u32 {
            let place = usize::try_from(number).unwrap();
            let found = opinions.iter().find(|opinion| opinion.did == person(number));
            let found = found.map_or((0.0, 0.0), |opinion| (opinion.trust, opinion.distrust));
            // Nobody is known who has no tie.
            if graph.knows(&person(0)) {
                prop_assert!((found.0 - trust[place]).abs() < 1e-6, "{number}: {found:?}, {}", trust[place]);
                prop_assert!((found.1 - distrust[place]).abs() < 1e-6, "{number}: {found:?}, {}", distrust[place]);
            }
        }
    }

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
