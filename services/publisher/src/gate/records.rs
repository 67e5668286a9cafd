use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use imajin_gate::{AccessRecord, Records};
use imajin_kernel::{Problem, Span};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use super::GateBooks;
use super::strangers::Strangers;
use crate::domain::charge::charges_purge;
use crate::domain::dispute::disputes_purge;
use crate::domain::feedback::feedback_purge;
use crate::domain::record::{records_append, records_purge};

/// How many records wait to be written at most; then requests wait too.
const WAITING_MAX: usize = 4_096;
/// How many are written together, and signed once.
const BATCH: usize = 256;
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How many are forgotten at once.
const FORGOTTEN_MAX: usize = 1_000;
/// How often that is done in one round: more than a gate writes down in the time of one.
const FORGETS_MAX: usize = 200;
/// How long a charge that came to nothing is remembered: pay has long decided about it.
const OPEN_FOR: Span = Span::days(7);

/// Records on their way into the database.
pub(super) struct RecordQueue {
    into: mpsc::Sender<AccessRecord>,
    from: Mutex<mpsc::Receiver<AccessRecord>>,
    strangers: Strangers,
}

impl RecordQueue {
    pub(super) fn new() -> Self {
        let (into, from) = mpsc::channel(WAITING_MAX);
        Self {
            into,
            from: Mutex::new(from),
            strangers: Strangers::default(),
        }
    }
}

#[async_trait]
impl Records for GateBooks {
    async fn record(&self, record: AccessRecord) {
        let (left_out, is_kept) = self.queue.strangers.take(&record);
        if let Some(sum) = left_out {
            self.enqueue(sum).await;
        }
        if is_kept {
            self.enqueue(record).await;
        }
    }
}

impl GateBooks {
    async fn enqueue(&self, record: AccessRecord) {
        if self.queue.into.send(record).await.is_err() {
            tracing::error!("a decision of a gate was not written down");
        }
    }

    /// Writes down what waits. The background task calls it; it is not needed before an answer leaves.
    ///
    /// # Errors
    /// When the database does not answer: then nothing is lost but time, and it is tried again.
    pub async fn records_write(&self) -> Result<usize, Problem> {
        let mut from = self.queue.from.lock().await;
        let mut batch = Vec::new();
        while let Ok(record) = from.try_recv() {
            batch.push(record);
            if batch.len() >= BATCH {
                break;
            }
        }
        let count = batch.len();
        self.batch_write(&Arc::from(batch)).await?;
        Ok(count)
    }

    async fn batch_write(&self, batch: &Arc<[AccessRecord]>) -> Result<(), Problem> {
        if batch.is_empty() {
            return Ok(());
        }
        let (site, batch) = (self.site.name.clone(), Arc::clone(batch));
        let written = self
            .publisher
            .write(move |conn, context| records_append(conn, context, &site, &batch));
        Ok(written.await?)
    }

    pub(super) async fn records_keep(&self, stop: &CancellationToken) {
        let mut from = self.queue.from.lock().await;
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                _count = from.recv_many(&mut batch, BATCH) => {}
                () = stop.cancelled() => {
                    // Requests that were open when the stop came have been answered by now, or are cut.
                    while let Ok(record) = from.try_recv() {
                        batch.push(record);
                    }
                    batch.extend(self.queue.strangers.end());
                }
            }
            let batch = Arc::from(batch);
            while let Err(problem) = self.batch_write(&batch).await {
                tracing::warn!(%problem, "decisions of a gate were not written down yet");
                let pause = tokio::time::sleep(RETRY_AFTER);
                if stop.run_until_cancelled(pause).await.is_none() {
                    return;
                }
            }
            if stop.is_cancelled() && from.is_empty() {
                return;
            }
        }
    }

    /// Forgets what is older than records are kept, a part at a time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget(&self) -> Result<usize, Problem> {
        if let Some(sum) = self.queue.strangers.end_before(self.publisher.context.env.now()) {
            self.enqueue(sum).await;
        }
        let mut forgotten: usize = 0;
        for _part in 0..FORGETS_MAX {
            let part = self.records_forget().await?;
            forgotten = forgotten.saturating_add(part);
            if part < FORGOTTEN_MAX {
                break;
            }
        }
        let (site, kept) = (self.site.name.clone(), self.site.kept);
        let others = self.publisher.write(move |conn, context| {
            let now = context.env.now();
            let before = now.minus(kept);
            // A record follows its charge: the charge goes after it.
            charges_purge(conn, &site, before.minus(Span::days(1)), now.minus(OPEN_FOR))?;
            disputes_purge(conn, &site, before)?;
            feedback_purge(conn, &site, before)?;
            Ok(())
        });
        others.await?;
        Ok(forgotten)
    }

    async fn records_forget(&self) -> Result<usize, Problem> {
        let (site, kept) = (self.site.name.clone(), self.site.kept);
        let forgotten = self.publisher.write(move |conn, context| {
            let before = context.env.now().minus(kept);
            records_purge(conn, context, &site, (before, FORGOTTEN_MAX))
        });
        Ok(forgotten.await?)
    }
}
