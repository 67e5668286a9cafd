//! The works that a work is made from: found, pinned by their ids, and asked for permission.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::rc::Rc;

use imajin_kernel::Code;
use imajin_money::Share;

use crate::{Action, DEPTH_MAX, Manifest, ManifestId, Payee};

/// How many sources are looked at before a work counts as impossible to check.
pub const SOURCES_MAX: usize = 1_000;

/// A way from a work to one of its sources, both ends included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePath(pub Vec<ManifestId>);

impl fmt::Display for LinePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, id) in self.0.iter().enumerate() {
            let arrow = if place == 0 { "" } else { " → " };
            write!(f, "{arrow}{id}")?;
        }
        Ok(())
    }
}

/// Why a work may not be made from what it says that it is made from. Each names the way there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineageError {
    /// A source is not to be found.
    #[error("the last source of {path} is not known here: fetch its manifest first")]
    Missing {
        /// From the work to the source.
        path: LinePath,
    },
    /// What was found under the id of a source is something else.
    #[error("what was found for the last source of {path} is another manifest: its content does not give this id")]
    OtherContent {
        /// From the work to the source.
        path: LinePath,
    },
    /// A work is, through others, made from itself.
    #[error("the sources lead in a circle: {path}")]
    Cycle {
        /// From the work to the second time that the same source comes up.
        path: LinePath,
    },
    /// The line of sources is too long.
    #[error("the sources are more than {DEPTH_MAX} works deep: {path}")]
    TooDeep {
        /// From the work to the first source that is too far away.
        path: LinePath,
    },
    /// There are too many sources.
    #[error("there are more than {SOURCES_MAX} sources")]
    TooMany,
    /// The source does not want it.
    #[error("the last work of {path} does not permit remixing")]
    Prohibited {
        /// From the work to the source.
        path: LinePath,
    },
    /// The source asks for more than it gets.
    #[error("the last work of {path} asks for a share of {asked} and gets {given}: give it more in an entry with fair")]
    RoyaltyTooSmall {
        /// From the work to the source.
        path: LinePath,
        /// The share that it asks for.
        asked: Share,
        /// What the work made from it gives, as a decimal.
        given: String,
    },
}

impl LineageError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Prohibited { .. } => Code::Forbidden,
            Self::OtherContent { .. } => Code::BadSignature,
            _ => Code::InvalidRequest,
        }
    }
}

/// Finds manifests by id: from memory, a database or a cache of other nodes'. Whoever hands it in has verified their
/// signatures; that a manifest is the one of its id is checked here again.
pub type Lookup<'a> = &'a dyn Fn(&ManifestId) -> Option<Manifest>;

/// The manifests that a work depends on, each found and pinned once: its sources, and those that have a share.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    found: BTreeMap<ManifestId, Rc<Manifest>>,
    depth: usize,
}

impl Sources {
    /// Finds everything that a work is made from or that has a share in it, and checks it: see
    /// [`Manifest::check_lineage`].
    pub fn gather(work: &Manifest, lookup: Lookup<'_>) -> Result<Self, LineageError> {
        let mut climb = Climb {
            lookup,
            sources: Self::default(),
            heights: BTreeMap::new(),
            path: Vec::new(),
        };
        climb.sources.depth = climb.height(&Rc::new(work.clone()))?;
        Ok(climb.sources)
    }

    /// A manifest among them.
    pub fn find(&self, id: &ManifestId) -> Option<Manifest> {
        self.found.get(id).map(|found| Manifest::clone(found))
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Manifest> {
        self.found.values().map(Rc::as_ref)
    }

    /// How many works stand on the longest line, the work itself included.
    pub fn depth(&self) -> usize {
        self.depth
    }
}

impl Manifest {
    /// Checks the works that this one is made from, at every level: they are known, are what their ids say, permit
    /// remixing, get the royalty that they ask for, are at most [`DEPTH_MAX`] deep and do not lead back here.
    ///
    /// Terms that do not speak of remixing permit it. A royalty is given by entries with `fair` and by nothing else.
    pub fn check_lineage(&self, manifests: Lookup<'_>) -> Result<(), LineageError> {
        Sources::gather(self, manifests).map(|_sources| ())
    }

    /// The manifests that this one and those already known depend on and that `manifests` does not find: what to fetch
    /// next, nearest first. When nothing is left, [`Manifest::check_lineage`] will miss nothing.
    pub fn sources_missing(&self, manifests: Lookup<'_>) -> Vec<ManifestId> {
        let mut seen = BTreeSet::from([self.id.clone()]);
        let mut missing = Vec::new();
        let mut queue: VecDeque<ManifestId> = self.sources_named().cloned().collect();
        while let Some(id) = queue.pop_front() {
            if seen.len() > SOURCES_MAX {
                break;
            }
            if !seen.insert(id.clone()) {
                continue;
            }
            match manifests(&id) {
                Some(found) => queue.extend(found.sources_named().cloned()),
                None => missing.push(id),
            }
        }
        missing
    }

    /// The manifests that this one names, as sources or with a share; some of them twice.
    fn sources_named(&self) -> impl Iterator<Item = &ManifestId> {
        let with_a_share = self.contributors.iter().filter_map(|entry| match &entry.payee {
            Payee::Fair(id) => Some(id),
            Payee::Did(_) => None,
        });
        self.derives_from.iter().chain(with_a_share)
    }

    /// The share that the entries for this source sum to, in millionths.
    fn given_to(&self, source: &ManifestId) -> u64 {
        let entries = self.contributors.iter();
        let theirs = entries.filter(|entry| matches!(&entry.payee, Payee::Fair(id) if id == source));
        theirs.map(|entry| u64::from(entry.share.millionths())).sum()
    }
}

struct Climb<'a> {
    lookup: Lookup<'a>,
    sources: Sources,
    /// How many works stand on the longest line from each: a work is climbed from once, so a net costs no more than its
    /// size.
    heights: BTreeMap<ManifestId, usize>,
    path: Vec<ManifestId>,
}

impl Climb<'_> {
    fn height(&mut self, work: &Rc<Manifest>) -> Result<usize, LineageError> {
        self.path.push(work.id.clone());
        let named: BTreeSet<&ManifestId> = work.sources_named().collect();
        let mut above = 0;
        for id in named {
            if self.path.contains(id) {
                return Err(LineageError::Cycle { path: self.path_to(id) });
            }
            if self.path.len() >= DEPTH_MAX {
                return Err(LineageError::TooDeep { path: self.path_to(id) });
            }
            let source = self.find(id)?;
            if work.derives_from.contains(id) {
                self.check_terms(work, &source)?;
            }
            let height = match self.heights.get(id) {
                Some(height) => *height,
                None => self.height(&source)?,
            };
            if self.path.len().saturating_add(height) > DEPTH_MAX {
                return Err(LineageError::TooDeep { path: self.path_to(id) });
            }
            above = above.max(height);
        }
        self.path.pop();
        let own = above.saturating_add(1);
        self.heights.insert(work.id.clone(), own);
        Ok(own)
    }

    fn find(&mut self, id: &ManifestId) -> Result<Rc<Manifest>, LineageError> {
        if let Some(known) = self.sources.found.get(id) {
            return Ok(Rc::clone(known));
        }
        if self.sources.found.len() >= SOURCES_MAX {
            return Err(LineageError::TooMany);
        }
        let found = (self.lookup)(id).ok_or_else(|| LineageError::Missing { path: self.path_to(id) })?;
        if found.id != *id || !found.is_pinned() {
            return Err(LineageError::OtherContent { path: self.path_to(id) });
        }
        let found = Rc::new(found);
        self.sources.found.insert(id.clone(), Rc::clone(&found));
        Ok(found)
    }

    fn check_terms(&self, work: &Manifest, source: &Manifest) -> Result<(), LineageError> {
        if source.terms.prohibits(Action::Remix) {
            let path = self.path_to(&source.id);
            return Err(LineageError::Prohibited { path });
        }
        let Some(asked) = source.terms.get(Action::Remix).and_then(|term| term.royalty) else {
            return Ok(());
        };
        let given = work.given_to(&source.id);
        if given >= u64::from(asked.millionths()) {
            return Ok(());
        }
        let given = u32::try_from(given)
            .ok()
            .and_then(|given| Share::from_millionths(given).ok());
        Err(LineageError::RoyaltyTooSmall {
            path: self.path_to(&source.id),
            asked,
            given: given.map_or_else(|| "nothing".to_owned(), |given| given.to_string()),
        })
    }

    fn path_to(&self, id: &ManifestId) -> LinePath {
        LinePath(self.path.iter().chain([id]).cloned().collect())
    }
}

impl Manifest {
    /// Whether the manifest is the one of its id. An id that is no digest of content, as other software gives them,
    /// pins nothing: what is found under it is believed.
    pub fn is_pinned(&self) -> bool {
        !self.id.names_a_digest() || self.computed_id().is_ok_and(|computed| computed == self.id)
    }
}
