use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, QuestionId, QuoteId, ReceiptId};
use imajin_money::Money;
use imajin_query_api::{AnswerBody, QuestionView};
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::QueryError;
use crate::schema::questions;

/// How far a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuestionState {
    /// Written down; its money may be held or not.
    Placed,
    /// Its money is held.
    Held,
    /// The answer is there, and not paid for yet.
    Answered,
    /// The answer is there and paid for, or free.
    Settled,
    /// There is no answer; what was held goes back.
    Failed,
}

impl QuestionState {
    pub(crate) const ALL: [Self; 5] = [Self::Placed, Self::Held, Self::Answered, Self::Settled, Self::Failed];
    /// Those that a question does not end in.
    pub(crate) const OPEN: [Self; 3] = [Self::Placed, Self::Held, Self::Answered];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Held => "held",
            Self::Answered => "answered",
            Self::Settled => "settled",
            Self::Failed => "failed",
        }
    }
}

/// A question.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = questions, primary_key(id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct QuestionRow {
    pub(crate) id: QuestionId,
    pub(crate) owner_did: Did,
    pub(crate) leader_did: Did,
    pub(crate) idempotency_key: String,
    /// Of the request's body.
    pub(crate) body_sha256: String,
    /// Of what was asked.
    pub(crate) query_sha256: String,
    pub(crate) quote_id: Option<QuoteId>,
    pub(crate) tokens_max: i64,
    pub(crate) asset: String,
    pub(crate) ceiling: i64,
    /// The consent and the request as they were signed: JSON.
    pub(crate) evidence: String,
    pub(crate) state: String,
    pub(crate) checkout_id: Option<CheckoutId>,
    pub(crate) receipt_id: Option<ReceiptId>,
    /// The answer without its receipt: JSON.
    pub(crate) answer: Option<String>,
    pub(crate) fee: Option<i64>,
    /// Why there is no answer: a problem as JSON.
    pub(crate) failure: Option<String>,
    pub(crate) created_at: Timestamp,
    /// When it is given up.
    pub(crate) deadline_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(QuestionRow, questions, "questions", key = (id));

impl QuestionRow {
    fn damaged(&self, problem: &str) -> QueryError {
        QueryError::damaged(Self::TABLE, &self.id, problem)
    }

    pub(crate) fn state(&self) -> Result<QuestionState, QueryError> {
        let named = |state: &QuestionState| state.as_str() == self.state;
        let state = QuestionState::ALL.into_iter().find(named);
        state.ok_or_else(|| self.damaged("its state is none"))
    }

    pub(crate) fn state_set(&mut self, state: QuestionState, now: Timestamp) {
        state.as_str().clone_into(&mut self.state);
        self.updated_at = now;
    }

    /// The most that the answer costs.
    pub(crate) fn ceiling(&self) -> Result<Money, QueryError> {
        super::money(&self.asset, self.ceiling).ok_or_else(|| self.damaged("its price is none"))
    }

    /// What the answer has cost; nothing when it was free, or is not there.
    pub(crate) fn fee(&self) -> Result<Option<Money>, QueryError> {
        let fee = self.fee.filter(|fee| *fee > 0);
        fee.map(|fee| super::money(&self.asset, fee).ok_or_else(|| self.damaged("its fee is none")))
            .transpose()
    }

    pub(crate) fn view(&self) -> Result<QuestionView, QueryError> {
        let is_settled = self.state()? == QuestionState::Settled;
        Ok(QuestionView {
            id: self.id,
            asker: self.owner_did.clone(),
            leader: self.leader_did.clone(),
            state: self.state.clone(),
            fee: self.fee()?,
            receipt: self.receipt_id.filter(|_| is_settled),
            created_at: self.created_at,
        })
    }

    pub(crate) fn is_free(&self) -> bool {
        self.ceiling == 0
    }

    pub(crate) fn answer(&self) -> Result<AnswerBody, QueryError> {
        let text = self
            .answer
            .as_deref()
            .ok_or_else(|| self.damaged("its answer is missing"))?;
        serde_json::from_str(text).map_err(|_error| self.damaged("its answer cannot be read"))
    }
}
