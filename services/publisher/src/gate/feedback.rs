//! What agents say at a gate about what they have paid for: kept here, and passed on to the broker whose visa has paid.

use async_trait::async_trait;
use axum::http::StatusCode;
use imajin_gate::Feedbacks;
use imajin_imagxp::Feedback;
use imajin_kernel::id::AccessId;
use imajin_kernel::{Code, Problem};
use imajin_web::GuardedAnswer;
use serde_json::Value;
use url::Url;

use super::GateBooks;
use crate::domain::feedback::{FeedbackPlace, Passed, feedback_due, feedback_find, feedback_keep, feedback_passed};
use crate::rows::FeedbackRow;
use crate::{Publisher, PublisherError};

/// How much is passed on in one round.
const BATCH: i64 = 100;
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[async_trait]
impl Feedbacks for GateBooks {
    async fn keep(&self, agent: &str, feedback: &Feedback) -> Result<(), Problem> {
        let (publisher, feedback) = (&self.publisher, feedback.clone());
        let place = FeedbackPlace {
            site: self.site.name.clone(),
            agent: agent.to_owned(),
            broker: publisher.desk.only_broker().map(ToOwned::to_owned),
        };
        let kept = publisher.write(move |conn, context| feedback_keep(conn, context, &place, &feedback));
        Ok(kept.await?)
    }
}

impl Publisher {
    /// Passes on to brokers what agents have said at gates; says how much of it they have taken. The background calls
    /// it. A broker that was told and has not answered hears the same again, which changes nothing there.
    ///
    /// # Errors
    /// When the database does not answer; a broker that is away is told in a later round.
    pub async fn feedback_pass(&self) -> Result<usize, Problem> {
        let (mut taken, mut away, mut after) = (0_usize, Vec::new(), None);
        loop {
            let from = after.take();
            let due = self
                .read(move |conn, context| feedback_due(conn, context, from, BATCH))
                .await?;
            after = due.last().copied();
            let mut passed = 0_usize;
            for (_due_at, id) in due {
                match self.feedback_pass_one(id, &mut away).await {
                    Ok(is_taken) => {
                        passed = passed.saturating_add(1);
                        taken = taken.saturating_add(usize::from(is_taken));
                    }
                    Err(error) => tracing::error!(access = %id, %error, "what an agent says was not passed on"),
                }
            }
            // Those that fail stay due: they must not be all that is ever looked at.
            if passed > 0 || after.is_none() {
                return Ok(taken);
            }
        }
    }

    /// Whether a broker has taken it; one that is `away` is not asked again in this round.
    async fn feedback_pass_one(&self, id: AccessId, away: &mut Vec<String>) -> Result<bool, PublisherError> {
        let row = self.read(move |conn, context| feedback_find(conn, context, id)).await?;
        let Some(row) = row else { return Ok(false) };
        let passed = if away.contains(&row.broker) {
            Passed::Later("The broker does not answer.".to_owned())
        } else {
            self.feedback_tell(&row).await.unwrap_or_else(|problem| {
                tracing::debug!(broker = row.broker, %problem, "a broker was not told what an agent says");
                away.push(row.broker.clone());
                Passed::Later(problem.detail)
            })
        };
        let (is_taken, pause) = (passed == Passed::Taken, self.disputes_every());
        self.write(move |conn, context| feedback_passed(conn, context, &row, (&passed, pause)))
            .await?;
        Ok(is_taken)
    }

    /// Tells a broker what an agent says; as it is: who has signed it, the broker finds out itself.
    async fn feedback_tell(&self, row: &FeedbackRow) -> Result<Passed, Problem> {
        let broker = &row.broker;
        let away = |problem: String| Problem::new(Code::Unavailable, format!("{broker}: {problem}."));
        let url = Url::parse(&format!("{broker}/api/disputes")).map_err(|error| away(error.to_string()))?;
        let said = row.document.clone().into_bytes();
        let answer = self.desk.client().post_json(url, said, ANSWER_BYTES_MAX).await;
        let answer = answer.map_err(|error| away(error.to_string()))?;
        let detail = detail_of(&answer);
        match answer.status {
            status if status.is_success() => Ok(Passed::Taken),
            // Not redeemed yet, or the agent's domain does not say its keys at the moment.
            StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED => Ok(Passed::Later(detail)),
            StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::CONFLICT => Ok(Passed::Refused(detail)),
            _ => Err(away(detail.trim_end_matches('.').to_owned())),
        }
    }
}

fn detail_of(answer: &GuardedAnswer) -> String {
    let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let detail = document.get("detail").and_then(Value::as_str).map(ToOwned::to_owned);
    detail.unwrap_or_else(|| format!("it answers with {}", answer.status.as_u16()))
}
