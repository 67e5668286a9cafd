//! A language model's server on loopback that speaks the chat completions of `OpenAI`, as far as the node uses them.
//!
//! It has no model: a test says what it answers and how it misbehaves. It streams word by word, counts tokens as words,
//! keeps what it was asked, and notices when whoever asked goes away. It does not imitate tools, images, several
//! choices or log probabilities.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::served::{Port, Served};

/// What the peer does with a question.
#[derive(Debug, Clone)]
pub enum OpenAiReply {
    /// Streams these pieces, then the reason for the end, the usage if it was asked for, and `[DONE]`.
    Stream(Vec<String>),
    /// The same, without counting tokens.
    StreamUncounted(Vec<String>),
    /// Answers as a whole, although a stream was asked for.
    Whole(String),
    /// The same as [`Stream`](Self::Stream), but nothing before [`OpenAiPeer::proceed`].
    Wait(Vec<String>),
    /// Streams these pieces and then says nothing, without closing.
    Hang(Vec<String>),
    /// Streams these pieces and closes without an end.
    Cut(Vec<String>),
    /// Streams one piece again and again, whatever limit was asked for.
    Endless(String),
    /// Answers with this status.
    Status(u16),
    /// Answers with this body, as `text/event-stream`.
    Raw(Vec<u8>),
}

/// A question as it arrived.
#[derive(Debug, Clone)]
pub struct OpenAiQuestion {
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The body.
    pub body: Value,
}

struct Shared {
    reply: Mutex<OpenAiReply>,
    seen: Mutex<Vec<OpenAiQuestion>>,
    left: Arc<Semaphore>,
    asked: Semaphore,
    proceed: Semaphore,
}

/// A running peer. It ends with the value.
pub struct OpenAiPeer {
    shared: Arc<Shared>,
    url: String,
    _served: Served,
}

impl OpenAiPeer {
    /// Starts a peer on a free port of loopback that answers in this way.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start(reply: OpenAiReply) -> Self {
        let port = Port::free().await;
        let url = format!("{}/v1", port.origin());
        let shared = Arc::new(Shared {
            reply: Mutex::new(reply),
            seen: Mutex::default(),
            left: Arc::new(Semaphore::new(0)),
            asked: Semaphore::new(0),
            proceed: Semaphore::new(0),
        });
        let router = Router::new()
            .route("/v1/chat/completions", post(answer))
            .with_state(Arc::clone(&shared));
        let served = port.serve(router);
        Self {
            shared,
            url,
            _served: served,
        }
    }

    /// The base of its addresses.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Answers in another way from now on.
    pub fn reply(&self, reply: OpenAiReply) {
        *self.shared.reply.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    }

    /// What it was asked.
    pub fn seen(&self) -> Vec<OpenAiQuestion> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until somebody has gone in the middle of an answer.
    pub async fn left(&self) {
        take(&self.shared.left).await;
    }

    /// Waits until it is asked once more.
    pub async fn asked(&self) {
        take(&self.shared.asked).await;
    }

    /// Lets one answer that waits go on.
    pub fn proceed(&self) {
        self.shared.proceed.add_permits(1);
    }
}

async fn take(permits: &Semaphore) {
    if let Ok(permit) = permits.acquire().await {
        permit.forget();
    }
}

/// Adds a permit when an answer is dropped before its end.
struct Leaving {
    left: Arc<Semaphore>,
    is_done: bool,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if !self.is_done {
            self.left.add_permits(1);
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let question = OpenAiQuestion {
        authorization: authorization.map(str::to_owned),
        body: body.clone(),
    };
    shared
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(question);
    shared.asked.add_permits(1);
    let reply = shared.reply.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match reply {
        OpenAiReply::Wait(pieces) => {
            take(&shared.proceed).await;
            streamed(&shared, end(&body, pieces, true), None)
        }
        OpenAiReply::Stream(pieces) => streamed(&shared, end(&body, pieces, true), None),
        OpenAiReply::StreamUncounted(pieces) => streamed(&shared, end(&body, pieces, false), None),
        OpenAiReply::Hang(pieces) => streamed(&shared, deltas(pieces), Some(After::Silence)),
        OpenAiReply::Cut(pieces) => streamed(&shared, deltas(pieces), None),
        OpenAiReply::Endless(piece) => streamed(&shared, deltas(vec![piece]), Some(After::TheSame)),
        OpenAiReply::Whole(text) => axum::Json(json!({
            "object": "chat.completion",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": prompt_tokens(&body), "completion_tokens": text.split_whitespace().count()},
        }))
        .into_response(),
        OpenAiReply::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (
                status,
                axum::Json(json!({"error": {"message": "as the test says", "type": "error"}})),
            )
                .into_response()
        }
        OpenAiReply::Raw(bytes) => ([(header::CONTENT_TYPE, "text/event-stream")], bytes).into_response(),
    }
}

/// What comes behind the events that a test names.
#[derive(Clone, Copy)]
enum After {
    Silence,
    TheSame,
}

fn event(data: &Value) -> String {
    format!("data: {data}\n\n")
}

fn deltas(pieces: Vec<String>) -> Vec<String> {
    let delta =
        |piece: String| event(&json!({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": null}]}));
    pieces.into_iter().map(delta).collect()
}

fn prompt_tokens(body: &Value) -> usize {
    let messages = body.get("messages").and_then(Value::as_array);
    let contents = messages
        .into_iter()
        .flatten()
        .filter_map(|message| message.get("content")?.as_str());
    contents.map(|content| content.split_whitespace().count()).sum()
}

/// The pieces with a proper end.
fn end(body: &Value, pieces: Vec<String>, is_counted: bool) -> Vec<String> {
    let count = pieces.len();
    let mut events = deltas(pieces);
    events.push(event(
        &json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": null}),
    ));
    let wants_usage = body.pointer("/stream_options/include_usage") == Some(&json!(true));
    if is_counted && wants_usage {
        let usage = json!({"prompt_tokens": prompt_tokens(body), "completion_tokens": count});
        events.push(event(&json!({"choices": [], "usage": usage})));
    }
    events.push("data: [DONE]\n\n".to_owned());
    events
}

fn streamed(shared: &Shared, events: Vec<String>, after: Option<After>) -> Response {
    let leaving = Leaving {
        left: Arc::clone(&shared.left),
        is_done: false,
    };
    let repeated = events.first().cloned().unwrap_or_default();
    let stream = futures::stream::unfold((events.into_iter(), leaving), move |(mut events, mut leaving)| {
        let repeated = repeated.clone();
        async move {
            let next = match (events.next(), after) {
                (Some(event), _) => event,
                (None, Some(After::Silence)) => futures::future::pending().await,
                (None, Some(After::TheSame)) => {
                    // A stream that is always ready must let others run.
                    tokio::task::yield_now().await;
                    repeated
                }
                (None, None) => {
                    leaving.is_done = true;
                    drop(leaving);
                    return None;
                }
            };
            Some((next, (events, leaving)))
        }
    });
    let body = Body::from_stream(stream.map(Ok::<_, Infallible>));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}
