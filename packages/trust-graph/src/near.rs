//! Who is near.

use imajin_did::Did;

use crate::scratch::Scratch;
use crate::search::HOPS_MAX;
use crate::{Graph, Rule};

/// Somebody, and how far they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// Who.
    pub did: Did,
    /// How many steps away.
    pub hops: u8,
}

impl Graph {
    /// Everybody within the rule's steps of somebody, the nearest first and those of one distance in the order of their
    /// DIDs, at most `limit`. What [`Graph::check`] refuses is not in it.
    ///
    /// The work is bounded by the people within reach, not by `limit`: choose the steps accordingly.
    pub fn within(&self, from: &Did, rule: &Rule, limit: usize) -> Vec<Near> {
        let Some(start) = self.people.number(from) else {
            return Vec::new();
        };
        self.scratch_borrow(|scratch| self.reach(start, rule, limit, scratch))
    }

    fn reach(&self, start: u32, rule: &Rule, limit: usize, scratch: &mut Scratch) -> Vec<Near> {
        let Scratch { ahead, barred, .. } = scratch;
        self.bar_flagged(start, rule.now, barred);
        ahead.add(start, None);
        ahead.frontier.push(start);
        let mut found: Vec<Near> = Vec::new();
        for hops in 1..=rule.hops.min(HOPS_MAX) {
            let frontier = std::mem::take(&mut ahead.frontier);
            for arc in frontier.iter().flat_map(|person| self.arcs(*person)) {
                if barred.has(arc.peer) || !self.is_step(*arc, rule, true) || !ahead.add(arc.peer, None) {
                    continue;
                }
                ahead.frontier.push(arc.peer);
            }
            let mut ring: Vec<&Did> = ahead
                .frontier
                .iter()
                .filter_map(|person| self.people.did(*person))
                .collect();
            ring.sort_unstable();
            let room = limit.saturating_sub(found.len());
            found.extend(ring.into_iter().take(room).map(|did| Near { did: did.clone(), hops }));
            if found.len() >= limit || ahead.frontier.is_empty() {
                break;
            }
        }
        found
    }

    /// Whom both know: those who are one step from either, in the order of their DIDs.
    pub fn mutual(&self, one: &Did, other: &Did, rule: &Rule) -> Vec<Did> {
        let Some((one, other)) = self.people.number(one).zip(self.people.number(other)) else {
            return Vec::new();
        };
        // Both lists are in the order of the peers: one walk over the shorter finds all.
        let (short, long) = if self.arcs(one).len() <= self.arcs(other).len() {
            (one, other)
        } else {
            (other, one)
        };
        let mut peers: Vec<u32> = self
            .arcs(short)
            .iter()
            .filter(|arc| self.is_step(**arc, rule, true))
            .map(|arc| arc.peer)
            .collect();
        peers.dedup();
        let knows = |peer: &u32| {
            self.arcs_between(long, *peer)
                .iter()
                .any(|arc| self.is_step(*arc, rule, true))
        };
        let mut both: Vec<Did> = peers
            .iter()
            .filter(|peer| knows(peer))
            .filter_map(|peer| self.people.did(*peer).cloned())
            .collect();
        both.sort_unstable();
        both
    }
}
