//! Personalised `PageRank`: where a walk that keeps coming back to one person spends its time.
//!
//! A step goes along a connection or a vouch, in proportion to what it is worth; with probability `1 - damping`, and
//! where there is no way on, it goes back to the start. Distrust goes one step: a flag counts as much as whoever raised
//! it is trusted. What a farm of false identities gains together is bounded by what the real edges into it carry:
//! `damping / (1 - damping)` times the sum of the trust in each person who made such an edge, times its part of all
//! that they give. No number of edges inside adds to it.
#![expect(
    clippy::float_arithmetic,
    reason = "a rank is an estimate, not money; its tests say how close it is"
)]

use imajin_did::Did;
use imajin_kernel::Timestamp;

use crate::edge::{Arc, Heading, Kind, Slot};
use crate::people::People;
use crate::{Graph, Severity, Tie, Weight};

/// Sweeps over all people before a rank is taken as it is; a damping of 0.99 needs fewer.
const SWEEPS_MAX: usize = 1_000;

/// How ranks are reckoned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankOptions {
    /// The probability of another step, above 0 and below 1.
    pub damping: f64,
    /// How far the sum of all ranks may be off.
    pub precision: f64,
    /// What it is worth to have been at the same event; `None` for nothing.
    pub co_presence: Option<Weight>,
}

impl Default for RankOptions {
    fn default() -> Self {
        Self {
            damping: 0.85,
            precision: 1e-7,
            co_presence: None,
        }
    }
}

/// How somebody stands with the person whose ranks these are.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// Who.
    pub did: Did,
    /// Their part of all trust: those of everybody sum to 1.
    pub trust: f64,
    /// The part of those who have flagged them, in proportion to how bad the flags are.
    pub distrust: f64,
}

impl Opinion {
    /// Trust less distrust, at least 0.
    pub fn net(&self) -> f64 {
        net(self.trust, self.distrust)
    }
}

fn net(trust: f64, distrust: f64) -> f64 {
    (trust - distrust).max(0.0)
}

/// The graph at one version, laid out for ranking. Makes no use of the graph any more: rank on another thread while
/// ties change.
#[derive(Debug)]
pub struct RankIndex {
    people: People,
    options: RankOptions,
    version: u64,
    /// From when on it holds, and until when, if something in it ends by itself.
    holds: (Timestamp, Option<Timestamp>),
    /// Where the sources of each person begin, and the end.
    starts: Vec<usize>,
    /// Who gives to the person, and how much, in millionths: as small as can be, because a sweep waits for memory.
    sources: Vec<(u32, u32)>,
    /// All that each person gives, in millionths.
    given: Vec<f64>,
    /// Who has flagged whom, and how bad it is, 0 to 1.
    flags: Vec<(u32, u32, f64)>,
}

impl Graph {
    /// Lays the ties of a moment out for ranking.
    pub fn rank_index(&self, now: Timestamp, options: RankOptions) -> RankIndex {
        let count = u32::try_from(self.people.len()).unwrap_or(u32::MAX);
        let mut index = RankIndex {
            people: self.people.clone(),
            options,
            version: self.version(),
            holds: (now, None),
            starts: Vec::with_capacity(self.people.len().saturating_add(1)),
            sources: Vec::new(),
            given: (0..count).map(|person| self.given(person, now, &options)).collect(),
            flags: Vec::new(),
        };
        for person in 0..count {
            index.starts.push(index.sources.len());
            for arc in self.arcs(person) {
                if arc.ends() {
                    let ends = self.slot(*arc).and_then(Slot::until).filter(|ends| *ends > now);
                    index.holds.1 = index.holds.1.into_iter().chain(ends).min();
                }
                if arc.kind() == Kind::Flag {
                    index.flags.extend(self.flag(person, *arc, now));
                    continue;
                }
                let worth = self.worth(*arc, Heading::Out, now, &options);
                if worth > 0 {
                    index.sources.push((arc.peer, worth));
                }
            }
        }
        index.starts.push(index.sources.len());
        index
    }

    /// All that somebody gives.
    fn given(&self, person: u32, now: Timestamp, options: &RankOptions) -> f64 {
        let arcs = self.arcs(person).iter();
        arcs.map(|arc| f64::from(self.worth(*arc, Heading::In, now, options)))
            .sum()
    }

    /// What a tie is worth in millionths, unless it heads the other way.
    fn worth(&self, arc: Arc, against: Heading, now: Timestamp, options: &RankOptions) -> u32 {
        if arc.heading() == against || !self.is_current(arc, now) {
            return 0;
        }
        match arc.kind() {
            Kind::Connection => Weight::FULL.millionths(),
            Kind::CoPresence => options.co_presence.map_or(0, Weight::millionths),
            Kind::Flag => 0,
            Kind::Vouch => self.slot(arc).map_or(0, |slot| slot.number),
        }
    }

    /// A flag against the person who has the arc: who raised it, against whom, and how bad it is.
    fn flag(&self, person: u32, arc: Arc, now: Timestamp) -> Option<(u32, u32, f64)> {
        if arc.heading() != Heading::In {
            return None;
        }
        let slot = self.slot(arc).filter(|slot| !slot.is_over(now))?;
        let badness = match Tie::from_parts(arc.kind(), slot.number) {
            Tie::Flag(Severity::Yellow) => 0.25,
            Tie::Flag(Severity::Amber) => 0.5,
            _ => 1.0,
        };
        Some((arc.peer, person, badness))
    }
}

impl RankIndex {
    /// The version of the graph that it was made from.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Whether it is still what would be laid out of this version of the graph at this moment.
    pub fn holds(&self, version: u64, now: Timestamp) -> bool {
        let (since, until) = self.holds;
        self.version == version && since <= now && until.is_none_or(|until| now < until)
    }

    /// Everybody in whom `from` has any trust or distrust, the most trusted first and equals in the order of their
    /// DIDs, at most `limit`; `from` among them. Empty when nothing is known of `from`.
    pub fn rank(&self, from: &Did, limit: usize) -> Vec<Opinion> {
        let Some(start) = self.people.number(from) else {
            return Vec::new();
        };
        let trust = self.solve(start);
        let mut distrust = vec![0.0; trust.len()];
        for (by, against, badness) in &self.flags {
            if let Some(sum) = place(&mut distrust, *against) {
                *sum += at(&trust, *by) * badness;
            }
        }
        let mut known: Vec<Standing<'_>> = (0_u32..)
            .zip(trust.into_iter().zip(distrust))
            .filter(|(_, (trust, distrust))| *trust > 0.0 || *distrust > 0.0)
            .filter_map(|(person, (trust, distrust))| {
                let did = self.people.did(person)?;
                Some(Standing { did, trust, distrust })
            })
            .collect();
        if limit < known.len() {
            known.select_nth_unstable_by(limit, Standing::order);
            known.truncate(limit);
        }
        known.sort_unstable_by(Standing::order);
        known.iter().map(Standing::opinion).collect()
    }

    /// Gauss and Seidel's iteration: each sweep uses what it has found itself already, and needs half as many sweeps as
    /// a walk step by step. What ends where there is no way on is lost here and given back to the start at the end,
    /// which is the same as giving it back at each step.
    fn solve(&self, start: u32) -> Vec<f64> {
        let damping = self.options.damping.clamp(0.0, 0.999);
        let enough = self.options.precision * (1.0 - damping);
        let mut walk = Walk {
            ranks: vec![0.0; self.people.len()],
            shares: vec![0.0; self.people.len()],
        };
        for _sweep in 0..SWEEPS_MAX {
            if self.sweep(start, damping, &mut walk) <= enough {
                break;
            }
        }
        let Walk { mut ranks, .. } = walk;
        let all: f64 = ranks.iter().sum();
        if all > 0.0 {
            for rank in &mut ranks {
                *rank /= all;
            }
        }
        ranks
    }

    /// One sweep; how much changed.
    fn sweep(&self, start: u32, damping: f64, walk: &mut Walk) -> f64 {
        let mut changed = 0.0;
        let bounds = self.starts.iter().zip(self.starts.iter().skip(1));
        for (person, ((first, end), given)) in (0_u32..).zip(bounds.zip(&self.given)) {
            let sources = self.sources.get(*first..*end).unwrap_or_default();
            let worths = sources
                .iter()
                .map(|(peer, worth)| at(&walk.shares, *peer) * f64::from(*worth));
            let back = if person == start { 1.0 - damping } else { 0.0 };
            let rank = back + damping * worths.sum::<f64>();
            if let Some((old, share)) = place(&mut walk.ranks, person).zip(place(&mut walk.shares, person)) {
                changed += (rank - *old).abs();
                *old = rank;
                *share = if *given > 0.0 { rank / given } else { 0.0 };
            }
        }
        changed
    }
}

/// An opinion that borrows the name, because most of them are dropped.
struct Standing<'a> {
    did: &'a Did,
    trust: f64,
    distrust: f64,
}

impl Standing<'_> {
    fn order(one: &Self, other: &Self) -> std::cmp::Ordering {
        let by_trust = net(other.trust, other.distrust).total_cmp(&net(one.trust, one.distrust));
        by_trust.then_with(|| one.did.cmp(other.did))
    }

    fn opinion(&self) -> Opinion {
        Opinion {
            did: self.did.clone(),
            trust: self.trust,
            distrust: self.distrust,
        }
    }
}

/// How far the ranks are found.
struct Walk {
    ranks: Vec<f64>,
    /// What somebody's rank carries along a tie that is worth a millionth.
    shares: Vec<f64>,
}

fn at(values: &[f64], person: u32) -> f64 {
    let index = usize::try_from(person).unwrap_or(usize::MAX);
    values.get(index).copied().unwrap_or(0.0)
}

fn place(values: &mut [f64], person: u32) -> Option<&mut f64> {
    values.get_mut(usize::try_from(person).ok()?)
}
