use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{EngineError, Quote};

/// Which engine answers, and with which model: what a signed answer says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineIdentity {
    /// The engine, for example `embedded`.
    pub engine: String,
    /// The model, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// A question with the passages that were found for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// What the documents say about it, the best first.
    pub quotes: Vec<Quote>,
    /// The most tokens that the answer may have: what was paid for.
    pub tokens_max: u32,
}

/// How much work an answer was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Tokens that were read.
    pub prompt_tokens: u32,
    /// Tokens that were written.
    pub completion_tokens: u32,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// It is complete.
    Stop,
    /// It has as many tokens as were asked for.
    Length,
}

/// What is known of an answer at its end. Its text went to the [`Output`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Which of the question's quotes it uses, by their places.
    pub cited: Vec<usize>,
    /// How much work it was.
    pub usage: Usage,
    /// Why it ended.
    pub finish: Finish,
}

/// Where the text of an answer goes, piece by piece, as fast as it is read.
#[derive(Debug, Clone)]
pub struct Output(mpsc::Sender<String>);

impl Output {
    /// An output of which at most `pieces_max` pieces wait to be read, and where they are read. When the receiver is
    /// dropped the asker is gone, and the engine stops.
    pub fn new(pieces_max: usize) -> (Self, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(pieces_max.max(1));
        (Self(sender), receiver)
    }

    /// Writes a piece, and waits while too many are unread.
    ///
    /// # Errors
    /// [`EngineError::AskerGone`].
    pub async fn write(&self, piece: String) -> Result<(), EngineError> {
        self.0.send(piece).await.or(Err(EngineError::AskerGone))
    }

    /// Ends when nobody reads any more.
    pub async fn gone(&self) {
        self.0.closed().await;
    }
}

/// What answers questions. Dropping the future of an answer stops the work.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Which one it is.
    fn identity(&self) -> EngineIdentity;

    /// Answers, writing the text to `output`.
    ///
    /// # Errors
    /// [`EngineError`]; what was written before is no answer then.
    async fn answer(&self, question: &Question, output: &Output) -> Result<Answered, EngineError>;
}
