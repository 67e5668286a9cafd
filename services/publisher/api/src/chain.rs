use std::collections::{BTreeSet, VecDeque};

use imajin_did::Did;
use imajin_fair::{Manifest, ManifestId, ManifestRecord, Payee};
use imajin_kernel::{Code, Problem};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;

/// See [`crate::PublisherApi::chain_gather`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChainGather {
    /// The work at the end of the chain.
    pub of: ChainOf,
    /// Whether other nodes are asked for what is not here.
    pub fetch: ChainFetch,
    /// The node that has shown the record, if another one did: it may know whose keys have signed it.
    pub shown_by: Option<Url>,
}

/// What is done about works that are not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainFetch {
    /// They are missing.
    Never,
    /// Other nodes are asked, and the answer is not kept: for works that a stranger shows us.
    Read,
    /// Other nodes are asked, and copies are kept: for works of this node.
    Keep,
}

/// The work at the end of a chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainOf {
    /// One that is kept here.
    Id(ManifestId),
    /// One that the caller has; it is not kept.
    Record(Box<ManifestRecord>),
}

/// A work and the works behind it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// The work itself.
    pub work: ChainWork,
    /// What it is made from or has a share in it, at every level, the nearest first.
    pub sources: Vec<ChainWork>,
    /// What was not found.
    pub missing: Vec<MissingWork>,
    /// Why the work may not be made from its sources, if there is a reason.
    pub refusal: Option<ChainRefusal>,
}

/// One work of a chain.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChainWork {
    /// The manifest, with what others signed about it.
    #[schema(value_type = Object)]
    pub record: ManifestRecord,
    /// Whether its author signed it.
    pub signature: SignatureFinding,
    /// Who agrees with the split: its signer, if it is a contributor, and the contributors who countersigned it.
    #[schema(value_type = Vec<String>)]
    pub accepted: Vec<Did>,
    /// Contributors who have said nothing yet: their shares are held.
    #[schema(value_type = Vec<String>)]
    pub outstanding: Vec<Did>,
    /// Nodes that vouch for having seen it.
    #[schema(value_type = Vec<String>)]
    pub endorsed: Vec<Did>,
    /// Where it is from.
    pub kept: KeptWhere,
}

/// What came out of checking a manifest's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SignatureFinding {
    /// It is as its author signed it.
    Valid {
        /// Who signed.
        #[schema(value_type = String)]
        signer: Did,
    },
    /// Nobody signed it.
    Unsigned,
    /// It was changed, or somebody else signed it.
    Broken {
        /// What is wrong.
        reason: String,
    },
    /// The signer's key is not to be found, so nothing can be said.
    Unchecked {
        /// Why not.
        reason: String,
    },
}

/// Where a manifest is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "place", rename_all = "snake_case")]
pub enum KeptWhere {
    /// The caller brought it.
    Given,
    /// It was published in this node's library.
    Library,
    /// A service of this node keeps it with its goods.
    Goods,
    /// Another node has it; there is a copy here.
    Elsewhere {
        /// Where it was fetched.
        url: String,
    },
}

/// A work that is named in a chain and was not found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingWork {
    /// The manifest.
    #[schema(value_type = String)]
    pub id: ManifestId,
    /// What was tried.
    pub reason: String,
}

/// Why a work may not be made from what it says that it is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainRefusal {
    /// What the refusal is called.
    #[schema(value_type = String)]
    pub code: Code,
    /// The reason, with the way through the chain.
    pub detail: String,
}

impl Chain {
    /// A manifest of the chain.
    pub fn find(&self, id: &ManifestId) -> Option<&ChainWork> {
        let mut works = std::iter::once(&self.work).chain(&self.sources);
        works.find(|work| work.record.manifest.id == *id)
    }

    /// Refuses a work whose sources are not all known, permitting and paid.
    ///
    /// # Errors
    /// With the reason; the sources that were not found are in the member `missing`.
    pub fn require_sound(&self) -> Result<(), Problem> {
        let Some(refusal) = &self.refusal else { return Ok(()) };
        let problem = Problem::new(
            refusal.code,
            format!("The chain of this work is not in order: {}.", refusal.detail),
        );
        if self.missing.is_empty() {
            return Err(problem);
        }
        let missing: Vec<&str> = self.missing.iter().map(|work| work.id.as_str()).collect();
        Err(problem
            .with("missing", missing)
            .hint("Publish the missing manifests here first (imajin fair publish), or say where they are."))
    }

    /// The works that a share of the first one leads to, the nearest first.
    pub fn paid_sources(&self) -> Vec<&ChainWork> {
        let mut seen = BTreeSet::from([&self.work.record.manifest.id]);
        let (mut found, mut next) = (Vec::new(), VecDeque::from([&self.work]));
        while let Some(work) = next.pop_front() {
            for id in paid(&work.record.manifest) {
                if let Some(source) = self.find(id).filter(|_source| seen.insert(id)) {
                    next.push_back(source);
                    found.push(source);
                }
            }
        }
        found
    }
}

/// The manifests that have a share in this one.
fn paid(manifest: &Manifest) -> impl Iterator<Item = &ManifestId> {
    manifest.contributors.iter().filter_map(|entry| match &entry.payee {
        Payee::Fair(id) => Some(id),
        Payee::Did(_) => None,
    })
}
