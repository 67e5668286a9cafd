use imajin_did::Did;
use imajin_kernel::Timestamp;

use crate::edge::{Heading, Kind};
use crate::{Graph, Severity, Tie};

/// What others have said of somebody, counted: nothing here says who.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// People connected with them.
    pub connections: u32,
    /// People who vouch for them.
    pub vouches: u32,
    /// The sum of those vouches, in millionths.
    pub vouched_millionths: u64,
    /// People for whom they vouch.
    pub vouching: u32,
    /// Yellow flags raised against them.
    pub yellow: u32,
    /// Amber ones.
    pub amber: u32,
    /// Red ones.
    pub red: u32,
}

impl Graph {
    /// What counts of somebody at a moment.
    pub fn standing(&self, did: &Did, now: Timestamp) -> Standing {
        let mut standing = Standing::default();
        let Some(person) = self.people.number(did) else {
            return standing;
        };
        for arc in self.arcs(person) {
            let Some(slot) = self.slot(*arc).filter(|slot| !slot.is_over(now)) else {
                continue;
            };
            let count = match (Tie::from_parts(arc.kind(), slot.number), arc.heading()) {
                (Tie::Connection, _) => &mut standing.connections,
                (Tie::Vouch(_), Heading::Out) => &mut standing.vouching,
                (Tie::Vouch(weight), _) => {
                    let sum = standing
                        .vouched_millionths
                        .saturating_add(u64::from(weight.millionths()));
                    standing.vouched_millionths = sum;
                    &mut standing.vouches
                }
                (Tie::CoPresence, _) | (Tie::Flag(_), Heading::Out) => continue,
                (Tie::Flag(Severity::Yellow), _) => &mut standing.yellow,
                (Tie::Flag(Severity::Amber), _) => &mut standing.amber,
                (Tie::Flag(Severity::Red), _) => &mut standing.red,
            };
            *count = count.saturating_add(1);
        }
        standing
    }

    /// How many connections somebody has at a moment.
    pub fn connections(&self, did: &Did, now: Timestamp) -> usize {
        let Some(person) = self.people.number(did) else {
            return 0;
        };
        let arcs = self.arcs(person).iter();
        arcs.filter(|arc| arc.kind() == Kind::Connection && self.is_current(**arc, now))
            .count()
    }
}
