//! The graph in memory: read from the database at the start, and made to follow it from then on.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use imajin_did::Did;
use imajin_store::Db;
use imajin_trust_graph::Graph;
use tokio::sync::{Mutex, watch};

use crate::ConnectionsError;
use crate::context::Context;
use crate::domain::find::{changes_since, ties_page};
use crate::domain::sequence::sequence_last;
use crate::rows::StatementRow;

/// The graph, and the last change that it has seen.
struct Held {
    graph: Graph,
    seq: i64,
}

/// The graph of one process.
pub(crate) struct Live {
    held: Arc<RwLock<Held>>,
    /// One at a time reads what has changed.
    following: Mutex<()>,
    seen: watch::Sender<i64>,
}

fn full(error: imajin_trust_graph::GraphFull) -> ConnectionsError {
    ConnectionsError::Fault(error.to_string())
}

impl Live {
    /// Reads everything that counts.
    pub(crate) async fn load(db: &Db, context: &Context) -> Result<Self, ConnectionsError> {
        let reading = context.clone();
        // What changes while the pages are read is followed afterwards: to follow it twice changes nothing.
        let held = db.read(move |conn| {
            let seq = sequence_last(conn)?;
            let mut people: HashMap<String, Did> = HashMap::new();
            let mut graph = Graph::new();
            let mut after = String::new();
            loop {
                let page = ties_page(conn, &reading, &after)?;
                let Some(last) = page.last() else { break };
                after = last.statement.to_string();
                for row in &page {
                    let edge = row.edge(|text| {
                        if let Some(did) = people.get(text) {
                            return Some(did.clone());
                        }
                        let did: Did = text.parse().ok()?;
                        people.insert(text.to_owned(), did.clone());
                        Some(did)
                    })?;
                    graph.put(&edge).map_err(full)?;
                }
            }
            graph.compact();
            Ok::<_, ConnectionsError>(Held { graph, seq })
        });
        let held = held.await?;
        let (seen, _receiver) = watch::channel(held.seq);
        let live = Self {
            held: Arc::new(RwLock::new(held)),
            following: Mutex::new(()),
            seen,
        };
        live.follow(db, context).await?;
        Ok(live)
    }

    /// Looks at the graph, together with the last change that it has seen.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Graph, i64) -> T) -> T {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        look(&held.graph, held.seq)
    }

    /// The last change that the graph has seen.
    pub(crate) fn seq(&self) -> i64 {
        self.look(|_graph, seq| seq)
    }

    /// Tells of each further change.
    pub(crate) fn watch(&self) -> watch::Receiver<i64> {
        self.seen.subscribe()
    }

    /// Brings the graph up to the database, whoever has written there.
    pub(crate) async fn follow(&self, db: &Db, context: &Context) -> Result<(), ConnectionsError> {
        let _turn = self.following.lock().await;
        loop {
            let (since, reading) = (self.seq(), context.clone());
            let changes = db.read(move |conn| {
                if sequence_last(conn)? <= since {
                    return Ok(Vec::new());
                }
                changes_since(conn, &reading, since)
            });
            let changes = changes.await?;
            if changes.is_empty() {
                return Ok(());
            }
            self.apply(&changes)?;
        }
    }

    fn apply(&self, changes: &[StatementRow]) -> Result<(), ConnectionsError> {
        // Nothing half-read is applied: what cannot be read stops before the first change.
        let changes: Vec<_> = changes
            .iter()
            .map(|row| Ok((row.edge()?, row.counts(), row.seq)))
            .collect::<Result<_, ConnectionsError>>()?;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        for (edge, counts, seq) in &changes {
            if *counts {
                held.graph.put(edge).map_err(full)?;
            } else if held.graph.tie_between(&edge.from, &edge.to, edge.tie) == Some(edge.statement) {
                held.graph.remove(&edge.from, &edge.to, edge.tie);
            }
            held.seq = held.seq.max(*seq);
        }
        let seq = held.seq;
        drop(held);
        self.seen.send_replace(seq);
        Ok(())
    }
}
