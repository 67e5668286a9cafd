#![doc = include_str!("../README.md")]

mod document;
mod embedded;
mod engine;
mod error;
mod extract;
mod index;
mod passage;
mod retrieval;
mod score;
mod terms;

pub use document::{DOCUMENT_BYTES_MAX, Document, DocumentId, MediaType};
pub use embedded::Embedded;
pub use engine::{Answered, Engine, EngineIdentity, Finish, Output, Question, Usage};
pub use error::{DocumentError, EngineError, IndexFull};
pub use extract::passages;
pub use index::{Hit, Index, IndexLimits};
pub use passage::{PASSAGE_BYTES_MAX, Passage};
pub use retrieval::{Documents, Quote, StoredDocument, quotes};
pub use terms::{QUESTION_BYTES_MAX, terms};
