use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::plan::{FeeSchedule, Plan, PlanInput, plan};
use imajin_fair::{Manifest, ManifestId, Payee, SOURCES_MAX};
use imajin_money::Money;
use imajin_pay_api::{GoodsQuote, GoodsSource, ReceiptManifest};
use imajin_proof::digest::sha256_hex;
use imajin_store::{Conn, SealedRow, row_insert_missing};
use serde::{Deserialize, Serialize};

use crate::PayError;
use crate::context::Context;
use crate::rows::{SplitRow, json_text};
use crate::schema::splits;

/// Splits that are kept in memory: one per event that sells, more or less.
const CACHED_MAX: usize = 256;

/// How prices are split: what the seller said, and the fees in force, when a checkout was opened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SplitDocument {
    pub(crate) seller: Did,
    pub(crate) manifest: Manifest,
    /// The contributors who had accepted; the others' shares wait.
    pub(crate) accepted: Vec<Did>,
    /// The manifests that shares lead to, by id: with them the split can be reckoned again forever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sources: Vec<GoodsSource>,
    pub(crate) fees: FeeSchedule,
}

/// A split that is ready to plan with.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) document: SplitDocument,
    /// The manifest as receipts name it.
    pub(crate) manifest: ReceiptManifest,
    /// Where each source stands among those of the document.
    places: HashMap<ManifestId, usize>,
}

impl Split {
    /// Refuses sources that are not the ones of their ids, or that are there twice.
    pub(crate) fn new(document: SplitDocument) -> Result<Self, PayError> {
        let sha256 = document
            .manifest
            .digest_hex()
            .map_err(|error| PayError::Fault(error.to_string()))?;
        let manifest = ReceiptManifest {
            id: document.manifest.id.clone(),
            sha256,
        };
        let mut places = HashMap::with_capacity(document.sources.len());
        for (place, source) in document.sources.iter().enumerate() {
            let id = &source.manifest.id;
            if !source.manifest.is_pinned() {
                return Err(source_wrong(id, "its content does not give its id"));
            }
            if *id == manifest.id || places.insert(id.clone(), place).is_some() {
                return Err(source_wrong(id, "it is there twice"));
            }
        }
        Ok(Self {
            document,
            manifest,
            places,
        })
    }

    pub(crate) fn of(quote: &GoodsQuote, fees: &FeeSchedule) -> Result<Self, PayError> {
        Self::new(SplitDocument {
            seller: quote.seller.canonical(),
            manifest: quote.manifest.clone(),
            accepted: sorted(&quote.accepted),
            sources: sources_with_a_share(quote)?,
            fees: fees.clone(),
        })
    }

    /// How a price is split: the same now and forever.
    ///
    /// Whoever signed a manifest has accepted it. A share of another manifest follows that one's own split.
    pub(crate) fn plan(&self, gross: Money) -> Result<Plan, PayError> {
        let document = &self.document;
        let input = PlanInput {
            gross,
            fees: &document.fees,
            seller: document.seller.clone(),
            manifest: &document.manifest,
            manifests: &|id| self.source(id).map(|source| source.manifest.clone()),
            accepted: &|id, did| self.is_accepted(id, did),
        };
        Ok(plan(&input)?)
    }

    fn source(&self, id: &ManifestId) -> Option<&GoodsSource> {
        self.document.sources.get(*self.places.get(id)?)
    }

    /// The goods' own manifest, or one that a share leads to.
    pub(crate) fn manifest_find(&self, id: &ManifestId) -> Option<&Manifest> {
        if *id == self.document.manifest.id {
            return Some(&self.document.manifest);
        }
        Some(&self.source(id)?.manifest)
    }

    fn is_accepted(&self, id: &ManifestId, did: &Did) -> bool {
        let accepted = if *id == self.document.manifest.id {
            Some(&self.document.accepted)
        } else {
            self.source(id).map(|source| &source.accepted)
        };
        let signer = self.manifest_find(id).and_then(Manifest::signer).map(Did::canonical);
        signer.as_ref() == Some(did) || accepted.is_some_and(|accepted| accepted.contains(did))
    }

    /// Stores the split, unless it is there; answers with its name.
    pub(crate) fn store(&self, conn: &mut Conn, context: &Context) -> Result<String, PayError> {
        let row = self.row()?.sealed(&context.sealer)?;
        row_insert_missing!(conn, splits, &row)?;
        Ok(row.id)
    }

    /// The name under which it is stored: of its content.
    pub(crate) fn name(&self) -> Result<String, PayError> {
        Ok(self.row()?.id)
    }

    fn row(&self) -> Result<SplitRow, PayError> {
        let document = json_text(&self.document)?;
        Ok(SplitRow {
            id: sha256_hex(document.as_bytes()),
            document,
            row_seal: Vec::new(),
        })
    }
}

fn source_wrong(id: &ManifestId, problem: &str) -> PayError {
    PayError::State {
        detail: format!("Among the sources of these goods is {id}, and {problem}."),
        hint: "Ask the seller to look at the sources of the work again.",
    }
}

/// DIDs in their native form, sorted, so that the same split always has the same name.
fn sorted(dids: &[Did]) -> Vec<Did> {
    let mut dids: Vec<Did> = dids.iter().map(Did::canonical).collect();
    dids.sort_unstable();
    dids.dedup();
    dids
}

/// The sources that a share leads to, by id; whatever else the seller has sent decides nothing and is left out.
fn sources_with_a_share(quote: &GoodsQuote) -> Result<Vec<GoodsSource>, PayError> {
    if quote.sources.len() > SOURCES_MAX {
        let detail = format!("These goods have more than {SOURCES_MAX} sources.");
        return Err(PayError::State {
            detail,
            hint: "Ask the seller for goods with fewer sources.",
        });
    }
    let mut wanted: Vec<&ManifestId> = shares_named(&quote.manifest).collect();
    let mut found: BTreeMap<&ManifestId, GoodsSource> = BTreeMap::new();
    while let Some(id) = wanted.pop() {
        if found.contains_key(id) {
            continue;
        }
        let mut same = quote.sources.iter().filter(|source| source.manifest.id == *id);
        let Some(source) = same.next() else { continue };
        if same.next().is_some() {
            return Err(source_wrong(id, "it is there twice"));
        }
        wanted.extend(shares_named(&source.manifest));
        let accepted = sorted(&source.accepted);
        let manifest = source.manifest.clone();
        found.insert(id, GoodsSource { manifest, accepted });
    }
    Ok(found.into_values().collect())
}

fn shares_named(manifest: &Manifest) -> impl Iterator<Item = &ManifestId> {
    manifest.contributors.iter().filter_map(|entry| match &entry.payee {
        Payee::Fair(id) => Some(id),
        Payee::Did(_) => None,
    })
}

impl SplitRow {
    pub(crate) fn parse(&self) -> Result<Split, PayError> {
        let damaged = || PayError::damaged(Self::TABLE, &self.id, "the document is not the one of this name");
        if sha256_hex(self.document.as_bytes()) != self.id {
            return Err(damaged());
        }
        Split::new(serde_json::from_str(&self.document).map_err(|_unreadable| damaged())?)
    }
}

/// Splits by name, read and checked once: a name fixes its content.
#[derive(Debug, Default)]
pub(crate) struct SplitCache(Mutex<HashMap<String, Arc<Split>>>);

impl SplitCache {
    /// A split, from memory or from its row.
    pub(crate) fn fetch(&self, conn: &mut Conn, context: &Context, id: &str) -> Result<Arc<Split>, PayError> {
        if let Some(split) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id) {
            return Ok(Arc::clone(split));
        }
        let row: SplitRow = splits::table.find(id).select(SplitRow::as_select()).first(conn)?;
        let split = Arc::new(row.intact(&context.sealer)?.parse()?);
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= CACHED_MAX {
            cached.clear();
        }
        cached.insert(id.to_owned(), Arc::clone(&split));
        Ok(split)
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
