use imajin_did::Did;
use imajin_trust_graph::{Explanation, Graph, Near, Path, Rule, Severity, Standing, Tie, Weight, WhyNot};
use proptest::prelude::*;

use crate::model::{Change, Model, edge, histories, now, person, rules};

const PEOPLE: u32 = 9;

fn graph_of(changes: &[Change]) -> (Graph, Model) {
    let (mut graph, mut model) = (Graph::new(), Model::default());
    for change in changes {
        model.apply(change);
        match change {
            Change::Put(edge) => graph.put(edge).unwrap(),
            Change::Remove(from, to, tie) => {
                graph.remove(from, to, *tie);
            }
        }
    }
    (graph, model)
}

fn assert_proves(path: &Path, model: &Model, from: &Did, to: &Did, rule: &Rule) {
    let mut at = from.clone();
    for step in &path.steps {
        assert_eq!(step.from, at);
        assert!(model.holds(&step.edge), "{step:?} is what was signed");
        let mut only = Model::default();
        only.apply(&Change::Put(step.edge.clone()));
        assert!(only.trusts(&step.from, &step.to, rule), "{step:?} is a step by itself");
        at = step.to.clone();
    }
    assert_eq!(at, *to);
}

proptest! {
    #[test]
    fn every_answer_is_the_obvious_one(changes in histories(PEOPLE), rule in rules()) {
        let (graph, model) = graph_of(&changes);
        let people: Vec<Did> = (0..PEOPLE).map(person).collect();
        prop_assert_eq!(graph.len(), model.len());
        for from in &people {
            let distances = model.distances(from, &people, &rule);
            let mut near: Vec<Near> = distances
                .iter()
                .filter(|(_, hops)| **hops > 0)
                .map(|(did, hops)| Near { did: did.clone(), hops: *hops })
                .collect();
            near.sort_by_key(|near| near.hops);
            prop_assert_eq!(graph.within(from, &rule, usize::MAX), near.clone());
            prop_assert_eq!(graph.within(from, &rule, 2), &near[..near.len().min(2)]);
            for to in &people {
                let hops = distances.get(to).copied();
                prop_assert_eq!(graph.check(from, to, &rule), hops);
                let path = graph.path(from, to, &rule);
                prop_assert_eq!(path.as_ref().map(|path| path.steps.len()), hops.map(usize::from));
                if let Some(path) = path {
                    assert_proves(&path, &model, from, to, &rule);
                }
            }
        }
    }

    #[test]
    fn those_whom_both_know_are_the_obvious_ones(changes in histories(PEOPLE), rule in rules()) {
        let (graph, model) = graph_of(&changes);
        let mut people: Vec<Did> = (0..PEOPLE).map(person).collect();
        people.sort();
        for (one, other) in people.iter().flat_map(|one| people.iter().map(move |other| (one, other))) {
            let both: Vec<Did> = people
                .iter()
                .filter(|peer| model.trusts(one, peer, &rule) && model.trusts(other, peer, &rule))
                .cloned()
                .collect();
            prop_assert_eq!(graph.mutual(one, other, &rule), both);
        }
    }

    #[test]
    fn standing_is_counted(changes in histories(PEOPLE)) {
        let (graph, model) = graph_of(&changes);
        for did in (0..PEOPLE).map(person) {
            let mut expected = Standing::default();
            for edge in model.current(now()) {
                let (is_from, is_to) = (edge.from == did, edge.to == did);
                match edge.tie {
                    Tie::Connection if is_from || is_to => expected.connections += 1,
                    Tie::Vouch(_) if is_from => expected.vouching += 1,
                    Tie::Vouch(weight) if is_to => {
                        expected.vouches += 1;
                        expected.vouched_millionths += u64::from(weight.millionths());
                    }
                    Tie::Flag(Severity::Yellow) if is_to => expected.yellow += 1,
                    Tie::Flag(Severity::Amber) if is_to => expected.amber += 1,
                    Tie::Flag(Severity::Red) if is_to => expected.red += 1,
                    _ => {}
                }
            }
            prop_assert_eq!(graph.standing(&did, now()), expected);
            prop_assert_eq!(graph.connections(&did, now()), usize::try_from(expected.connections).unwrap());
        }
    }

    #[test]
    fn a_rebuilt_graph_gives_the_same_answers(changes in histories(PEOPLE), rule in rules()) {
        let (graph, model) = graph_of(&changes);
        let mut edges: Vec<_> = model.current(imajin_kernel::Timestamp::from_seconds(0)).cloned().collect();
        edges.reverse();
        let rebuilt = Graph::from_edges(edges).unwrap();
        prop_assert_eq!(rebuilt.len(), graph.len());
        for (from, to) in (0..PEOPLE).flat_map(|from| (0..PEOPLE).map(move |to| (person(from), person(to)))) {
            prop_assert_eq!(rebuilt.check(&from, &to, &rule), graph.check(&from, &to, &rule));
        }
    }

    #[test]
    fn every_refusal_has_a_reason_that_is_true(changes in histories(PEOPLE), rule in rules()) {
        let (graph, model) = graph_of(&changes);
        for (from, to) in (0..PEOPLE).flat_map(|from| (0..PEOPLE).map(move |to| (person(from), person(to)))) {
            match graph.explain(&from, &to, &rule) {
                Explanation::Near { path, .. } => assert_proves(&path, &model, &from, &to, &rule),
                Explanation::Not(why) => {
                    prop_assert_eq!(graph.check(&from, &to, &rule), None);
                    match why {
                        WhyNot::Unknown(did) => prop_assert!(!graph.knows(&did)),
                        WhyNot::Flagged(_) => prop_assert!(model.flagged_red(&from, &to, rule.now)),
                        WhyNot::Far { hops } => prop_assert!(hops > rule.hops),
                        WhyNot::Lapsed(edges) => {
                            prop_assert!(!edges.is_empty());
                            prop_assert!(edges.iter().all(|edge| edge.until.unwrap() <= rule.now));
                        }
                        WhyNot::Weak(edges) => prop_assert!(!edges.is_empty()),
                        WhyNot::Apart => {}
                    }
                }
            }
        }
    }
}

#[test]
fn a_chain_is_as_long_as_it_is() {
    let chain = (0..8).map(|number| edge(number, number + 1, Tie::Connection, None, 0));
    let graph = Graph::from_edges(chain).unwrap();
    for hops in 1..=6_u8 {
        let rule = Rule::hops(hops, now());
        assert_eq!(graph.check(&person(0), &person(u32::from(hops)), &rule), Some(hops));
        assert_eq!(graph.check(&person(0), &person(u32::from(hops) + 1), &rule), None);
        assert_eq!(graph.check(&person(u32::from(hops)), &person(0), &rule), Some(hops));
    }
}

#[test]
fn a_vouch_goes_one_way() {
    let graph = Graph::from_edges([edge(0, 1, Tie::Vouch(Weight::FULL), None, 0)]).unwrap();
    assert_eq!(graph.check(&person(0), &person(1), &Rule::hops(3, now())), Some(1));
    assert_eq!(graph.check(&person(1), &person(0), &Rule::hops(3, now())), None);
}

#[test]
fn a_red_flag_bars_the_way_for_the_one_who_raised_it() {
    let edges = [
        edge(0, 1, Tie::Connection, None, 0),
        edge(1, 2, Tie::Connection, None, 1),
        edge(0, 1, Tie::Flag(Severity::Red), None, 2),
    ];
    let graph = Graph::from_edges(edges).unwrap();
    let rule = Rule::hops(3, now());
    assert_eq!(graph.check(&person(0), &person(1), &rule), None);
    assert_eq!(graph.check(&person(0), &person(2), &rule), None);
    assert_eq!(
        graph.check(&person(2), &person(0), &rule),
        Some(2),
        "others decide for themselves"
    );
    let Explanation::Not(WhyNot::Flagged(flag)) = graph.explain(&person(0), &person(1), &rule) else {
        panic!("the flag is the reason");
    };
    assert_eq!(flag.tie, Tie::Flag(Severity::Red));
}

#[test]
fn what_has_ended_is_named() {
    let graph = Graph::from_edges([edge(0, 1, Tie::Connection, Some(999), 7)]).unwrap();
    let Explanation::Not(WhyNot::Lapsed(edges)) = graph.explain(&person(0), &person(1), &Rule::hops(1, now())) else {
        panic!("the end is the reason");
    };
    assert_eq!(edges, [edge(0, 1, Tie::Connection, Some(999), 7)]);
}
