//! Paid questions and standing consent: what stands on the wire, and what other services may ask.

mod answer;
mod compare;
mod disclosure;
mod document;
mod grant;
mod own;
mod terms;

use imajin_did::Did;
use imajin_web::service_api;
use serde::{Deserialize, Serialize};

pub use answer::{AnswerBody, AskBody, Passage, QuoteBody, QuoteTerms};
pub use compare::{CLOCKS_APART, Compared, Comparing, Comparison, DIFFERENCES_MAX, Difference, DifferenceKind};
pub use disclosure::{
    CompareBody, Disclosed, DisclosureBody, ProfileView, RecordsBody, RecordsPage, UseReceipt, UseRecord, values_sha256,
};
pub use document::{DOCUMENTS_PAGE, DocumentBody, DocumentCard, DocumentView};
pub use grant::{DISCLOSABLE, GrantState, GrantView, OwnConsent, UseKind, UseView};
pub use own::{OwnQuestions, QuestionView};
pub use terms::{LeaderTerms, TermsError, TermsView};

service_api! {
    /// What other services may ask about consent.
    pub trait ConsentApi, client ConsentClient, service "query" {
        /// What somebody allows others, and what was made of it. The caller vouches for who reads it.
        async fn consent_own(ConsentOwn) -> OwnConsent;
    }
}

/// See [`ConsentApi::consent_own`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentOwn {
    /// Whose.
    pub did: Did,
}
