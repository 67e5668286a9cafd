use crate::edge::Arc;

/// How a search came to a person: from whom, along which of their arcs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Came {
    pub(crate) from: u32,
    pub(crate) arc: Arc,
}

/// What one side of a search has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The search in which each person was last seen.
    marks: Vec<u32>,
    came: Vec<Option<Came>>,
    mark: u32,
    pub(crate) frontier: Vec<u32>,
}

impl Seen {
    fn begin(&mut self, people: usize) {
        self.frontier.clear();
        // Numbers of searches run out after four thousand million of them.
        self.mark = self.mark.checked_add(1).unwrap_or_else(|| {
            self.marks.fill(0);
            1
        });
        if self.marks.len() < people {
            self.marks.resize(people, 0);
            self.came.resize(people, None);
        }
    }

    /// Notes a person; false when it was there already.
    pub(crate) fn add(&mut self, person: u32, came: Option<Came>) -> bool {
        let Ok(index) = usize::try_from(person) else {
            return false;
        };
        let (Some(mark), Some(place)) = (self.marks.get_mut(index), self.came.get_mut(index)) else {
            return false;
        };
        if *mark == self.mark {
            return false;
        }
        *mark = self.mark;
        *place = came;
        true
    }

    pub(crate) fn has(&self, person: u32) -> bool {
        let index = usize::try_from(person).unwrap_or(usize::MAX);
        self.marks.get(index) == Some(&self.mark)
    }

    pub(crate) fn came(&self, person: u32) -> Option<Came> {
        let index = usize::try_from(person).ok()?;
        self.came.get(index).copied().flatten().filter(|_| self.has(person))
    }
}

/// The memory of a search: kept from one to the next, because clearing it would cost more than searching.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// From the one who trusts.
    pub(crate) ahead: Seen,
    /// From the one who is asked about, backwards.
    pub(crate) behind: Seen,
    /// Where no path may lead.
    pub(crate) barred: Seen,
}

impl Scratch {
    pub(crate) fn begin(&mut self, people: usize) {
        self.ahead.begin(people);
        self.behind.begin(people);
        self.barred.begin(people);
    }
}
