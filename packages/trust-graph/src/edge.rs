use imajin_did::Did;
use imajin_kernel::Timestamp;

/// The statement that proves a tie: the 16 bytes beneath its identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatementId(pub [u8; 16]);

/// How much a vouch is worth, in millionths of full trust: 1 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weight(u32);

impl Weight {
    /// All of it.
    pub const FULL: Self = Self(1_000_000);
    /// The least there is.
    pub const LEAST: Self = Self(1);

    /// `None` outside 1 to 1,000,000.
    pub const fn from_millionths(millionths: u32) -> Option<Self> {
        if millionths >= 1 && millionths <= 1_000_000 {
            Some(Self(millionths))
        } else {
            None
        }
    }

    /// The millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

/// How bad a flag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Be careful.
    Yellow,
    /// Something is wrong.
    Amber,
    /// Not for me, and not through me: no path of whoever raised it leads here.
    Red,
}

/// What joins two people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// Both have signed it; it counts in both directions.
    Connection,
    /// One says so of another.
    Vouch(Weight),
    /// One warns of another. It never carries trust.
    Flag(Severity),
    /// Both were at the same event; it counts in both directions, where it counts at all.
    CoPresence,
}

impl Tie {
    /// Whether it is the same from either end.
    pub const fn is_mutual(self) -> bool {
        matches!(self, Self::Connection | Self::CoPresence)
    }

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Connection => Kind::Connection,
            Self::Vouch(_) => Kind::Vouch,
            Self::Flag(_) => Kind::Flag,
            Self::CoPresence => Kind::CoPresence,
        }
    }

    /// The number beside the kind: a weight, or how bad a flag is.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Connection | Self::CoPresence => 0,
            Self::Vouch(weight) => weight.0,
            Self::Flag(Severity::Yellow) => 1,
            Self::Flag(Severity::Amber) => 2,
            Self::Flag(Severity::Red) => 3,
        }
    }

    pub(crate) const fn from_parts(kind: Kind, number: u32) -> Self {
        match kind {
            Kind::Connection => Self::Connection,
            Kind::CoPresence => Self::CoPresence,
            Kind::Vouch => Self::Vouch(Weight(number)),
            Kind::Flag => Self::Flag(match number {
                1 => Severity::Yellow,
                2 => Severity::Amber,
                _ => Severity::Red,
            }),
        }
    }
}

/// A tie between two people, and the statement that proves it.
///
/// There is at most one of a kind from one person to another: a later one takes the earlier one's place. People are
/// named by their DIDs or, where many ties are put into one graph, by that graph's [`Person`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge<P = Did> {
    /// Who says it; either of the two when it is mutual.
    pub from: P,
    /// Of whom.
    pub to: P,
    /// What.
    pub tie: Tie,
    /// When it ends; kept to the whole second below.
    pub until: Option<Timestamp>,
    /// What proves it.
    pub statement: StatementId,
}

impl<P> Edge<P> {
    /// The same tie between people who are named in another way; `None` when one of them has no such name.
    pub fn between<Q>(&self, name: impl Fn(&P) -> Option<Q>) -> Option<Edge<Q>> {
        Some(Edge {
            from: name(&self.from)?,
            to: name(&self.to)?,
            tie: self.tie,
            until: self.until,
            statement: self.statement,
        })
    }
}

/// Somebody in one graph: what [`Graph::person`](crate::Graph::person) has found. It means nothing to another graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person(pub(crate) u32);

/// What a tie is, without its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Connection,
    Vouch,
    Flag,
    CoPresence,
}

/// The direction of an arc as seen from the person that it is listed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heading {
    Both,
    Out,
    In,
}

/// An end of a tie as the person at that end sees it: 8 bytes, so that a search reads little memory.
///
/// Beneath the slot's number are the kind, the heading, and whether the tie ends at all: most arcs are judged without a
/// look at the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Arc {
    pub(crate) peer: u32,
    packed: u32,
}

const SLOT_SHIFT: u32 = 5;

impl Arc {
    /// The most slots that an arc can tell apart.
    pub(crate) const SLOTS_MAX: u32 = u32::MAX >> SLOT_SHIFT;

    pub(crate) const fn new(peer: u32, slot: u32, kind: Kind, heading: Heading, ends: bool) -> Self {
        let kind = match kind {
            Kind::Connection => 0,
            Kind::Vouch => 1,
            Kind::Flag => 2,
            Kind::CoPresence => 3,
        };
        let heading = match heading {
            Heading::Both => 0,
            Heading::Out => 1,
            Heading::In => 2,
        };
        let end = if ends { 1 << 4 } else { 0 };
        Self {
            peer,
            packed: (slot << SLOT_SHIFT) | end | (heading << 2) | kind,
        }
    }

    pub(crate) const fn slot(self) -> u32 {
        self.packed >> SLOT_SHIFT
    }

    pub(crate) const fn kind(self) -> Kind {
        match self.packed & 0b11 {
            0 => Kind::Connection,
            1 => Kind::Vouch,
            2 => Kind::Flag,
            _ => Kind::CoPresence,
        }
    }

    pub(crate) const fn heading(self) -> Heading {
        match (self.packed >> 2) & 0b11 {
            0 => Heading::Both,
            1 => Heading::Out,
            _ => Heading::In,
        }
    }

    pub(crate) const fn ends(self) -> bool {
        self.packed & (1 << 4) != 0
    }
}

/// What an arc leads to, when the arc alone does not say enough.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) statement: StatementId,
    /// Seconds since 1970; [`Slot::NEVER`] when it does not end.
    until: u32,
    pub(crate) number: u32,
}

impl Slot {
    pub(crate) const NEVER: u32 = u32::MAX;

    pub(crate) fn new<P>(edge: &Edge<P>) -> Self {
        // Before 1970 is over, after 2106 is never.
        let until = edge.until.map_or(Self::NEVER, |until| {
            u32::try_from(until.as_seconds().max(0)).unwrap_or(Self::NEVER)
        });
        Self {
            statement: edge.statement,
            until,
            number: edge.tie.number(),
        }
    }

    pub(crate) const fn ends(self) -> bool {
        self.until != Self::NEVER
    }

    pub(crate) fn is_over(self, now: Timestamp) -> bool {
        self.ends() && i64::from(self.until) <= now.as_seconds()
    }

    pub(crate) fn until(self) -> Option<Timestamp> {
        self.ends().then(|| Timestamp::from_seconds(i64::from(self.until)))
    }
}
