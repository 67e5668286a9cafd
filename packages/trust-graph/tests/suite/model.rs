//! The same questions, answered by looking at every tie every time.

use std::collections::{BTreeMap, BTreeSet};

use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_trust_graph::{Edge, Rule, Severity, StatementId, Tie, Weight};
use proptest::prelude::*;

/// The person with a number.
pub(crate) fn person(number: u32) -> Did {
    Did::from_web_authority(&format!("p{number}.example")).unwrap()
}

/// The moment at which the tests ask.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(1_000)
}

/// A tie, with a statement of its own number.
pub(crate) fn edge(from: u32, to: u32, tie: Tie, until: Option<i64>, statement: u16) -> Edge {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&statement.to_be_bytes());
    Edge {
        from: person(from),
        to: person(to),
        tie,
        until: until.map(Timestamp::from_seconds),
        statement: StatementId(bytes),
    }
}

/// What happens to a graph.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Put(Edge),
    Remove(Did, Did, Tie),
}

fn ties() -> impl Strategy<Value = Tie> {
    prop_oneof![
        4 => Just(Tie::Connection),
        4 => (1..=1_000_000_u32).prop_map(|millionths| Tie::Vouch(Weight::from_millionths(millionths).unwrap())),
        1 => prop_oneof![Just(Severity::Yellow), Just(Severity::Amber), Just(Severity::Red)].prop_map(Tie::Flag),
        2 => Just(Tie::CoPresence),
    ]
}

/// Histories of a few people.
pub(crate) fn histories(people: u32) -> impl Strategy<Value = Vec<Change>> {
    let change = (
        0..people,
        0..people,
        ties(),
        prop::option::weighted(0.3, 900..1_100_i64),
        any::<u16>(),
        0..5,
    )
        .prop_map(|(from, to, tie, until, statement, what)| match what {
            0 => Change::Remove(person(from), person(to), tie),
            _ => Change::Put(edge(from, to, tie, until, statement)),
        });
    prop::collection::vec(change, 0..120)
}

/// All rules.
pub(crate) fn rules() -> impl Strategy<Value = Rule> {
    let least =
        prop::option::of((1..=1_000_000_u32).prop_map(|millionths| Weight::from_millionths(millionths).unwrap()));
    (1..=6_u8, least, any::<bool>()).prop_map(|(hops, vouches, co_presence)| Rule {
        hops,
        vouches,
        co_presence,
        now: now(),
    })
}

type Name = (Did, Did, u8);

/// A list of ties.
#[derive(Debug, Default)]
pub(crate) struct Model(BTreeMap<Name, Edge>);

fn name(from: &Did, to: &Did, tie: Tie) -> Name {
    let kind = match tie {
        Tie::Connection => 0,
        Tie::Vouch(_) => 1,
        Tie::Flag(_) => 2,
        Tie::CoPresence => 3,
    };
    if tie.is_mutual() && to < from {
        (to.clone(), from.clone(), kind)
    } else {
        (from.clone(), to.clone(), kind)
    }
}

impl Model {
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Put(edge) if edge.from == edge.to => {}
            Change::Put(edge) => {
                self.0.insert(name(&edge.from, &edge.to, edge.tie), edge.clone());
            }
            Change::Remove(from, to, tie) => {
                self.0.remove(&name(from, to, *tie));
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn current(&self, now: Timestamp) -> impl Iterator<Item = &Edge> {
        self.0
            .values()
            .filter(move |edge| edge.until.is_none_or(|until| until > now))
    }

    pub(crate) fn holds(&self, edge: &Edge) -> bool {
        let known = self.0.get(&name(&edge.from, &edge.to, edge.tie));
        known.is_some_and(|known| {
            known.statement == edge.statement && known.tie == edge.tie && known.until == edge.until
        })
    }

    /// Whether one trusts another directly.
    pub(crate) fn trusts(&self, from: &Did, to: &Did, rule: &Rule) -> bool {
        self.current(rule.now).any(|edge| {
            let along = edge.from == *from && edge.to == *to;
            let either = along || edge.from == *to && edge.to == *from;
            match edge.tie {
                Tie::Connection => either,
                Tie::CoPresence => either && rule.co_presence,
                Tie::Vouch(weight) => along && rule.vouches.is_some_and(|least| weight >= least),
                Tie::Flag(_) => false,
            }
        })
    }

    pub(crate) fn flagged_red(&self, from: &Did, to: &Did, now: Timestamp) -> bool {
        self.current(now)
            .any(|edge| edge.tie == Tie::Flag(Severity::Red) && edge.from == *from && edge.to == *to)
    }

    /// How far everybody is.
    pub(crate) fn distances(&self, from: &Did, people: &[Did], rule: &Rule) -> BTreeMap<Did, u8> {
        let mut found = BTreeMap::from([(from.clone(), 0)]);
        for hops in 1..=rule.hops {
            let known: BTreeSet<Did> = found.keys().cloned().collect();
            for next in people {
                if !known.contains(next)
                    && !self.flagged_red(from, next, rule.now)
                    && known.iter().any(|one| self.trusts(one, next, rule))
                {
                    found.insert(next.clone(), hops);
                }
            }
        }
        found
    }
}
