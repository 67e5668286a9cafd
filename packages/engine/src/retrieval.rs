use std::collections::BTreeMap;
use std::ops::Range;

use async_trait::async_trait;
use imajin_fair::ManifestId;
use serde::{Deserialize, Serialize};

use crate::{Document, DocumentId, EngineError, Hit, MediaType, Passage, passages};

/// A document as its service keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// What kind it is.
    pub media_type: MediaType,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The manifest that says who made it.
    pub fair: ManifestId,
}

/// Where documents are kept.
#[async_trait]
pub trait Documents: Send + Sync {
    /// A document; `None` when there is none of this name any more.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`].
    async fn document(&self, id: &DocumentId) -> Result<Option<StoredDocument>, EngineError>;
}

/// A passage that is quoted, with everything that one needs to check the quotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// From which document.
    pub document: DocumentId,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Its manifest: to whom the passage is attributed.
    pub fair: ManifestId,
    /// Which bytes of the document are quoted.
    pub source: Range<usize>,
    /// What they say.
    pub text: String,
}

/// Reads what was found from the documents themselves. Each is read once, and must be the one that was indexed.
///
/// # Errors
/// [`EngineError::Stale`] when a document is gone or has changed, [`EngineError::NothingFound`] when there are no hits,
/// or what `documents` says.
pub async fn quotes(hits: &[Hit], documents: &dyn Documents) -> Result<Vec<Quote>, EngineError> {
    let mut by_document: BTreeMap<&DocumentId, (ManifestId, Vec<Passage>)> = BTreeMap::new();
    let mut quotes = Vec::with_capacity(hits.len());
    for hit in hits {
        if !by_document.contains_key(&hit.document) {
            let stored = documents.document(&hit.document).await?.ok_or(EngineError::Stale)?;
            let document = Document::new(stored.media_type, &stored.bytes).or(Err(EngineError::Stale))?;
            if document.digest() != hit.digest {
                return Err(EngineError::Stale);
            }
            by_document.insert(&hit.document, (stored.fair, passages(&document)));
        }
        let found = by_document.get(&hit.document);
        let found = found.and_then(|(fair, passages)| Some((fair, passages.get(hit.ordinal)?)));
        let (fair, passage) = found.ok_or(EngineError::Stale)?;
        quotes.push(Quote {
            document: hit.document.clone(),
            sha256: hex::encode(hit.digest),
            fair: fair.clone(),
            source: passage.source.clone(),
            text: passage.text.clone(),
        });
    }
    if quotes.is_empty() {
        return Err(EngineError::NothingFound);
    }
    Ok(quotes)
}
