use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use imajin_engine::{
    Document, DocumentId, Documents, EngineError, Index, IndexLimits, MediaType, StoredDocument, quotes,
};

use crate::id;

/// Documents in memory, and how often each was read.
#[derive(Default)]
pub(crate) struct Shelf {
    documents: BTreeMap<DocumentId, StoredDocument>,
    reads: Mutex<usize>,
}

#[async_trait]
impl Documents for Shelf {
    async fn document(&self, id: &DocumentId) -> Result<Option<StoredDocument>, EngineError> {
        *self.reads.lock().unwrap() += 1;
        Ok(self.documents.get(id).cloned())
    }
}

impl Shelf {
    pub(crate) fn put(&mut self, name: &str, media_type: MediaType, text: &str) {
        let stored = StoredDocument {
            media_type,
            bytes: text.as_bytes().to_vec(),
            fair: format!("fair_{name}").parse().unwrap(),
        };
        self.documents.insert(id(name), stored);
    }

    pub(crate) fn index(&self) -> Index {
        let mut index = Index::new(IndexLimits::default());
        for (id, stored) in &self.documents {
            let document = Document::new(stored.media_type, &stored.bytes).unwrap();
            index.insert(id, &document).unwrap();
        }
        index
    }
}

fn shelf() -> Shelf {
    let mut shelf = Shelf::default();
    shelf.put(
        "holds",
        MediaType::Markdown,
        "# Holds\n\nA *hold* waits.\n\n# Ends\n\nA hold is voided, or it is captured.",
    );
    shelf.put("names", MediaType::Html, "<p>A name is kept.</p>");
    shelf
}

#[tokio::test]
async fn a_quote_names_its_document_its_bytes_and_its_manifest() {
    let shelf = shelf();
    let hits = shelf.index().search("how is a hold captured", 5);
    let found = quotes(&hits, &shelf).await.unwrap();
    let best = &found[0];
    assert_eq!(best.text, "Ends\nA hold is voided, or it is captured.");
    assert_eq!((best.document.as_str(), best.fair.as_str()), ("holds", "fair_holds"));
    let stored = &shelf.documents[&best.document];
    assert_eq!(
        &stored.bytes[best.source.clone()],
        b"Ends\n\nA hold is voided, or it is captured."
    );
    let document = Document::new(stored.media_type, &stored.bytes).unwrap();
    assert_eq!(best.sha256, hex::encode(document.digest()));
    let documents: std::collections::BTreeSet<_> = found.iter().map(|quote| &quote.document).collect();
    assert_eq!(
        *shelf.reads.lock().unwrap(),
        documents.len(),
        "each document is read once"
    );
    let json = serde_json::to_value(best).unwrap();
    assert_eq!(serde_json::from_value::<imajin_engine::Quote>(json).unwrap(), *best);
}

#[tokio::test]
async fn a_document_that_has_changed_is_not_quoted() {
    let mut shelf = shelf();
    let hits = shelf.index().search("hold", 5);
    shelf.put("holds", MediaType::Markdown, "# Holds\n\nA hold is something else now.");
    assert_eq!(quotes(&hits, &shelf).await, Err(EngineError::Stale));
    shelf.documents.clear();
    assert_eq!(quotes(&hits, &shelf).await, Err(EngineError::Stale));
}

#[tokio::test]
async fn without_hits_there_is_nothing_to_quote() {
    let shelf = shelf();
    let hits = shelf.index().search("zebra", 5);
    assert_eq!(quotes(&hits, &shelf).await, Err(EngineError::NothingFound));
}
