use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{QuestionId, ReceiptId};
use imajin_money::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::TermsView;

/// A question as its asker and its leader see it in a list. What was asked is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuestionView {
    /// `qst_…`
    #[schema(value_type = String)]
    pub id: QuestionId,
    /// Who asked.
    #[schema(value_type = String)]
    pub asker: Did,
    /// Who was asked.
    #[schema(value_type = String)]
    pub leader: Did,
    /// `placed`, `held`, `answered`, `settled` or `failed`.
    pub state: String,
    /// What the answer has cost; `null` when it was free, or is not there.
    #[schema(value_type = Option<Object>)]
    pub fee: Option<Money>,
    /// The receipt, once it is settled.
    #[schema(value_type = Option<String>)]
    pub receipt: Option<ReceiptId>,
    /// When it was asked.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// The questions of one person, the newest first, and under which terms theirs are answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OwnQuestions {
    /// Their terms, `null` when they have never said any.
    pub terms: Option<TermsView>,
    /// What they have asked.
    pub asked: Vec<QuestionView>,
    /// What was asked of them.
    pub answered: Vec<QuestionView>,
}
