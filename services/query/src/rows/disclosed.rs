use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::UseId;
use imajin_proof::SignedMessage;
use imajin_query_api::{UseKind, UseReceipt, UseView};
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::QueryError;
use crate::schema::uses;

/// That something about a person was disclosed. What was told is not kept.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = uses, primary_key(id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct UseRow {
    pub(crate) id: UseId,
    /// Whom it is about.
    pub(crate) owner_did: Did,
    /// Who was told.
    pub(crate) asker_did: Did,
    /// As the node signed it.
    pub(crate) receipt: String,
    /// The consent and the request as they were signed: JSON.
    pub(crate) evidence: String,
    /// Where the asker keeps a log of what they were told.
    pub(crate) home: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(UseRow, uses, "uses", key = (id));

impl UseRow {
    pub(crate) fn receipt(&self) -> Result<SignedMessage<UseReceipt>, QueryError> {
        let damaged = |_error| QueryError::damaged(Self::TABLE, &self.id, "its receipt cannot be read");
        serde_json::from_str(&self.receipt).map_err(damaged)
    }

    pub(crate) fn view(&self) -> Result<UseView, QueryError> {
        let receipt = self.receipt()?;
        let said = &receipt.payload;
        Ok(UseView {
            id: self.id.to_string(),
            kind: UseKind::Disclosure,
            by: self.asker_did.clone(),
            purpose: said.purpose.to_string(),
            fields: said.fields.iter().map(ToString::to_string).collect(),
            grants: said.grants.iter().cloned().collect(),
            declaration: said.declaration.clone(),
            receipt: Some(self.id.to_string()),
            at: said.used_at,
            document: Some(receipt),
        })
    }
}
