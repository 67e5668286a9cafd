use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_proof::SignedMessage;
use imajin_query_api::UseRecord;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::QueryError;
use crate::schema::{readings, records};

/// What an asker says that they were told.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = records, primary_key(digest))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct RecordRow {
    /// SHA-256 of the canonical document, in hex.
    pub(crate) digest: String,
    /// The asker.
    pub(crate) owner_did: Did,
    pub(crate) subject_did: Did,
    /// The node that has told it.
    pub(crate) node_did: Did,
    /// The node where it was read; `None` where this one keeps the asker's log.
    pub(crate) read_from: Option<String>,
    /// As the asker signed it.
    pub(crate) document: String,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(RecordRow, records, "records", key = (digest));

impl RecordRow {
    pub(crate) fn record(&self) -> Result<SignedMessage<UseRecord>, QueryError> {
        let damaged = |_error| QueryError::damaged(Self::TABLE, &self.digest, "it cannot be read");
        serde_json::from_str(&self.document).map_err(damaged)
    }
}

/// When an asker's log at another node was read for somebody.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = readings, primary_key(owner_did, asker_did))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct ReadingRow {
    /// For whom.
    pub(crate) owner_did: Did,
    pub(crate) asker_did: Did,
    /// The asker's node.
    pub(crate) home: String,
    /// When it was read to its end last.
    pub(crate) read_at: Option<Timestamp>,
    /// Why it could not be read, if the last attempt failed.
    pub(crate) problem: Option<String>,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ReadingRow, readings, "readings", key = (owner_did, asker_did));
