use imajin_trust_graph::{Graph, Rule, Tie, Weight};

use crate::model::{edge, now, person};

fn half() -> Tie {
    Tie::Vouch(Weight::from_millionths(500_000).unwrap())
}

#[test]
fn a_later_tie_takes_the_earlier_ones_place() {
    let mut graph = Graph::new();
    graph.put(&edge(0, 1, half(), None, 1)).unwrap();
    graph.put(&edge(0, 1, Tie::Vouch(Weight::FULL), None, 2)).unwrap();
    graph.put(&edge(1, 0, Tie::Connection, None, 3)).unwrap();
    graph.put(&edge(0, 1, Tie::Connection, None, 4)).unwrap();
    assert_eq!(graph.len(), 2);
    let rule = Rule {
        vouches: Some(Weight::FULL),
        ..Rule::hops(1, now())
    };
    let path = graph.path(&person(0), &person(1), &rule).unwrap();
    assert!(path.steps[0].edge.statement.0[1] >= 2);
    assert!(graph.remove(&person(1), &person(0), Tie::Connection), "from either end");
    assert!(graph.remove(&person(0), &person(1), half()), "whatever its weight");
    assert!(graph.is_empty());
    assert_eq!(graph.check(&person(0), &person(1), &rule), None);
}

#[test]
fn every_change_and_no_other_raises_the_version() {
    let mut graph = Graph::new();
    graph.put(&edge(0, 1, Tie::Connection, None, 1)).unwrap();
    assert_eq!(graph.version(), 1);
    graph.put(&edge(0, 0, Tie::Connection, None, 1)).unwrap();
    assert!(!graph.remove(&person(0), &person(2), Tie::Connection));
    assert!(!graph.remove(&person(0), &person(1), half()));
    assert_eq!(graph.version(), 1);
    assert!(graph.remove(&person(0), &person(1), Tie::Connection));
    assert_eq!(graph.version(), 2);
}

#[test]
fn removed_places_are_used_again() {
    let mut graph = Graph::new();
    for round in 0..100 {
        graph.put(&edge(0, 1, Tie::Connection, None, round)).unwrap();
        graph.put(&edge(1, 2, half(), None, round)).unwrap();
        assert!(graph.remove(&person(0), &person(1), Tie::Connection));
        assert!(graph.remove(&person(1), &person(2), half()));
    }
    graph.put(&edge(0, 1, Tie::Connection, None, 0)).unwrap();
    graph.put(&edge(1, 2, half(), None, 0)).unwrap();
    graph.compact();
    let mut fresh = Graph::from_edges([edge(0, 1, Tie::Connection, None, 0), edge(1, 2, half(), None, 0)]).unwrap();
    fresh.compact();
    assert_eq!(graph.bytes(), fresh.bytes());
}

#[test]
fn what_proves_a_tie_can_be_asked_for() {
    let mut graph = Graph::new();
    graph.put(&edge(1, 2, Tie::Vouch(Weight::FULL), None, 7)).unwrap();
    graph.put(&edge(1, 2, Tie::Connection, None, 8)).unwrap();
    let between = |from: u32, to: u32, tie| graph.tie_between(&person(from), &person(to), tie);
    assert_eq!(
        between(1, 2, Tie::Vouch(Weight::LEAST)),
        Some(edge(1, 2, Tie::CoPresence, None, 7).statement)
    );
    assert_eq!(between(2, 1, Tie::Vouch(Weight::LEAST)), None, "it has a direction");
    assert_eq!(between(2, 1, Tie::Connection), between(1, 2, Tie::Connection));
    assert_eq!(between(1, 3, Tie::Connection), None);
}
