use std::ops::Range;

use imajin_did::Did;
use imajin_engine::{EngineIdentity, Finish, Usage};
use imajin_fair::{Manifest, ManifestId};
use imajin_kernel::Timestamp;
use imajin_kernel::id::{DocumentId, QuestionId, QuoteId};
use imajin_money::Money;
use imajin_pay_api::ReceiptBody;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Asks what an answer would cost.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QuoteBody {
    /// Who is to answer.
    #[schema(value_type = String)]
    pub leader: Did,
    /// SHA-256 of the question's text, in hex: what is asked stays unsaid.
    pub query_sha256: String,
    /// The most tokens that the answer may have; as many as the terms allow, if not said.
    pub max_tokens: Option<u32>,
}

/// What an answer costs at most: the payload of a [`SignedMessage`] of the type `query-quote`, which the node signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QuoteTerms {
    /// The quote; it is good once.
    pub quote_id: QuoteId,
    /// Who answers.
    pub leader: Did,
    /// Who asks.
    pub asker: Did,
    /// SHA-256 of the question's text, in hex.
    pub query_sha256: String,
    /// The most tokens that the answer may have.
    pub max_tokens: u32,
    /// The most that it costs.
    pub ceiling: Money,
    /// Until when it is good.
    pub expires: Timestamp,
}

impl QuoteTerms {
    /// The type of the message.
    pub const KIND: &'static str = "query-quote";
}

/// A question. Consent and payment stand in the MJN headers beside it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskBody {
    /// Who is to answer; whoever the consent names, if not said.
    #[schema(value_type = Option<String>)]
    pub leader: Option<Did>,
    /// What is asked.
    pub query: String,
    /// The quote that it is asked under.
    #[schema(value_type = Option<String>)]
    pub quote_id: Option<QuoteId>,
    /// The most tokens that the answer may have, where there is no quote.
    pub max_tokens: Option<u32>,
}

/// A passage that an answer uses, with everything that one needs to check the quotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Passage {
    /// How the answer names it: `[1]`.
    pub number: u32,
    /// The document.
    #[schema(value_type = String)]
    pub document: DocumentId,
    /// What it is called.
    pub title: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// Its manifest.
    #[schema(value_type = String)]
    pub fair: ManifestId,
    /// Which bytes of the document are quoted.
    #[schema(value_type = Object)]
    pub source: Range<usize>,
    /// What they say.
    pub text: String,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnswerBody {
    /// The question.
    #[schema(value_type = String)]
    pub question: QuestionId,
    /// In whose name it is answered.
    #[schema(value_type = String)]
    pub leader: Did,
    /// The answer.
    pub text: String,
    /// The passages that it uses.
    pub passages: Vec<Passage>,
    /// Which engine answers, and with which model.
    #[schema(value_type = Object)]
    pub engine: EngineIdentity,
    /// How much work it was.
    #[schema(value_type = Object)]
    pub usage: Usage,
    /// `stop`, or `length` when it was cut at the limit, or because the reader stopped.
    #[schema(value_type = String)]
    pub finish: Finish,
    /// What it has cost; nothing when it was free.
    #[schema(value_type = Option<Object>)]
    pub fee: Option<Money>,
    /// Who made the answer, and from whose works.
    #[schema(value_type = Object)]
    pub fair: Manifest,
    /// The receipt, which the node has signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub receipt: Option<SignedMessage<ReceiptBody>>,
}
