#![doc = include_str!("../README.md")]

mod chat;
mod document;
mod embedded;
mod engine;
mod error;
mod extract;
mod index;
#[cfg(feature = "openai")]
mod openai;
mod passage;
#[cfg(feature = "openai")]
mod prompt;
mod retrieval;
mod score;
mod terms;

pub use chat::{ChatEvent, ChatEvents};
pub use document::{DOCUMENT_BYTES_MAX, Document, DocumentId, MediaType};
pub use embedded::Embedded;
pub use engine::{Answered, Engine, EngineIdentity, Finish, Output, Question, Usage};
pub use error::{DocumentError, EngineError, IndexFull};
pub use extract::passages;
pub use index::{Hit, Index, IndexLimits};
#[cfg(feature = "openai")]
pub use openai::{Endpoint, OpenAi, OpenAiOptions};
pub use passage::{PASSAGE_BYTES_MAX, Passage};
pub use retrieval::{Documents, Quote, StoredDocument, quotes};
pub use terms::{QUESTION_BYTES_MAX, terms};
