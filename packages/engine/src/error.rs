use imajin_kernel::{Code, Problem};

use crate::document::DOCUMENT_BYTES_MAX;

/// Why a document cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// It has more bytes than are read.
    #[error("a document has at most {DOCUMENT_BYTES_MAX} bytes; split it")]
    TooLarge,
    /// Its text is not UTF-8.
    #[error("the text of a document must be UTF-8; save it as such")]
    NotUtf8,
    /// The kind is none of those that are read.
    #[error("documents are text/plain, text/markdown or text/html")]
    MediaType,
    /// The name is empty, too long or not visible.
    #[error("the name of a document has 1 to 128 visible ASCII characters")]
    Name,
}

impl DocumentError {
    /// What this refusal is called on the wire.
    pub const fn code(self) -> Code {
        match self {
            Self::TooLarge => Code::BodyTooLarge,
            Self::NotUtf8 | Self::Name => Code::InvalidRequest,
            Self::MediaType => Code::UnsupportedMediaType,
        }
    }
}

/// A document that does not fit into the index any more. The index is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the index is full: remove documents, or let the operator raise its limits")]
pub struct IndexFull;

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// It is longer than any that is read.
    #[error("the question is too long; shorten it")]
    QuestionTooLong,
    /// No document says anything about it.
    #[error("none of the documents says anything about this; ask with other words")]
    NothingFound,
    /// A document is not what it was when it was indexed.
    #[error("a document has changed since it was read; ask again in a moment")]
    Stale,
    /// The documents or the engine cannot be reached.
    #[error("the documents or the engine cannot be reached right now; ask again in a moment")]
    Unavailable,
    /// The engine's endpoint does not take the key, the model or the address.
    #[error("the engine refuses the question: its owner has to look at the address, the key and the model")]
    Refused,
    /// The engine took too long.
    #[error("the engine did not answer in time; ask again, or something shorter")]
    TimedOut,
    /// What the engine sent is no complete answer.
    #[error("the engine sent no complete answer; ask again in a moment")]
    BadAnswer,
    /// Nobody listens any more.
    #[error("whoever asked has gone")]
    AskerGone,
}

impl EngineError {
    /// What this refusal is called on the wire.
    pub const fn code(self) -> Code {
        match self {
            Self::QuestionTooLong => Code::BodyTooLarge,
            Self::NothingFound => Code::NotFound,
            Self::Stale | Self::Unavailable | Self::Refused | Self::BadAnswer => Code::Unavailable,
            Self::TimedOut | Self::AskerGone => Code::Timeout,
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}
