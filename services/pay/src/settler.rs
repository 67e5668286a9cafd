use std::collections::BTreeSet;
use std::sync::Arc;

use imajin_did::Did;
use imajin_kernel::{Code, Problem};
use imajin_store::Db;
use imajin_web::Identities;

use crate::PayError;
use crate::batching::{Batching, Limits};
use crate::context::Context;
use crate::domain::distribute::unreachable_of;
use crate::domain::settle::{Settled, settle_batch};
use crate::domain::settle_prepare::{SettleJob, SettleWish, settle_prepare};

/// Settlements of a batch share their statements. While one batch is being synced to disk, the next is booked.
const LIMITS: Limits = Limits { batch: 256, leads: 2 };

type Answer = Result<Settled, Problem>;

/// A settlement that is asked for, and who of the recipients that its contracts name cannot be paid, once that is
/// known.
#[derive(Clone)]
struct Ask {
    wish: SettleWish,
    unreachable: Option<BTreeSet<Did>>,
}

/// What becomes of it in a batch.
enum Reply {
    Done(Answer),
    /// Contracts decide about it: who asks has to find out first whether these can be paid. The batch does not wait for
    /// that, since strangers run the hosts that are asked.
    Reach(BTreeSet<Did>),
}

/// Books the settlements of many callers together.
#[derive(Clone)]
pub(crate) struct Settler(Arc<Shared>);

struct Shared {
    db: Db,
    context: Context,
    identities: Arc<dyn Identities>,
    batching: Batching<Ask, Reply>,
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
        let first = Ask {
            wish: wish.clone(),
            unreachable: None,
        };
        let recipients = match self.ask(first).await {
            Reply::Done(answer) => return answer,
            Reply::Reach(recipients) => recipients,
        };
        let unreachable = Some(unreachable_of(&*self.0.identities, recipients).await);
        match self.ask(Ask { wish, unreachable }).await {
            Reply::Done(answer) => answer,
            Reply::Reach(_) => Err(Problem::internal()),
        }
    }

    async fn ask(&self, ask: Ask) -> Reply {
        let answer = self.0.batching.ask(ask, |asks| self.batch_book(asks)).await;
        // Whoever asks again learns that it is settled, if it is.
        answer.unwrap_or_else(|| Reply::Done(Err(Problem::unavailable("The ledger"))))
    }

    async fn batch_book(&self, asks: Vec<Ask>) -> Vec<Reply> {
        let count = asks.len();
        match self.planned(asks).await {
            Ok(planned) => self.planned_book(planned).await,
            Err(error) => {
                let problem = Problem::from(error);
                (0..count).map(|_| Reply::Done(Err(problem.clone()))).collect()
            }
        }
    }

    async fn planned(&self, asks: Vec<Ask>) -> Result<Vec<Result<SettleJob, Reply>>, PayError> {
        let context = self.0.context.clone();
        let (wishes, known): (Vec<_>, Vec<_>) = asks.into_iter().map(|ask| (ask.wish, ask.unreachable)).unzip();
        let planned = self
            .0
            .db
            .read(move |conn| settle_prepare(conn, &context, wishes))
            .await?;
        let plan = |(job, known): (Result<SettleJob, PayError>, Option<BTreeSet<Did>>)| {
            let mut job = job.map_err(|error| Reply::Done(Err(error.into())))?;
            let recipients = job.contracts.recipients();
            match known {
                Some(unreachable) => job.contracts.unreachable = unreachable,
                None if recipients.is_empty() => {}
                None => return Err(Reply::Reach(recipients)),
            }
            Ok(job)
        };
        Ok(planned.into_iter().zip(known).map(plan).collect())
    }

    /// Books what could be planned; the answers are in the order of the plans.
    async fn planned_book(&self, planned: Vec<Result<SettleJob, Reply>>) -> Vec<Reply> {
        let mut answers: Vec<Option<Reply>> = Vec::with_capacity(planned.len());
        let mut jobs = Vec::with_capacity(planned.len());
        for plan in planned {
            match plan {
                Ok(job) => {
                    jobs.push(job);
                    answers.push(None);
                }
                Err(reply) => answers.push(Some(reply)),
            }
        }
        let mut booked = self.jobs_book(jobs).await.into_iter();
        let mut next = || Reply::Done(booked.next().unwrap_or_else(|| Err(Problem::internal())));
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or_else(&mut next))
            .collect()
    }

    async fn jobs_book(&self, jobs: Vec<SettleJob>) -> Vec<Answer> {
        if jobs.is_empty() {
            return Vec::new();
        }
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
