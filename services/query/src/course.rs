//! A question on its way: hold, inference, capture. Each step is durable before the next begins.

use std::sync::Arc;
use std::time::Duration;

use imajin_did::Did;
use imajin_engine::{Answered, Engine, EngineError, Finish, Output, Question, Usage, quotes};
use imajin_kernel::id::{CheckoutId, QuestionId, ReceiptId};
use imajin_kernel::{Code, Problem};
use imajin_mjn::Means;
use imajin_pay_api::{ANSWER_GOODS, CheckoutFetch, CheckoutState, GoodsHold, GoodsRef, HoldMeans};
use imajin_query_api::{AnswerBody, LeaderTerms};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::answer::Made;
use crate::domain::questions::{
    Left, question_answered, question_fail, question_find, question_held, question_settled, questions_left,
};
use crate::rows::QuestionRow;
use crate::{Query, QueryError, Step};

/// Pieces of an answer that wait for their reader.
const PIECES_MAX: usize = 64;

/// A question that is written down, with what is not.
pub(crate) struct Work {
    pub(crate) row: QuestionRow,
    pub(crate) query: String,
    pub(crate) terms: LeaderTerms,
    pub(crate) means: Means,
    /// Whoever reads along. When they go, the answer ends with what they have got.
    pub(crate) reader: Option<mpsc::Sender<Piece>>,
}

/// What a reader is told while the answer is made.
#[derive(Debug)]
pub(crate) enum Piece {
    /// The money is held, and this receipt is reserved: the answer begins.
    Begun(Option<ReceiptId>),
    /// A piece of the answer.
    Text(String),
}

impl Query {
    /// Takes a question from where it is written down to its end: an answer that is settled, or none and no charge.
    pub(crate) async fn carry(self: &Arc<Self>, work: Work) -> Result<QuestionRow, QueryError> {
        let interrupt = &self.config.interrupt;
        interrupt.at(Step::Placed)?;
        let held = match self.hold(&work).await {
            Ok(held) => held,
            // What pay has held all the same it gives back as soon as it asks.
            Err(problem) => return Err(self.give_up(&work.row, problem).await),
        };
        interrupt.at(Step::HoldAnswered)?;
        let id = work.row.id;
        let row = self
            .write(move |conn, context| question_held(conn, context, id, held))
            .await?;
        interrupt.at(Step::Held)?;
        if let Some(reader) = &work.reader {
            // It is the first piece, so there is room. Whoever has gone already is noticed when the next is written.
            let _gone = reader.try_send(Piece::Begun(row.receipt_id));
        }
        let answer = match self.infer(&row, &work).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.give_up(&row, error.into()).await),
        };
        interrupt.at(Step::EngineAnswered)?;
        let row = self
            .write(move |conn, context| question_answered(conn, context, &answer))
            .await?;
        interrupt.at(Step::Answered)?;
        self.settle(row).await
    }

    /// Has pay set the most that the answer may cost aside; nothing where it is free.
    async fn hold(&self, work: &Work) -> Result<Option<(CheckoutId, ReceiptId)>, Problem> {
        if work.row.is_free() {
            return Ok(None);
        }
        let means = match &work.means {
            Means::Visa(token) => HoldMeans::Visa(token.clone()),
            _ => HoldMeans::Balance,
        };
        let wanted = GoodsHold {
            goods: goods(&work.row),
            buyer: work.row.owner_did.clone(),
            means,
            max: work.row.ceiling().map_err(Problem::from)?,
            evidence: work.row.evidence.clone(),
            due_at: work.row.deadline_at,
        };
        let held = self.pay.goods_hold(wanted).await?;
        Ok(Some((held.checkout, held.receipt)))
    }

    /// Finds the passages and asks the engine.
    async fn infer(&self, row: &QuestionRow, work: &Work) -> Result<AnswerBody, QueryError> {
        let engine = self.engine_of(&work.terms)?;
        let (library, leader, text) = (self.library.clone(), row.leader_did.clone(), work.query.clone());
        let count = self.config.passages_max;
        let hits = self
            .read(move |conn, context| library.search(conn, context, &leader, &text, count))
            .await?;
        let question = Question {
            text: work.query.clone(),
            quotes: quotes(&hits, self).await?,
            tokens_max: u32::try_from(row.tokens_max).unwrap_or_default(),
        };
        let made = self
            .ask_engine(engine.as_ref(), &question, work.reader.as_ref())
            .await?;
        let made = Made {
            text: made.0,
            answered: made.1,
            engine: engine.identity(),
            quotes: question.quotes,
        };
        self.answer_make(row, &work.terms, made).await
    }

    /// Collects what the engine writes, and passes it on. A reader who goes, or who takes nothing more, ends the answer
    /// there: what they have got is the answer, and is paid for.
    async fn ask_engine(
        &self,
        engine: &dyn Engine,
        question: &Question,
        reader: Option<&mpsc::Sender<Piece>>,
    ) -> Result<(String, Answered), EngineError> {
        let (output, mut pieces) = Output::new(PIECES_MAX);
        let limit = self.config.engine_timeout.to_std();
        let answering = async move {
            let answered = tokio::time::timeout(limit, engine.answer(question, &output)).await;
            answered.map_err(|_elapsed| EngineError::TimedOut)?
        };
        let (mut text, mut count) = (String::new(), 0_u32);
        let mut patience = self.config.reader_patience.to_std();
        let collecting = async {
            while let Some(piece) = pieces.recv().await {
                if let Some(reader) = reader {
                    pass_on(reader, piece.clone(), &mut patience).await?;
                }
                text.push_str(&piece);
                count = count.saturating_add(1);
            }
            Ok(())
        };
        let answered = tokio::select! {
            answered = answered_and_read(answering, collecting) => answered,
            // Also while the engine says nothing: it need not go on for somebody who has gone.
            () = gone(reader) => Err(EngineError::AskerGone),
        };
        match answered {
            Err(EngineError::AskerGone) if count > 0 => {
                let answered = broken_off(question, &text, count);
                Ok((text, answered))
            }
            Ok(_) if text.trim().is_empty() => Err(EngineError::BadAnswer),
            Ok(answered) if reader.is_some_and(mpsc::Sender::is_closed) => {
                let count = count.min(answered.usage.completion_tokens).max(1);
                Ok((text, with_tokens(answered, count)))
            }
            other => other.map(|answered| (text, answered)),
        }
    }

    /// Has pay take what an answer has cost. It is asked again until that has happened.
    pub(crate) async fn settle(&self, row: QuestionRow) -> Result<QuestionRow, QueryError> {
        let Some(checkout) = row.checkout_id else {
            return Ok(row);
        };
        let view = self.pay.goods_finish(CheckoutFetch { id: checkout }).await?;
        if view.state != CheckoutState::Settled {
            return Err(QueryError::InFlight);
        }
        self.config.interrupt.at(Step::Captured)?;
        let id = row.id;
        self.write(move |conn, context| question_settled(conn, context, id))
            .await
    }

    /// Notes that there will be no answer, and has pay give the money back. Gives the reason as the asker sees it.
    async fn give_up(&self, row: &QuestionRow, problem: Problem) -> QueryError {
        let (id, told) = (row.id, problem.clone());
        let failed = self
            .write(move |conn, context| question_fail(conn, context, id, &told))
            .await;
        if let Err(error) = failed {
            // It is given up at its deadline; pay asks then, and gives the money back.
            tracing::error!(question = %row.id, %error, "a question without an answer could not be given up");
        } else if let Some(checkout) = row.checkout_id
            && let Err(away) = self.pay.goods_finish(CheckoutFetch { id: checkout }).await
        {
            tracing::warn!(question = %row.id, problem = %away, "pay gives the money for a question back later");
        }
        problem.into()
    }

    /// Goes on with what was left: gives up questions whose time is over, and settles answers that are there. The
    /// background calls it, again and again; a test calls it when it wants to.
    ///
    /// # Errors
    /// When the database does not answer. What fails for one question is tried again, and is no error here.
    pub async fn drive(&self) -> Result<(), Problem> {
        for left in [Left::Overdue, Left::Unsettled] {
            let mut after = QuestionId::from_bytes([0; 16]);
            loop {
                let ids = self
                    .read(move |conn, context| questions_left(conn, context, left, after))
                    .await?;
                let Some(last) = ids.last() else { break };
                after = *last;
                for id in ids {
                    if let Err(error) = self.drive_one(left, id).await {
                        tracing::warn!(question = %id, %error, "a question has not ended yet; it will be tried again");
                    }
                }
            }
        }
        Ok(())
    }

    async fn drive_one(&self, left: Left, id: QuestionId) -> Result<(), QueryError> {
        let row = self.read(move |conn, context| question_find(conn, context, id)).await?;
        let Some(row) = row else { return Ok(()) };
        match left {
            Left::Overdue => {
                let problem = Problem::new(Code::Timeout, "The node stopped before the answer was there.")
                    .hint("Nothing was charged: ask again.");
                self.give_up(&row, problem).await;
            }
            Left::Unsettled => {
                self.settle(row).await?;
            }
        }
        Ok(())
    }

    /// The engine that the terms name, as this node has it.
    pub(crate) fn engine_of(&self, terms: &LeaderTerms) -> Result<Arc<dyn Engine>, QueryError> {
        let wanted = |engine: &&Arc<dyn Engine>| {
            let identity = engine.identity();
            identity.engine == terms.engine && identity.model == terms.model
        };
        let engine = self.engines.iter().find(wanted);
        engine.map(Arc::clone).ok_or_else(|| {
            let has = self.engines.iter().map(|engine| {
                let identity = engine.identity();
                identity.model.map_or(identity.engine.clone(), |model| {
                    format!("{} with {model}", identity.engine)
                })
            });
            let has: Vec<String> = has.collect();
            QueryError::invalid(
                "engine",
                format!("is none that this node has; it has {}", has.join(", ")),
            )
        })
    }
}

/// Gives a piece to whoever reads along; the time that it waits for them is taken from their `patience`.
async fn pass_on(reader: &mpsc::Sender<Piece>, piece: String, patience: &mut Duration) -> Result<(), EngineError> {
    let since = Instant::now();
    let sent = tokio::time::timeout(*patience, reader.send(Piece::Text(piece))).await;
    *patience = patience.saturating_sub(since.elapsed());
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(EngineError::AskerGone),
    }
}

/// What the engine has answered, once all of it was read; at once, when nobody reads any more.
async fn answered_and_read(
    answering: impl Future<Output = Result<Answered, EngineError>>,
    reading: impl Future<Output = Result<(), EngineError>>,
) -> Result<Answered, EngineError> {
    let answering = async { Ok(answering.await) };
    let (answered, ()) = tokio::try_join!(answering, reading)?;
    answered
}

/// Waits until whoever reads along has gone; for ever, where nobody does.
async fn gone(reader: Option<&mpsc::Sender<Piece>>) {
    match reader {
        Some(reader) => reader.closed().await,
        None => std::future::pending().await,
    }
}

/// The goods of a question at pay.
pub(crate) fn goods(row: &QuestionRow) -> GoodsRef {
    GoodsRef {
        kind: ANSWER_GOODS.to_owned(),
        id: row.id.to_string(),
    }
}

/// The buyer, as pay names them.
pub(crate) fn buyer(row: &QuestionRow) -> Did {
    row.owner_did.clone()
}

/// An answer whose reader went: what was passed on, with a token for each piece.
fn broken_off(question: &Question, text: &str, pieces: u32) -> Answered {
    let named = |place: &usize| text.contains(&format!("[{}]", place.saturating_add(1)));
    let cited: Vec<usize> = (0..question.quotes.len()).filter(named).collect();
    let all = || (0..question.quotes.len()).collect();
    Answered {
        cited: if cited.is_empty() { all() } else { cited },
        usage: Usage {
            prompt_tokens: 0,
            completion_tokens: pieces.clamp(1, question.tokens_max.max(1)),
        },
        finish: Finish::Length,
    }
}

const fn with_tokens(mut answered: Answered, tokens: u32) -> Answered {
    answered.usage.completion_tokens = tokens;
    answered.finish = Finish::Length;
    answered
}
