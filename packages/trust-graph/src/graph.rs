use std::sync::{Mutex, PoisonError};

use imajin_did::Did;
use imajin_kernel::Timestamp;

use crate::edge::{Arc, Heading, Kind, Person, Slot};
use crate::people::People;
use crate::scratch::Scratch;
use crate::{Edge, Tie};

/// There is no room for another tie: 134 million of them, or four thousand million people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphFull;

impl std::fmt::Display for GraphFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the trust graph holds as many ties as it can")
    }
}

impl std::error::Error for GraphFull {}

/// The ties of everybody.
#[derive(Debug, Default)]
pub struct Graph {
    pub(crate) people: People,
    /// The arcs of each person, by peer.
    arcs: Vec<Vec<Arc>>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    version: u64,
    scratches: Mutex<Vec<Scratch>>,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// A graph of many ties at once. As if each had been [`put`](Self::put), in their order.
    ///
    /// # Errors
    /// [`GraphFull`].
    pub fn from_edges(edges: impl IntoIterator<Item = Edge>) -> Result<Self, GraphFull> {
        let edges = edges.into_iter();
        let mut graph = Self {
            people: People::with_capacity(edges.size_hint().0 / 16),
            slots: Vec::with_capacity(edges.size_hint().0),
            ..Self::default()
        };
        for edge in edges {
            graph.put(&edge)?;
        }
        graph.compact();
        Ok(graph)
    }

    /// How many changes the graph has seen. An answer that was given at a version has seen all changes up to it.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// How many ties there are, ended ones among them.
    pub fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    /// Whether there is no tie.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many people have, or once had, a tie.
    pub fn people(&self) -> usize {
        self.people.len()
    }

    /// Whether there is a tie by or of somebody, also one that has ended by itself.
    pub fn knows(&self, did: &Did) -> bool {
        let number = self.people.number(did);
        number.is_some_and(|number| !self.arcs(number).is_empty())
    }

    /// Adds a tie, in place of the one of its kind from the same person to the same other, if there was one. A tie to
    /// oneself changes nothing.
    ///
    /// # Errors
    /// [`GraphFull`]; then nothing has changed.
    pub fn put(&mut self, edge: &Edge) -> Result<(), GraphFull> {
        if edge.from == edge.to {
            return Ok(());
        }
        let between = Edge {
            from: self.person(&edge.from)?,
            to: self.person(&edge.to)?,
            tie: edge.tie,
            until: edge.until,
            statement: edge.statement,
        };
        self.put_between(&between)
    }

    /// Who a DID is in this graph: for [`put_between`](Self::put_between).
    ///
    /// # Errors
    /// [`GraphFull`], when it is a new one and there is no room for more.
    pub fn person(&mut self, did: &Did) -> Result<Person, GraphFull> {
        let number = self.people.number_or_new(did).ok_or(GraphFull)?;
        self.arcs.resize_with(self.people.len(), Vec::new);
        Ok(Person(number))
    }

    /// As [`put`](Self::put), between people of this graph: whoever puts in many ties looks each person up once.
    ///
    /// # Errors
    /// [`GraphFull`]; then nothing has changed.
    pub fn put_between(&mut self, edge: &Edge<Person>) -> Result<(), GraphFull> {
        let (Person(from), Person(to)) = (edge.from, edge.to);
        if from == to {
            return Ok(());
        }
        let (kind, slot) = (edge.tie.kind(), Slot::new(edge));
        let number = match self.arc_of(from, to, kind, heading_out(edge.tie)) {
            Some(arc) => {
                self.ends_remove(from, to, edge.tie);
                self.slot_replace(arc.slot(), slot)
            }
            None => self.slot_add(slot)?,
        };
        let [out, back] = headings(edge.tie);
        self.arc_insert(from, Arc::new(to, number, kind, out, slot.ends()));
        self.arc_insert(to, Arc::new(from, number, kind, back, slot.ends()));
        self.version = self.version.saturating_add(1);
        Ok(())
    }

    /// Takes a tie out: the one of the kind of `tie` from one person to another, whatever its weight. Whether there was
    /// one.
    pub fn remove(&mut self, from: &Did, to: &Did, tie: Tie) -> bool {
        let Some((from, to)) = self.people.number(from).zip(self.people.number(to)) else {
            return false;
        };
        let Some(arc) = self.arc_of(from, to, tie.kind(), heading_out(tie)) else {
            return false;
        };
        self.ends_remove(from, to, tie);
        self.free.push(arc.slot());
        self.version = self.version.saturating_add(1);
        true
    }

    /// What proves the tie of the kind of `tie` from one person to another, whatever its weight.
    pub fn tie_between(&self, from: &Did, to: &Did, tie: Tie) -> Option<crate::StatementId> {
        let (from, to) = self.people.number(from).zip(self.people.number(to))?;
        let arc = self.arc_of(from, to, tie.kind(), heading_out(tie))?;
        self.slot(arc).map(|slot| slot.statement)
    }

    /// Gives back memory that growing has reserved.
    pub fn compact(&mut self) {
        self.people.shrink();
        self.slots.shrink_to_fit();
        self.free.shrink_to_fit();
        self.arcs.shrink_to_fit();
        self.arcs.iter_mut().for_each(Vec::shrink_to_fit);
    }

    /// How much memory the graph takes, in bytes; what searches borrow is not in it.
    pub fn bytes(&self) -> usize {
        let arcs: usize = self.arcs.iter().map(Vec::capacity).sum();
        [
            arcs.saturating_mul(size_of::<Arc>()),
            self.arcs.capacity().saturating_mul(size_of::<Vec<Arc>>()),
            self.slots.capacity().saturating_mul(size_of::<Slot>()),
            self.free.capacity().saturating_mul(size_of::<u32>()),
            self.people.bytes(),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// The arcs of a person, by peer.
    pub(crate) fn arcs(&self, person: u32) -> &[Arc] {
        let index = usize::try_from(person).unwrap_or(usize::MAX);
        self.arcs.get(index).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn slot(&self, arc: Arc) -> Option<Slot> {
        self.slots.get(usize::try_from(arc.slot()).ok()?).copied()
    }

    /// Whether a tie has not ended.
    pub(crate) fn is_current(&self, arc: Arc, now: Timestamp) -> bool {
        !arc.ends() || self.slot(arc).is_some_and(|slot| !slot.is_over(now))
    }

    /// The arcs between two people, as the first one sees them.
    pub(crate) fn arcs_between(&self, person: u32, peer: u32) -> &[Arc] {
        let arcs = self.arcs(person);
        let start = arcs.partition_point(|arc| arc.peer < peer);
        let rest = arcs.get(start..).unwrap_or_default();
        let count = rest.iter().take_while(|arc| arc.peer == peer).count();
        rest.get(..count).unwrap_or_default()
    }

    /// The tie behind an arc, as it was put in, from the end of `person`.
    pub(crate) fn edge(&self, person: u32, arc: Arc) -> Option<Edge> {
        let (from, to) = match arc.heading() {
            Heading::Both | Heading::Out => (person, arc.peer),
            Heading::In => (arc.peer, person),
        };
        let slot = self.slot(arc)?;
        Some(Edge {
            from: self.people.did(from)?.clone(),
            to: self.people.did(to)?.clone(),
            tie: Tie::from_parts(arc.kind(), slot.number),
            until: slot.until(),
            statement: slot.statement,
        })
    }

    /// Memory for one search, as large as there are people.
    pub(crate) fn scratch_borrow<T>(&self, search: impl FnOnce(&mut Scratch) -> T) -> T {
        let pool = || self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = pool().pop().unwrap_or_default();
        scratch.begin(self.people.len());
        let found = search(&mut scratch);
        pool().push(scratch);
        found
    }

    fn slot_add(&mut self, slot: Slot) -> Result<u32, GraphFull> {
        if let Some(free) = self.free.pop() {
            return Ok(self.slot_replace(free, slot));
        }
        let number = u32::try_from(self.slots.len()).map_err(|_too_many| GraphFull)?;
        if number >= Arc::SLOTS_MAX {
            return Err(GraphFull);
        }
        self.slots.push(slot);
        Ok(number)
    }

    /// Gives back the number.
    fn slot_replace(&mut self, number: u32, slot: Slot) -> u32 {
        if let Some(place) = usize::try_from(number).ok().and_then(|index| self.slots.get_mut(index)) {
            *place = slot;
        }
        number
    }

    fn arc_of(&self, person: u32, peer: u32, kind: Kind, heading: Heading) -> Option<Arc> {
        let mut between = self.arcs_between(person, peer).iter();
        between
            .find(|arc| arc.kind() == kind && arc.heading() == heading)
            .copied()
    }

    fn ends_remove(&mut self, from: u32, to: u32, tie: Tie) {
        let [out, back] = headings(tie);
        for (person, peer, heading) in [(from, to, out), (to, from, back)] {
            let Some(arc) = self.arc_of(person, peer, tie.kind(), heading) else {
                continue;
            };
            if let Some(arcs) = self.arcs_mut(person)
                && let Ok(place) = arcs.binary_search(&arc)
            {
                arcs.remove(place);
            }
        }
    }

    fn arc_insert(&mut self, person: u32, arc: Arc) {
        let Some(arcs) = self.arcs_mut(person) else { return };
        let place = arcs.partition_point(|other| *other < arc);
        if arcs.len() == arcs.capacity() {
            // By an eighth: doubling would waste a third of the memory on average. By four at least: most people have
            // few, and each growth copies.
            arcs.reserve_exact((arcs.len() >> 3).saturating_add(4));
        }
        arcs.insert(place, arc);
    }

    fn arcs_mut(&mut self, person: u32) -> Option<&mut Vec<Arc>> {
        self.arcs.get_mut(usize::try_from(person).ok()?)
    }
}

const fn heading_out(tie: Tie) -> Heading {
    let [out, _back] = headings(tie);
    out
}

/// How the two ends see a tie.
const fn headings(tie: Tie) -> [Heading; 2] {
    if tie.is_mutual() {
        [Heading::Both, Heading::Both]
    } else {
        [Heading::Out, Heading::In]
    }
}
