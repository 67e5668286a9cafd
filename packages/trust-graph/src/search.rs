//! The shortest way from one to another, from both ends at once.

use imajin_did::Did;
use imajin_kernel::Timestamp;

use crate::edge::{Arc, Heading, Kind};
use crate::scratch::{Came, Scratch, Seen};
use crate::{Edge, Graph, Severity, Tie, Weight};

/// The most steps that a search goes.
pub const HOPS_MAX: u8 = 6;

/// What a search may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// How many steps, 1 to [`HOPS_MAX`]; more are as many.
    pub hops: u8,
    /// The least that a vouch must be worth to be a step; `None` when no vouch is.
    pub vouches: Option<Weight>,
    /// Whether to have been at the same event is a step.
    pub co_presence: bool,
    /// The moment: ties that have ended are none.
    pub now: Timestamp,
}

impl Rule {
    /// Connections and vouches of any weight.
    pub const fn hops(hops: u8, now: Timestamp) -> Self {
        Self {
            hops,
            vouches: Some(Weight::LEAST),
            co_presence: false,
            now,
        }
    }
}

/// A step of a path: a tie, and in which direction it is walked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Who trusts.
    pub from: Did,
    /// Whom.
    pub to: Did,
    /// The tie, as it was signed: for a mutual one its ends may be the other way round.
    pub edge: Edge,
}

/// A shortest path, from the one who trusts to the one who is trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// One step for each hop; none from somebody to themselves.
    pub steps: Vec<Step>,
}

impl Graph {
    /// How many steps it is from the one who trusts to another, at most as many as the rule allows. Nobody whom `from`
    /// has flagged red is on the way or at its end. Somebody unknown is nowhere but with themselves.
    pub fn check(&self, from: &Did, to: &Did, rule: &Rule) -> Option<u8> {
        if from == to {
            return Some(0);
        }
        let (from, to) = self.people.number(from).zip(self.people.number(to))?;
        self.scratch_borrow(|scratch| self.meet(from, to, rule, scratch))
            .map(|met| met.hops)
    }

    /// A shortest path, with the ties that prove it.
    pub fn path(&self, from: &Did, to: &Did, rule: &Rule) -> Option<Path> {
        if from == to {
            return Some(Path { steps: Vec::new() });
        }
        let (from, to) = self.people.number(from).zip(self.people.number(to))?;
        self.scratch_borrow(|scratch| {
            let met = self.meet(from, to, rule, scratch)?;
            self.path_of(&met, scratch)
        })
    }

    /// Whether somebody has flagged another red.
    pub fn is_flagged(&self, from: &Did, to: &Did, now: Timestamp) -> bool {
        let both = self.people.number(from).zip(self.people.number(to));
        both.is_some_and(|(from, to)| {
            let mut arcs = self.arcs(from).iter();
            arcs.any(|arc| arc.peer == to && self.is_red(*arc, now))
        })
    }

    /// Whether an arc is a step under the rule, walked away from the person that has it (`ahead`) or towards them.
    pub(crate) fn is_step(&self, arc: Arc, rule: &Rule, ahead: bool) -> bool {
        let against = if ahead { Heading::In } else { Heading::Out };
        if arc.heading() == against {
            return false;
        }
        match arc.kind() {
            Kind::Flag => false,
            Kind::Connection => self.is_current(arc, rule.now),
            Kind::CoPresence => rule.co_presence && self.is_current(arc, rule.now),
            Kind::Vouch => {
                let (Some(least), Some(slot)) = (rule.vouches, self.slot(arc)) else {
                    return false;
                };
                slot.number >= least.millionths() && !slot.is_over(rule.now)
            }
        }
    }

    /// Bars everybody whom a person has flagged red.
    pub(crate) fn bar_flagged(&self, person: u32, now: Timestamp, barred: &mut Seen) {
        for arc in self.arcs(person) {
            if self.is_red(*arc, now) {
                barred.add(arc.peer, None);
            }
        }
    }

    /// Whether an arc is a red flag that the person who has it has raised.
    pub(crate) fn is_red(&self, arc: Arc, now: Timestamp) -> bool {
        arc.kind() == Kind::Flag
            && arc.heading() == Heading::Out
            && self
                .slot(arc)
                .is_some_and(|slot| slot.number == Tie::Flag(Severity::Red).number() && !slot.is_over(now))
    }

    fn meet(&self, from: u32, to: u32, rule: &Rule, scratch: &mut Scratch) -> Option<Met> {
        let Scratch { ahead, behind, barred } = scratch;
        self.bar_flagged(from, rule.now, barred);
        if barred.has(to) {
            return None;
        }
        for (seen, person) in [(&mut *ahead, from), (&mut *behind, to)] {
            seen.add(person, None);
            seen.frontier.push(person);
        }
        for hops in 1..=rule.hops.min(HOPS_MAX) {
            // The side with less to look at takes the step.
            let is_ahead = self.degrees(&ahead.frontier) <= self.degrees(&behind.frontier);
            let (seen, other) = if is_ahead {
                (&mut *ahead, &*behind)
            } else {
                (&mut *behind, &*ahead)
            };
            if let Some(at) = self.expand(seen, other, barred, rule, is_ahead) {
                return Some(Met { hops, at });
            }
            if seen.frontier.is_empty() {
                return None;
            }
        }
        None
    }

    /// Takes one step on one side; somebody whom the other side has seen ends the search, and is on a shortest way:
    /// all shorter ones have been tried.
    fn expand(&self, seen: &mut Seen, other: &Seen, barred: &Seen, rule: &Rule, is_ahead: bool) -> Option<u32> {
        let frontier = std::mem::take(&mut seen.frontier);
        for person in &frontier {
            for arc in self.arcs(*person) {
                if seen.has(arc.peer) || barred.has(arc.peer) || !self.is_step(*arc, rule, is_ahead) {
                    continue;
                }
                seen.add(
                    arc.peer,
                    Some(Came {
                        from: *person,
                        arc: *arc,
                    }),
                );
                if other.has(arc.peer) {
                    return Some(arc.peer);
                }
                seen.frontier.push(arc.peer);
            }
        }
        None
    }

    fn degrees(&self, frontier: &[u32]) -> usize {
        frontier.iter().map(|person| self.arcs(*person).len()).sum()
    }

    fn path_of(&self, met: &Met, scratch: &Scratch) -> Option<Path> {
        let mut steps = Vec::with_capacity(usize::from(met.hops));
        let mut at = met.at;
        while let Some(came) = scratch.ahead.came(at) {
            steps.push(self.step(came.from, at, came)?);
            at = came.from;
        }
        steps.reverse();
        at = met.at;
        while let Some(came) = scratch.behind.came(at) {
            steps.push(self.step(at, came.from, came)?);
            at = came.from;
        }
        Some(Path { steps })
    }

    fn step(&self, from: u32, to: u32, came: Came) -> Option<Step> {
        Some(Step {
            from: self.people.did(from)?.clone(),
            to: self.people.did(to)?.clone(),
            edge: self.edge(came.from, came.arc)?,
        })
    }
}

/// Where the two sides of a search met.
struct Met {
    hops: u8,
    at: u32,
}
