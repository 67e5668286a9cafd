use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use imajin_kernel::{Code, Problem};
use imajin_mjn::{Attribution, VerifiedMjnRequest};
use imajin_pay_api::{Reader, ReceiptFetch};
use imajin_query_api::{AnswerBody, AskBody};
use imajin_web::{Failure, ProblemDocument};

use super::{QueryRoutes, streamed};
use crate::admission::key_of;
use crate::course::{Piece, Work};
use crate::domain::questions::{question_by_key, question_place};
use crate::rows::{QuestionRow, QuestionState};
use crate::{Query, QueryError};

/// How long a whole answer is waited for; afterwards it is asked for again, and costs nothing more.
const WAIT: Duration = Duration::from_secs(25);

/// What became of a question so far.
pub(super) enum Asked {
    /// It is new, and may be answered.
    New(Box<Work>),
    /// It was asked before.
    Before(Box<QuestionRow>),
}

impl Query {
    /// Takes a question: a new one is written down, an old one is found.
    pub(super) async fn take(&self, request: &VerifiedMjnRequest, body: AskBody) -> Result<Asked, QueryError> {
        let (asker, key) = (request.did.clone(), key_of(request)?);
        let found = self
            .read(move |conn, context| question_by_key(conn, context, &asker, &key))
            .await?;
        if let Some(row) = found {
            if row.body_sha256 != hex::encode(request.body_digest) {
                return Err(QueryError::IdempotencyMismatch);
            }
            return Ok(Asked::Before(Box::new(row)));
        }
        let (new, terms) = self.admit(request, &body).await?;
        let row = self
            .write(move |conn, context| question_place(conn, context, &new))
            .await?;
        Ok(Asked::New(Box::new(Work {
            row,
            query: body.query,
            terms,
            means: request.settlement.means.clone(),
            reader: None,
        })))
    }

    /// The answer of a question that has ended, with its receipt.
    pub(super) async fn answer_of(&self, row: &QuestionRow) -> Result<AnswerBody, QueryError> {
        match row.state()? {
            QuestionState::Settled => {}
            QuestionState::Failed => {
                let problem: Option<Problem> = row.failure.as_deref().and_then(|text| serde_json::from_str(text).ok());
                return Err(problem.unwrap_or_else(Problem::internal).into());
            }
            QuestionState::Placed | QuestionState::Held | QuestionState::Answered => return Err(QueryError::InFlight),
        }
        let mut answer = row.answer()?;
        if let Some(id) = row.receipt_id {
            let reader = Reader {
                did: row.owner_did.clone(),
                operator: false,
            };
            let receipt = self.pay.receipt_fetch(ReceiptFetch { id, reader }).await?;
            answer.receipt = receipt.map(|view| view.message);
        }
        Ok(answer)
    }

    /// Lets a question go its way, also when whoever asked does not wait.
    pub(super) fn job(self: &Arc<Self>, work: Work) -> tokio::task::JoinHandle<Result<QuestionRow, QueryError>> {
        let query = Arc::clone(self);
        self.jobs.spawn(async move { query.carry(work).await })
    }

    async fn whole(self: &Arc<Self>, asked: Asked) -> Result<QuestionRow, QueryError> {
        match asked {
            Asked::Before(row) if row.state()? == QuestionState::Answered => self.settle(*row).await,
            Asked::Before(row) => Ok(*row),
            Asked::New(work) => match tokio::time::timeout(WAIT, self.job(*work)).await {
                Ok(Ok(carried)) => carried,
                Ok(Err(broken)) => Err(QueryError::Fault(format!("a question was dropped: {broken}"))),
                Err(_elapsed) => Err(QueryError::InFlight),
            },
        }
    }
}

/// Ask a question
///
/// With the MJN headers (docs/mjn-headers.md): who asks, the consent to use the answer of this leader for this
/// question, and what is paid at most, from the balance here or with a visa. The order is signature, trust, consent,
/// hold, answer, capture: no answer without money that is held, no charge without an answer. Asked again with the same
/// `Idempotency-Key` and body, the answer is the same and nothing is charged. With `Accept: text/event-stream` the
/// answer comes as it is made; whoever stops reading pays for what has come.
#[utoipa::path(
    post, path = "/api/query", tag = "questions", request_body = AskBody,
    params(
        ("Idempotency-Key" = String, Header, description = "Makes the question safe to repeat"),
        ("X-MJN-DID" = String, Header, description = "Who asks"),
        ("X-MJN-Consent" = String, Header, description = "The consent; its scope is the SHA-256 of the question"),
        ("X-MJN-Settlement" = String, Header, description = "What is paid at most, and how"),
        ("X-MJN-Timestamp" = String, Header, description = "When it was signed"),
        ("X-MJN-Signature" = String, Header, description = "The signature `mjn` once more"),
    ),
    responses(
        (status = 200, description = "The answer, with its manifest and its receipt", body = AnswerBody),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "Signature or consent are missing, wrong, old or used", body = ProblemDocument),
        (status = 402, description = "Too little is offered, or the balance is too small", body = ProblemDocument),
        (status = 403, description = "A term is not met: `term` names it", body = ProblemDocument),
        (status = 404, description = "There is no such leader or quote, or no document says anything about it",
            body = ProblemDocument),
        (status = 409, description = "The quote was used or is for another question, or the key belongs to another one",
            body = ProblemDocument),
        (status = 410, description = "The quote has expired", body = ProblemDocument),
        (status = 413, description = "The question is too long", body = ProblemDocument),
        (status = 429, description = "Too many questions today", body = ProblemDocument),
        (status = 503, description = "The trust graph, pay or the engine is away", body = ProblemDocument),
    )
)]
pub(super) async fn ask(
    State(QueryRoutes(query)): State<QueryRoutes>,
    Extension(request): Extension<Arc<VerifiedMjnRequest>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let body: AskBody = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(Code::MalformedBody, format!("The JSON body was not accepted: {error}.")))?;
    let asked = query.take(&request, body).await?;
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if accept.contains("text/event-stream") {
        return Ok(streamed::respond(&query, asked).await?);
    }
    let row = query.whole(asked).await?;
    let answer = query.answer_of(&row).await?;
    let attribution = Attribution {
        fair: Some(answer.fair.id.clone()),
        receipt: row.receipt_id,
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::OK, headers, Extension(attribution), Json(answer)).into_response())
}

/// The channel on which a reader follows an answer.
pub(super) type Pieces = tokio::sync::mpsc::Receiver<Piece>;
