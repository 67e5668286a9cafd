use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::PublisherError;
use crate::schema::statements;

/// What is said about a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatementKind {
    /// A contributor agrees with the split.
    Acceptance,
    /// A node vouches for having seen it.
    Endorsement,
}

impl StatementKind {
    /// The column's text.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Acceptance => "acceptance",
            Self::Endorsement => "endorsement",
        }
    }
}

/// A signed message about a manifest.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = statements, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct StatementRow {
    pub(crate) manifest_id: String,
    pub(crate) kind: String,
    /// Who signed it, in the native form.
    pub(crate) did: Did,
    /// The signed message.
    pub(crate) document: String,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(StatementRow, statements, "statements", key = (manifest_id, kind, did));

impl StatementRow {
    /// The message.
    pub(crate) fn message<T: DeserializeOwned>(&self) -> Result<T, PublisherError> {
        serde_json::from_str(&self.document)
            .map_err(|_error| PublisherError::damaged("statements", &self.key_text(), "its document cannot be read"))
    }

    /// The key for findings.
    pub(crate) fn key_text(&self) -> String {
        format!("{}/{}/{}", self.manifest_id, self.kind, self.did)
    }
}
