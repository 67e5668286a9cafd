//! Paid questions as they stand on the wire: the terms of leaders, quotes, answers and documents.

mod answer;
mod document;
mod own;
mod terms;

pub use answer::{AnswerBody, AskBody, Passage, QuoteBody, QuoteTerms};
pub use document::{DocumentBody, DocumentView};
pub use own::{OwnQuestions, QuestionView};
pub use terms::{LeaderTerms, TermsError, TermsView};
