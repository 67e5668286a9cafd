use std::sync::Arc;

use imajin_kernel::{Code, Problem};
use imajin_store::Db;
use imajin_web::Identities;

use crate::PayError;
use crate::batching::{Batching, Limits};
use crate::context::Context;
use crate::domain::settle::{Settled, settle_batch};
use crate::domain::settle_prepare::{SettleJob, SettleWish, settle_prepare};

/// Settlements of a batch share their statements. While one batch is being synced to disk, the next is booked.
const LIMITS: Limits = Limits { batch: 256, leads: 2 };

type Answer = Result<Settled, Problem>;

/// Books the settlements of many callers together.
#[derive(Clone)]
pub(crate) struct Settler(Arc<Shared>);

struct Shared {
    db: Db,
    context: Context,
    identities: Arc<dyn Identities>,
    batching: Batching<SettleWish, Answer>,
}

impl Settler {
    pub(crate) fn new(db: Db, context: Context, identities: Arc<dyn Identities>) -> Self {
        Self(Arc::new(Shared {
            db,
            context,
            identities,
            batching: Batching::new(LIMITS),
        }))
    }

    /// Books a settlement; answers when it is durable.
    pub(crate) async fn settle(&self, wish: SettleWish) -> Answer {
        let answer = self.0.batching.ask(wish, |wishes| self.batch_book(wishes)).await;
        // Whoever asks again learns that it is settled, if it is.
        answer.unwrap_or_else(|| Err(Problem::unavailable("The ledger")))
    }

    async fn batch_book(&self, wishes: Vec<SettleWish>) -> Vec<Answer> {
        let count = wishes.len();
        match self.planned(wishes).await {
            Ok(planned) => self.planned_book(planned).await,
            Err(error) => vec![Err(Problem::from(error)); count],
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
