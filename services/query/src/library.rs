//! The documents of leaders as they are searched: an index in memory for each, which follows the database.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use imajin_did::Did;
use imajin_engine::{Document, DocumentId, Documents, EngineError, Hit, Index, IndexLimits, MediaType, StoredDocument};
use imajin_store::Conn;

use crate::context::Context;
use crate::domain::documents::{document_digests, document_find};
use crate::{Query, QueryError};

/// The indexes of the leaders that were asked, by leader.
///
/// Each search first takes in what has changed since the last one: a list of digests is all that it reads for that. So
/// a document counts from its transaction on, also one that another process of this node has added.
#[derive(Clone, Default)]
pub(crate) struct Library(Arc<Mutex<HashMap<Did, Index>>>);

impl Library {
    /// The passages of a leader's documents that fit a question best. Blocking work: it runs where the database is
    /// read.
    pub(crate) fn search(
        &self,
        conn: &mut Conn,
        context: &Context,
        leader: &Did,
        question: &str,
        count: usize,
    ) -> Result<Vec<Hit>, QueryError> {
        let stored = document_digests(conn, leader)?;
        let mut indexes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = indexes
            .entry(leader.clone())
            .or_insert_with(|| Index::new(IndexLimits::default()));
        let here: HashSet<(String, String)> = stored
            .iter()
            .map(|(id, sha256)| (id.to_string(), sha256.clone()))
            .collect();
        let known: HashSet<(String, String)> = index
            .documents()
            .map(|(id, digest)| (id.as_str().to_owned(), hex::encode(digest)))
            .collect();
        for (id, _digest) in known.difference(&here) {
            index.remove(&id.parse()?);
        }
        for (id, _sha256) in stored {
            let name: DocumentId = id.to_string().parse()?;
            if index.documents().any(|(there, _)| *there == name) {
                continue;
            }
            if let Some(row) = document_find(conn, context, id)? {
                let kind: MediaType = row.media_type.parse()?;
                index.insert(&name, &Document::new(kind, &row.content)?)?;
            }
        }
        Ok(index.search(question, count))
    }
}

#[async_trait]
impl Documents for Query {
    async fn document(&self, id: &DocumentId) -> Result<Option<StoredDocument>, EngineError> {
        let Ok(id) = id.as_str().parse() else { return Ok(None) };
        let found = self.read(move |conn, context| document_find(conn, context, id)).await;
        let row = found.map_err(|error| {
            tracing::error!(%error, "a document could not be read");
            EngineError::Unavailable
        })?;
        let Some(row) = row.filter(|row| row.deleted_at.is_none()) else {
            return Ok(None);
        };
        Ok(Some(StoredDocument {
            media_type: row.media_type.parse().or(Err(EngineError::Unavailable))?,
            fair: row.manifest_id.parse().or(Err(EngineError::Unavailable))?,
            bytes: row.content,
        }))
    }
}
