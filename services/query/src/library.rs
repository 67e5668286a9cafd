//! The documents of leaders as they are searched: an index in memory for each, which follows the database.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use imajin_did::Did;
use imajin_engine::{Document, DocumentId, Documents, EngineError, Hit, Index, IndexLimits, MediaType, StoredDocument};
use imajin_store::Conn;

use crate::context::Context;
use crate::domain::documents::{document_digests, document_find};
use crate::{Query, QueryError};

/// How many leaders' indexes are kept in memory. Whoever is asked after that has theirs made anew.
const LEADERS_MAX: usize = 16;
/// How much memory they may need together, besides the one that was searched last.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The indexes of the leaders that were asked last.
///
/// Each search first takes in what has changed since the last one: a list of digests is all that it reads for that. So
/// a document counts from its transaction on, also one that another process of this node has added.
#[derive(Clone, Default)]
pub(crate) struct Library(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    indexes: HashMap<Did, Shelved>,
    searches: u64,
}

struct Shelved {
    index: Arc<Mutex<Index>>,
    /// The number of the last search in it.
    used: u64,
    /// How much memory it needed then.
    bytes: usize,
}

impl Shelf {
    fn index_of(&mut self, leader: &Did) -> Arc<Mutex<Index>> {
        self.searches = self.searches.saturating_add(1);
        if !self.indexes.contains_key(leader) && self.indexes.len() >= LEADERS_MAX {
            self.oldest_remove();
        }
        let shelved = self.indexes.entry(leader.clone()).or_insert_with(|| Shelved {
            index: Arc::new(Mutex::new(Index::new(IndexLimits::default()))),
            used: 0,
            bytes: 0,
        });
        shelved.used = self.searches;
        Arc::clone(&shelved.index)
    }

    fn oldest_remove(&mut self) {
        let oldest = self.indexes.iter().min_by_key(|(_, shelved)| shelved.used);
        if let Some(oldest) = oldest.map(|(did, _)| did.clone()) {
            self.indexes.remove(&oldest);
        }
    }

    /// Notes how much an index needs, and makes room for it.
    fn grown(&mut self, leader: &Did, bytes: usize) {
        if let Some(shelved) = self.indexes.get_mut(leader) {
            shelved.bytes = bytes;
        }
        let all = |shelf: &Self| shelf.indexes.values().map(|shelved| shelved.bytes).sum::<usize>();
        while self.indexes.len() > 1 && all(self) > BYTES_MAX {
            self.oldest_remove();
        }
    }
}

impl Library {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
        let index = self.shelf().index_of(leader);
        // One leader's questions wait for each other here, and for nobody else's.
        let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
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
                // The oldest documents come first: those behind one that does not fit wait until something is removed.
                if index.insert(&name, &Document::new(kind, &row.content)?).is_err() {
                    tracing::warn!(%leader, document = %id, "an index is full");
                    break;
                }
            }
        }
        self.shelf().grown(leader, index.bytes());
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

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;

    use super::*;

    #[test]
    fn whoever_was_asked_least_recently_makes_room() {
        let leader = |number: usize| {
            let mut seed = [0; 32];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            SecretKey::from_seed(seed).did()
        };
        let mut shelf = Shelf::default();
        let first = shelf.index_of(&leader(0));
        for number in 1..LEADERS_MAX {
            shelf.index_of(&leader(number));
        }
        assert!(Arc::ptr_eq(&first, &shelf.index_of(&leader(0))), "it is kept");
        shelf.index_of(&leader(LEADERS_MAX));
        assert_eq!(shelf.indexes.len(), LEADERS_MAX);
        assert!(Arc::ptr_eq(&first, &shelf.index_of(&leader(0))), "it was asked since");
        assert!(!shelf.indexes.contains_key(&leader(1)));
    }

    #[test]
    fn indexes_need_a_bounded_memory_together() {
        let leader = |number: u8| SecretKey::from_seed([number; 32]).did();
        let mut shelf = Shelf::default();
        for number in 0..5 {
            shelf.index_of(&leader(number));
            shelf.grown(&leader(number), BYTES_MAX / 4);
        }
        assert_eq!(shelf.indexes.len(), 4);
        assert!(!shelf.indexes.contains_key(&leader(0)));
        shelf.index_of(&leader(7));
        shelf.grown(&leader(7), BYTES_MAX * 2);
        assert_eq!(shelf.indexes.len(), 1, "it is searched all the same");
    }
}
