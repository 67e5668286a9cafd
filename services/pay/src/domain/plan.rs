use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::plan::{FeeSchedule, Plan, PlanInput, plan};
use imajin_fair::{Manifest, ManifestId};
use imajin_money::Money;
use imajin_pay_api::{GoodsQuote, ReceiptManifest};
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
    pub(crate) fees: FeeSchedule,
}

/// A split that is ready to plan with.
#[derive(Debug)]
pub(crate) struct Split {
    pub(crate) document: SplitDocument,
    /// The manifest as receipts name it.
    pub(crate) manifest: ReceiptManifest,
}

impl Split {
    pub(crate) fn new(document: SplitDocument) -> Result<Self, PayError> {
        let sha256 = document
            .manifest
            .digest_hex()
            .map_err(|error| PayError::Fault(error.to_string()))?;
        let manifest = ReceiptManifest {
            id: document.manifest.id.clone(),
            sha256,
        };
        Ok(Self { document, manifest })
    }

    pub(crate) fn of(quote: &GoodsQuote, fees: &FeeSchedule) -> Result<Self, PayError> {
        let mut accepted: Vec<Did> = quote.accepted.iter().map(Did::canonical).collect();
        accepted.sort_unstable();
        accepted.dedup();
        Self::new(SplitDocument {
            seller: quote.seller.canonical(),
            manifest: quote.manifest.clone(),
            accepted,
            fees: fees.clone(),
        })
    }

    /// How a price is split: the same now and forever.
    ///
    /// Whoever signed the manifest has accepted it. Shares of other manifests cannot be followed: the seller's word
    /// holds the goods' own manifest only.
    pub(crate) fn plan(&self, gross: Money) -> Result<Plan, PayError> {
        let document = &self.document;
        let signer = document.manifest.signer().map(Did::canonical);
        let accepted = |manifest: &ManifestId, did: &Did| {
            *manifest == document.manifest.id
                && (signer.as_ref() == Some(did) || document.accepted.iter().any(|accepted| accepted == did))
        };
        let input = PlanInput {
            gross,
            fees: &document.fees,
            seller: document.seller.clone(),
            manifest: &document.manifest,
            manifests: &|_other| None,
            accepted: &accepted,
        };
        Ok(plan(&input)?)
    }

    /// Stores the split, unless it is there; answers with its name.
    pub(crate) fn store(&self, conn: &mut Conn, context: &Context) -> Result<String, PayError> {
        let document = json_text(&self.document)?;
        let row = SplitRow {
            id: sha256_hex(document.as_bytes()),
            document,
            row_seal: Vec::new(),
        };
        let row = row.sealed(&context.sealer)?;
        row_insert_missing!(conn, splits, &row)?;
        Ok(row.id)
    }
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
