use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{QuestionId, QuoteId};
use imajin_money::Money;
use imajin_query_api::QuoteTerms;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::QueryError;
use crate::schema::quotes;

/// What an answer would cost at most.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = quotes, primary_key(id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct QuoteRow {
    pub(crate) id: QuoteId,
    pub(crate) owner_did: Did,
    pub(crate) leader_did: Did,
    pub(crate) query_sha256: String,
    pub(crate) tokens_max: i64,
    pub(crate) asset: String,
    pub(crate) ceiling: i64,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// What it was used for.
    pub(crate) question_id: Option<QuestionId>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(QuoteRow, quotes, "quotes", key = (id));

impl QuoteRow {
    pub(crate) fn ceiling(&self) -> Result<Money, QueryError> {
        super::money(&self.asset, self.ceiling)
            .ok_or_else(|| QueryError::damaged(Self::TABLE, &self.id, "its price is none"))
    }

    pub(crate) fn tokens_max(&self) -> Result<u32, QueryError> {
        u32::try_from(self.tokens_max)
            .map_err(|_error| QueryError::damaged(Self::TABLE, &self.id, "its tokens are none"))
    }

    pub(crate) fn terms(&self) -> Result<QuoteTerms, QueryError> {
        Ok(QuoteTerms {
            quote_id: self.id,
            leader: self.leader_did.clone(),
            asker: self.owner_did.clone(),
            query_sha256: self.query_sha256.clone(),
            max_tokens: self.tokens_max()?,
            ceiling: self.ceiling()?,
            expires: self.expires_at,
        })
    }
}
