//! Any endpoint that speaks the chat completions of `OpenAI`: Ollama, llama.cpp, vLLM, hosted ones.

use std::time::Duration;

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use imajin_kernel::Problem;
use imajin_web::{GuardError, GuardedClient, HttpClient, Reach, StreamedResponse};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::prompt;
use crate::terms::QUESTION_BYTES_MAX;
use crate::{Answered, ChatEvent, ChatEvents, Engine, EngineError, EngineIdentity, Finish, Output, Question, Usage};

/// The most bytes of an answer, with everything that is around its text.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Who named the address of an endpoint, which decides how far it may reach.
#[derive(Debug, Clone)]
pub enum Endpoint {
    /// The operator, in the node's configuration: any address, since models run beside nodes.
    Operator(Url),
    /// Somebody who uses the node: public HTTPS addresses only, checked after the name is looked up.
    Leader(Url, Reach),
}

/// How an endpoint is used.
#[derive(Debug, Clone)]
pub struct OpenAiOptions {
    /// Where `chat/completions` is, for example `http://localhost:11434/v1`.
    pub endpoint: Endpoint,
    /// The model.
    pub model: String,
    /// What the endpoint wants as `Authorization: Bearer`.
    pub api_key: Option<SecretString>,
    /// How long a whole answer may take.
    pub answer_timeout: Duration,
    /// How long the endpoint may be silent, before and within an answer.
    pub idle_timeout: Duration,
    /// The most bytes of passages that are given to the model.
    pub context_bytes_max: usize,
}

#[derive(Clone)]
enum Connection {
    Operator(HttpClient),
    Leader(GuardedClient),
}

/// An engine behind an endpoint.
pub struct OpenAi {
    options: OpenAiOptions,
    connection: Connection,
    url: Url,
}

impl OpenAi {
    /// Prepares an engine; no connection is made yet.
    ///
    /// # Errors
    /// When the address is none of HTTP, or holds credentials, a query or a fragment.
    pub fn new(options: OpenAiOptions) -> Result<Self, Problem> {
        let (base, connection) = match &options.endpoint {
            Endpoint::Operator(base) => (
                base,
                Connection::Operator(HttpClient::new(options.answer_timeout, None)?),
            ),
            Endpoint::Leader(base, reach) => {
                let client = GuardedClient::new(*reach, options.answer_timeout)?;
                (base, Connection::Leader(client))
            }
        };
        let has_more = base.query().is_some() || base.fragment().is_some();
        let has_credentials = !base.username().is_empty() || base.password().is_some();
        if !matches!(base.scheme(), "http" | "https") || has_more || has_credentials {
            let problem =
                Problem::invalid("The address of an endpoint is an http(s) URL without credentials and query.");
            return Err(problem.hint("For example http://localhost:11434/v1; the key has a setting of its own."));
        }
        let mut url = base.clone();
        url.set_path(&format!("{}/chat/completions", base.path().trim_end_matches('/')));
        Ok(Self {
            options,
            connection,
            url,
        })
    }

    fn headers(&self) -> Result<HeaderMap, EngineError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("text/event-stream, application/json"),
        );
        if let Some(key) = &self.options.api_key {
            let value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret()));
            let mut value = value.or(Err(EngineError::Refused))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(headers)
    }

    async fn send(&self, body: Vec<u8>) -> Result<StreamedResponse, EngineError> {
        let (url, headers) = (self.url.clone(), self.headers()?);
        let sent = match &self.connection {
            Connection::Operator(client) => {
                let limits = (ANSWER_BYTES_MAX, self.options.answer_timeout);
                let sent = client.stream(Method::POST, url, headers, body, limits).await;
                sent.map_err(|_away| EngineError::Unavailable)
            }
            Connection::Leader(client) => {
                let sent = client.stream(Method::POST, url, headers, body, ANSWER_BYTES_MAX).await;
                sent.map_err(|error| match error {
                    GuardError::Refused | GuardError::Blocked => EngineError::Refused,
                    GuardError::Away | GuardError::TooLarge => EngineError::Unavailable,
                })
            }
        }?;
        match sent.status {
            status if status.is_success() => Ok(sent),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Err(EngineError::Unavailable),
            status if status.is_server_error() => Err(EngineError::Unavailable),
            _ => Err(EngineError::Refused),
        }
    }

    /// Asks, and passes on what comes.
    async fn exchange(&self, question: &Question, shown: usize, output: &Output) -> Result<Answered, EngineError> {
        let body = prompt::request(&self.options.model, question, shown).ok_or(EngineError::Refused)?;
        let idle = self.options.idle_timeout;
        let timely = |_elapsed| EngineError::TimedOut;
        let mut response = tokio::time::timeout(idle, self.send(body)).await.map_err(timely)??;
        let is_whole = response
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"application/json"));
        let mut answer = Answer::new(question.tokens_max);
        let mut events = ChatEvents::new(is_whole);
        while !answer.is_over {
            let chunk = tokio::time::timeout(idle, response.chunk()).await.map_err(timely)?;
            let chunk = chunk.map_err(|_lost| EngineError::Unavailable)?;
            answer.has_ended = chunk.is_none();
            let found = match chunk {
                Some(bytes) => events.push(&bytes)?,
                None => events.finish()?,
            };
            for event in found {
                if let Some(piece) = answer.take(event) {
                    output.write(piece).await?;
                }
            }
            answer.is_over = answer.is_over || answer.has_ended;
        }
        answer.finish(question, shown)
    }
}

#[async_trait]
impl Engine for OpenAi {
    fn identity(&self) -> EngineIdentity {
        EngineIdentity {
            engine: "openai-compatible".to_owned(),
            model: Some(self.options.model.clone()),
        }
    }

    /// Asks the endpoint with as many passages as fit, and passes its words on as they come. Its tokens are those that
    /// the endpoint has counted, at most those that were paid for.
    async fn answer(&self, question: &Question, output: &Output) -> Result<Answered, EngineError> {
        if question.text.len() > QUESTION_BYTES_MAX {
            return Err(EngineError::QuestionTooLong);
        }
        let shown = prompt::shown(&question.quotes, self.options.context_bytes_max);
        if shown == 0 || question.tokens_max == 0 {
            return Err(EngineError::NothingFound);
        }
        tokio::select! {
            () = output.gone() => Err(EngineError::AskerGone),
            answered = tokio::time::timeout(self.options.answer_timeout, self.exchange(question, shown, output)) => {
                answered.map_err(|_elapsed| EngineError::TimedOut)?
            }
        }
    }
}

/// What has come of an answer.
struct Answer {
    tokens_max: u32,
    text: String,
    pieces: u32,
    usage: Option<Usage>,
    finish: Option<Finish>,
    /// The endpoint has closed the connection.
    has_ended: bool,
    /// Nothing more is wanted.
    is_over: bool,
}

impl Answer {
    const fn new(tokens_max: u32) -> Self {
        Self {
            tokens_max,
            text: String::new(),
            pieces: 0,
            usage: None,
            finish: None,
            has_ended: false,
            is_over: false,
        }
    }

    /// Takes note of an event; gives the text that is to be passed on.
    fn take(&mut self, event: ChatEvent) -> Option<String> {
        match event {
            _ if self.is_over => None,
            ChatEvent::Text(piece) => {
                // An endpoint that does not keep to the limit is cut off: a piece is at least one token.
                if self.pieces >= self.tokens_max {
                    self.finish = Some(Finish::Length);
                    self.is_over = true;
                    return None;
                }
                self.pieces = self.pieces.saturating_add(1);
                self.text.push_str(&piece);
                Some(piece)
            }
            ChatEvent::Finish(finish) => {
                self.finish = Some(finish);
                None
            }
            ChatEvent::Usage(usage) => {
                self.usage = Some(usage);
                None
            }
            ChatEvent::Done => {
                self.is_over = true;
                None
            }
        }
    }

    /// An answer is one only if the endpoint has said that it is complete, and it says something.
    fn finish(self, question: &Question, shown: usize) -> Result<Answered, EngineError> {
        let finish = self.finish.ok_or(EngineError::BadAnswer)?;
        if self.text.trim().is_empty() {
            return Err(EngineError::BadAnswer);
        }
        let estimated = || Usage {
            prompt_tokens: prompt::tokens_estimate(question, shown),
            completion_tokens: self.pieces,
        };
        let mut usage = self.usage.unwrap_or_else(estimated);
        usage.completion_tokens = usage.completion_tokens.clamp(1, self.tokens_max.max(1));
        Ok(Answered {
            cited: prompt::cited(&self.text, shown),
            usage,
            finish,
        })
    }
}
