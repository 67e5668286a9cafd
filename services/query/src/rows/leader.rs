use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_proof::SignedMessage;
use imajin_query_api::LeaderTerms;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::QueryError;
use crate::schema::leaders;

/// Under which terms somebody's questions are answered.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = leaders, primary_key(owner_did))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct LeaderRow {
    pub(crate) owner_did: Did,
    /// As the leader signed it.
    pub(crate) document: String,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(LeaderRow, leaders, "leaders", key = (owner_did));

impl LeaderRow {
    fn damaged(&self) -> QueryError {
        QueryError::damaged(Self::TABLE, &self.owner_did, "its document cannot be read")
    }

    /// The document as it was signed.
    pub(crate) fn message(&self) -> Result<SignedMessage, QueryError> {
        SignedMessage::from_slice(self.document.as_bytes()).map_err(|_error| self.damaged())
    }

    /// What it says.
    pub(crate) fn terms(&self) -> Result<LeaderTerms, QueryError> {
        self.message()?.payload_as().map_err(|_error| self.damaged())
    }
}
