//! Why, and why not.

use imajin_did::Did;

use crate::search::HOPS_MAX;
use crate::{Edge, Graph, Path, Rule};

/// Why somebody is not within reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhyNot {
    /// There is no tie by or of this one.
    Unknown(Did),
    /// The one who trusts has flagged the other red.
    Flagged(Edge),
    /// There is a path, but a longer one than the rule allows.
    Far {
        /// How many steps it has.
        hops: u8,
    },
    /// There is a path as long as allowed if ties that have ended would count: these.
    Lapsed(Vec<Edge>),
    /// There is a path as long as allowed if every vouch would count; these are below what the rule asks for.
    Weak(Vec<Edge>),
    /// No path within [`HOPS_MAX`] steps.
    Apart,
}

/// An answer with its reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Explanation {
    /// Within reach, along this path; and these people know both.
    Near {
        /// A shortest path.
        path: Path,
        /// Whom both know.
        mutual: Vec<Did>,
    },
    /// Out of reach.
    Not(WhyNot),
}

impl Graph {
    /// Answers as [`Graph::check`] does, and says why.
    pub fn explain(&self, from: &Did, to: &Did, rule: &Rule) -> Explanation {
        match self.path(from, to, rule) {
            Some(path) => Explanation::Near {
                path,
                mutual: self.mutual(from, to, rule),
            },
            None => Explanation::Not(self.why_not(from, to, rule)),
        }
    }

    fn why_not(&self, from: &Did, to: &Did, rule: &Rule) -> WhyNot {
        if let Some(stranger) = [from, to].into_iter().find(|did| !self.knows(did)) {
            return WhyNot::Unknown(stranger.clone());
        }
        if let Some(flag) = self.red_flag(from, to, rule) {
            return WhyNot::Flagged(flag);
        }
        let further = Rule {
            hops: HOPS_MAX,
            ..*rule
        };
        if let Some(hops) = self.check(from, to, &further) {
            return WhyNot::Far { hops };
        }
        let weaker = Rule {
            vouches: Some(crate::Weight::LEAST),
            ..*rule
        };
        if let Some(path) = self.path(from, to, &weaker) {
            let least = rule.vouches;
            let is_weak = |edge: &Edge| match edge.tie {
                crate::Tie::Vouch(weight) => least.is_none_or(|least| weight < least),
                _ => false,
            };
            return WhyNot::Weak(path.steps.into_iter().map(|step| step.edge).filter(is_weak).collect());
        }
        let earlier = Rule {
            now: imajin_kernel::Timestamp::from_seconds(0),
            ..*rule
        };
        match self.path(from, to, &earlier) {
            Some(path) => WhyNot::Lapsed(
                path.steps
                    .into_iter()
                    .map(|step| step.edge)
                    .filter(|edge| edge.until.is_some_and(|until| until <= rule.now))
                    .collect(),
            ),
            None => WhyNot::Apart,
        }
    }

    fn red_flag(&self, from: &Did, to: &Did, rule: &Rule) -> Option<Edge> {
        let (from, to) = self.people.number(from).zip(self.people.number(to))?;
        let mut between = self.arcs_between(from, to).iter();
        let arc = between.find(|arc| self.is_red(**arc, rule.now))?;
        self.edge(from, *arc)
    }
}
