use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use imajin_kernel::{Code, Problem};
use imajin_store::Db;
use imajin_web::Identities;
use tokio::sync::oneshot;

use crate::PayError;
use crate::context::Context;
use crate::domain::settle::{Settled, settle_batch};
use crate::domain::settle_prepare::{SettleJob, SettleWish, settle_prepare};

/// Settlements that share their statements; more wait for the next batch.
const BATCH_MAX: usize = 256;
/// Batches on their way at once: while one is being synced to disk, the next is booked.
const LEADERS_MAX: usize = 2;

type Answer = Result<Settled, Problem>;
type Waiting = (SettleWish, oneshot::Sender<Answer>);

/// Books the settlements of many callers together.
///
/// Whoever comes first books for all who wait: no task of its own, no timer, and a lone caller waits for nobody.
#[derive(Clone)]
pub(crate) struct Settler(Arc<Shared>);

struct Shared {
    db: Db,
    context: Context,
    identities: Arc<dyn Identities>,
    waiting: Mutex<Vec<Waiting>>,
    leaders: AtomicUsize,
}

/// Gives the lead back, also when the leader's future is dropped halfway.
struct Lead<'a>(&'a AtomicUsize);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Settler {
    pub(crate) fn new(db: Db, context: Context, identities: Arc<dyn Identities>) -> Self {
        let waiting = Mutex::new(Vec::new());
        Self(Arc::new(Shared {
            db,
            context,
            identities,
            waiting,
            leaders: AtomicUsize::new(0),
        }))
    }

    /// Books a settlement; answers when it is durable.
    pub(crate) async fn settle(&self, wish: SettleWish) -> Answer {
        let (sender, mut receiver) = oneshot::channel();
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((wish, sender));
        loop {
            if let Some(lead) = self.lead() {
                self.batches_book(lead).await;
            }
            match receiver.try_recv() {
                Ok(answer) => return answer,
                Err(oneshot::error::TryRecvError::Closed) => return Err(Problem::unavailable("The ledger")),
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            // Somebody else leads. When that future is dropped before it took this one, nobody does: look again.
            tokio::select! {
                answer = &mut receiver => {
                    return answer.unwrap_or_else(|_dropped| Err(Problem::unavailable("The ledger")));
                }
                () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
            }
        }
    }

    fn lead(&self) -> Option<Lead<'_>> {
        let mut leaders = self.0.leaders.load(Ordering::Acquire);
        while leaders < LEADERS_MAX {
            let next = leaders.saturating_add(1);
            match self
                .0
                .leaders
                .compare_exchange_weak(leaders, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Some(Lead(&self.0.leaders)),
                Err(now) => leaders = now,
            }
        }
        None
    }

    async fn batches_book(&self, mut lead: Lead<'_>) {
        loop {
            let batch = self.batch_take();
            if !batch.is_empty() {
                self.batch_book(batch).await;
                continue;
            }
            drop(lead);
            // A wish that came between the look and the drop found no lead free, and waits for somebody.
            if self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                return;
            }
            let Some(again) = self.lead() else { return };
            lead = again;
        }
    }

    fn batch_take(&self) -> Vec<Waiting> {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(BATCH_MAX);
        waiting.drain(..count).collect()
    }

    async fn batch_book(&self, batch: Vec<Waiting>) {
        let (wishes, senders): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let count = wishes.len();
        let answers = match self.planned(wishes).await {
            Ok(planned) => self.planned_book(planned).await,
            Err(error) => vec![Err(Problem::from(error)); count],
        };
        for (sender, answer) in senders.into_iter().zip(answers) {
            // Whoever does not wait any more asks again, and learns that it is settled.
            let _gone = sender.send(answer);
        }
    }

    async fn planned(&self, wishes: Vec<SettleWish>) -> Result<Vec<Result<SettleJob, PayError>>, PayError> {
        let context = self.0.context.clone();
        let mut planned = self
            .0
            .db
            .read(move |conn| settle_prepare(conn, &context, wishes))
            .await?;
        for job in planned.iter_mut().flatten() {
            job.contracts.reach(&*self.0.identities).await;
        }
        Ok(planned)
    }

    /// Books what could be planned; the answers are in the order of the plans.
    async fn planned_book(&self, planned: Vec<Result<SettleJob, PayError>>) -> Vec<Answer> {
        let mut answers: Vec<Option<Answer>> = Vec::with_capacity(planned.len());
        let mut jobs = Vec::with_capacity(planned.len());
        for plan in planned {
            match plan {
                Ok(job) => {
                    jobs.push(job);
                    answers.push(None);
                }
                Err(error) => answers.push(Some(Err(error.into()))),
            }
        }
        let mut booked = self.jobs_book(jobs).await.into_iter();
        let lost = || Err(Problem::internal());
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(|| booked.next().unwrap_or_else(lost)))
            .collect()
    }

    async fn jobs_book(&self, jobs: Vec<SettleJob>) -> Vec<Answer> {
        let jobs: Vec<Arc<SettleJob>> = jobs.into_iter().map(Arc::new).collect();
        match self.write(jobs.clone()).await {
            Ok(answers) => answers
                .into_iter()
                .map(|answer| answer.map_err(Problem::from))
                .collect(),
            // One of them may be what stopped the batch: each on its own then.
            Err(error) if jobs.len() > 1 && error.code() != Code::Unavailable => self.each_book(&jobs).await,
            Err(error) => vec![Err(Problem::from(error)); jobs.len()],
        }
    }

    async fn each_book(&self, jobs: &[Arc<SettleJob>]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            let answer = self.write(vec![Arc::clone(job)]).await;
            let only = answer.and_then(|mut answers| answers.pop().unwrap_or(Ok(Settled::Before)));
            answers.push(only.map_err(Problem::from));
        }
        answers
    }

    async fn write(&self, jobs: Vec<Arc<SettleJob>>) -> Result<Vec<Result<Settled, PayError>>, PayError> {
        let context = self.0.context.clone();
        self.0.db.write(move |conn| settle_batch(conn, &context, &jobs)).await
    }
}
