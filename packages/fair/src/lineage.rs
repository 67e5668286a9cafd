use std::collections::BTreeMap;

use imajin_kernel::Code;
use imajin_money::Share;

use crate::{Action, DEPTH_MAX, Manifest, ManifestId, Payee};

/// How many sources are looked at before a work counts as impossible to check.
const SOURCES_MAX: usize = 1_000;

/// Why a work may not be made from what it says that it is made from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineageError {
    /// A source is not to be found.
    #[error("the source {id} is not known here: fetch its manifest first")]
    Missing {
        /// The source.
        id: ManifestId,
    },
    /// A work is, through others, made from itself.
    #[error("the sources of {id} lead back to it")]
    Cycle {
        /// A work on the circle.
        id: ManifestId,
    },
    /// The line of sources is too long.
    #[error("the sources are more than {DEPTH_MAX} works deep, or more than {SOURCES_MAX} in all")]
    TooDeep,
    /// The source does not want it.
    #[error("the source {id} does not permit remixing")]
    Prohibited {
        /// The source.
        id: ManifestId,
    },
    /// The source asks for more than it gets.
    #[error("the source {id} asks for a share of {asked}: give it at least that in an entry with fair")]
    RoyaltyTooSmall {
        /// The source.
        id: ManifestId,
        /// The share that it asks for.
        asked: Share,
    },
}

impl LineageError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Prohibited { .. } => Code::Forbidden,
            _ => Code::InvalidRequest,
        }
    }
}

impl Manifest {
    /// Checks the works that this one is made from: they are known, permit remixing, get the royalty that they ask for
    /// and do not lead back here. `manifests` finds manifests whose signatures are verified.
    ///
    /// Terms that do not speak of remixing permit it.
    pub fn check_lineage(&self, manifests: &dyn Fn(&ManifestId) -> Option<Self>) -> Result<(), LineageError> {
        for id in &self.derives_from {
            let parent = find(id, manifests)?;
            self.check_parent(id, &parent)?;
        }
        let mut heights = BTreeMap::new();
        height(self, manifests, &mut Vec::new(), &mut heights).map(|_height| ())
    }

    fn check_parent(&self, id: &ManifestId, parent: &Self) -> Result<(), LineageError> {
        if parent.terms.prohibits(Action::Remix) {
            return Err(LineageError::Prohibited { id: id.clone() });
        }
        let Some(asked) = parent.terms.get(Action::Remix).and_then(|term| term.royalty) else {
            return Ok(());
        };
        let given: u64 = self
            .contributors
            .iter()
            .filter(|entry| matches!(&entry.payee, Payee::Fair(source) if source == id))
            .map(|entry| u64::from(entry.share.millionths()))
            .sum();
        if given < u64::from(asked.millionths()) {
            return Err(LineageError::RoyaltyTooSmall { id: id.clone(), asked });
        }
        Ok(())
    }
}

fn find(id: &ManifestId, manifests: &dyn Fn(&ManifestId) -> Option<Manifest>) -> Result<Manifest, LineageError> {
    let found = manifests(id).filter(|manifest| manifest.id == *id);
    found.ok_or_else(|| LineageError::Missing { id: id.clone() })
}

/// How many works stand on the longest line from this one to its sources. Each work is looked at once, so a net of
/// sources costs no more than its size.
fn height(
    manifest: &Manifest,
    manifests: &dyn Fn(&ManifestId) -> Option<Manifest>,
    path: &mut Vec<ManifestId>,
    heights: &mut BTreeMap<ManifestId, usize>,
) -> Result<usize, LineageError> {
    if path.contains(&manifest.id) {
        return Err(LineageError::Cycle {
            id: manifest.id.clone(),
        });
    }
    if path.len() >= DEPTH_MAX || heights.len() >= SOURCES_MAX {
        return Err(LineageError::TooDeep);
    }
    path.push(manifest.id.clone());
    let mut above = 0;
    for id in &manifest.derives_from {
        let known = heights.get(id).copied();
        let beyond = known.map_or_else(|| height(&find(id, manifests)?, manifests, path, heights), Ok)?;
        above = above.max(beyond);
    }
    path.pop();
    let own = above.saturating_add(1);
    if own.saturating_add(path.len()) > DEPTH_MAX {
        return Err(LineageError::TooDeep);
    }
    heights.insert(manifest.id.clone(), own);
    Ok(own)
}
