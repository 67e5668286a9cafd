//! The graph in memory: read from the database at the start, and made to follow it from then on.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, PoisonError, RwLock};

use imajin_did::Did;
use imajin_store::Db;
use imajin_trust_graph::{Edge, Graph, Person};
use tokio::sync::{Mutex, watch};

use crate::ConnectionsError;
use crate::context::Context;
use crate::domain::find::{changes_since, ties_page};
use crate::domain::sequence::sequence_last;
use crate::rows::{StatementRow, TieRow};

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

/// So many pages are read before the graph has taken them.
const PAGES_AHEAD: usize = 2;

/// A page of ties on its way into the graph. People are named by the order in which they were first read: to look
/// them up takes the reading thread as long as to put the ties in takes the other.
#[derive(Default)]
struct Page {
    newcomers: Vec<String>,
    ties: Vec<Edge<usize>>,
}

impl Page {
    fn of(rows: &[TieRow], numbers: &mut HashMap<String, usize>) -> Result<Self, ConnectionsError> {
        let mut page = Self::default();
        for row in rows {
            page.ties.push(row.edge(|did| {
                numbers.get(did).copied().unwrap_or_else(|| {
                    let number = numbers.len();
                    numbers.insert(did.to_owned(), number);
                    page.newcomers.push(did.to_owned());
                    number
                })
            })?);
        }
        Ok(page)
    }
}

/// Makes the graph of the ties that another thread reads.
fn build(pages: &Receiver<Page>) -> Result<Graph, ConnectionsError> {
    let mut people: Vec<Person> = Vec::new();
    let mut graph = Graph::new();
    for page in pages {
        for did in page.newcomers {
            let invalid = |_error| ConnectionsError::damaged("ties", &did, "it cannot be read");
            let did: Did = did.parse().map_err(invalid)?;
            people.push(graph.person(&did).map_err(full)?);
        }
        for tie in page.ties {
            let between = tie.between(|number| people.get(*number).copied());
            let between = between.ok_or_else(|| ConnectionsError::Fault("a tie of nobody".to_owned()))?;
            graph.put_between(&between).map_err(full)?;
        }
    }
    graph.compact();
    Ok(graph)
}

impl Live {
    /// Reads everything that counts.
    pub(crate) async fn load(db: &Db, context: &Context) -> Result<Self, ConnectionsError> {
        let (pages, pages_read) = sync_channel(PAGES_AHEAD);
        let (reading, building) = (context.clone(), tokio::task::spawn_blocking(move || build(&pages_read)));
        // What changes while the pages are read is followed afterwards: to follow it twice changes nothing.
        let seq = db.read(move |conn| {
            let seq = sequence_last(conn)?;
            let mut numbers = HashMap::new();
            let mut rows = ties_page(conn, &reading, "")?;
            while let Some(last) = rows.last() {
                if pages.send(Page::of(&rows, &mut numbers)?).is_err() {
                    // The other side has met an error, which is told below.
                    break;
                }
                rows = ties_page(conn, &reading, &last.statement.to_string())?;
            }
            Ok::<_, ConnectionsError>(seq)
        });
        let (seq, graph) = (seq.await, building.await);
        let (seq, graph) = (
            seq?,
            graph.map_err(|error| ConnectionsError::Fault(error.to_string()))??,
        );
        let (seen, _receiver) = watch::channel(seq);
        let live = Self {
            held: Arc::new(RwLock::new(Held { graph, seq })),
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

    /// The same on a thread of its own, for what takes long.
    pub(crate) async fn look_long<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Graph, i64) -> T + Send + 'static,
    ) -> Result<T, ConnectionsError> {
        let held = Arc::clone(&self.held);
        let looking = tokio::task::spawn_blocking(move || {
            let held = held.read().unwrap_or_else(PoisonError::into_inner);
            look(&held.graph, held.seq)
        });
        let broken = |error: tokio::task::JoinError| ConnectionsError::Fault(format!("a long look broke: {error}"));
        looking.await.map_err(broken)
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
