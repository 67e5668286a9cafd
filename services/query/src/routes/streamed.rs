//! Answers that are read while they are made.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::Problem;
use imajin_mjn::{StreamClose, StreamCloser, StreamOutcome, StreamedAnswer};
use imajin_query_api::AnswerBody;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::ask::{Asked, Pieces};
use crate::course::Piece;
use crate::rows::QuestionRow;
use crate::{Query, QueryError};

/// Pieces that wait for their reader; the engine waits behind them.
const PIECES_MAX: usize = 8;

type Job = JoinHandle<Result<QuestionRow, QueryError>>;

/// Answers with a stream of events: `text` for each piece, `answer` with everything else at the end, or `problem`.
pub(super) async fn respond(query: &Arc<Query>, asked: Asked) -> Result<Response, QueryError> {
    match asked {
        Asked::Before(row) => {
            let answer = query.answer_of(&row).await?;
            let (streamed, closer) = StreamedAnswer::new(row.receipt_id);
            let text = event("text", &json!({"text": answer.text}));
            let end = ended(closer, Ok(answer));
            Ok(response(streamed, Body::from([text, end].concat())))
        }
        Asked::New(mut work) => {
            let (sender, mut pieces) = mpsc::channel(PIECES_MAX);
            work.reader = Some(sender);
            let job = query.job(*work);
            // Until the money is held there is nothing to stream, and a refusal has its own status.
            let Some(Piece::Begun(receipt)) = pieces.recv().await else {
                return Err(refusal(job).await);
            };
            let (streamed, closer) = StreamedAnswer::new(receipt);
            Ok(response(streamed, live(Arc::clone(query), pieces, job, closer)))
        }
    }
}

async fn refusal(job: Job) -> QueryError {
    match job.await {
        Ok(Err(error)) => error,
        Ok(Ok(_)) | Err(_) => QueryError::Fault("a question ended before it began".to_owned()),
    }
}

fn response(streamed: StreamedAnswer, body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, axum::Extension(streamed), body).into_response()
}

fn event(name: &str, data: &serde_json::Value) -> Vec<u8> {
    format!("event: {name}\ndata: {data}\n\n").into_bytes()
}

struct Live {
    query: Arc<Query>,
    pieces: Pieces,
    job: Job,
    closer: StreamCloser,
}

/// The pieces as they come, then how it ended. Dropping the body tells the job that its reader has gone.
fn live(query: Arc<Query>, pieces: Pieces, job: Job, closer: StreamCloser) -> Body {
    let state = Live {
        query,
        pieces,
        job,
        closer,
    };
    Body::from_stream(futures::stream::unfold(Some(state), |state| async move {
        let mut live = state?;
        while let Some(piece) = live.pieces.recv().await {
            if let Piece::Text(text) = piece {
                let bytes = event("text", &json!({"text": text}));
                return Some((Ok::<_, Infallible>(Bytes::from(bytes)), Some(live)));
            }
        }
        let answer = match live.job.await {
            Ok(Ok(row)) => live.query.answer_of(&row).await,
            Ok(Err(error)) => Err(error),
            Err(broken) => Err(QueryError::Fault(format!("a question was dropped: {broken}"))),
        };
        Some((Ok(Bytes::from(ended(live.closer, answer))), None))
    }))
}

/// The last event before the signature, which covers it.
fn ended(closer: StreamCloser, answer: Result<AnswerBody, QueryError>) -> Vec<u8> {
    match answer {
        Ok(answer) => {
            let receipt = answer
                .receipt
                .as_ref()
                .and_then(|receipt| serde_json::to_value(receipt).ok());
            let close = StreamClose {
                outcome: StreamOutcome::Complete,
                fair: Some(answer.fair.clone()),
                receipt,
            };
            closer.close(close);
            event("answer", &serde_json::to_value(&answer).unwrap_or_default())
        }
        // It may still be settled: nobody says how it ended, and the asker asks again.
        Err(QueryError::InFlight) => {
            drop(closer);
            event("problem", &problem(QueryError::InFlight))
        }
        Err(error) => {
            closer.close(StreamClose {
                outcome: StreamOutcome::Failed,
                fair: None,
                receipt: None,
            });
            event("problem", &problem(error))
        }
    }
}

fn problem(error: QueryError) -> serde_json::Value {
    serde_json::to_value(Problem::from(error)).unwrap_or_default()
}
