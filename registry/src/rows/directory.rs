use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_registry_api::directory::{DirectoryEntry, SignedHead};
use imajin_store::sealed_row;
use serde::Serialize;

use crate::RegistryError;
use crate::schema::{directory_buckets, directory_entries, directory_heads, directory_shown};

/// What the signed directory says of a node.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = directory_entries, primary_key(node_did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct EntryRow {
    pub(crate) node_did: Did,
    pub(crate) bucket: i64,
    /// JSON; none for a node that has left.
    pub(crate) entry: Option<String>,
    pub(crate) digest: Vec<u8>,
    /// The head in which it changed last; 0 before the first.
    pub(crate) seq: i64,
    /// Whether the next head has to say something else.
    pub(crate) is_changed: bool,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(EntryRow, directory_entries, "directory_entries", key = (node_did));

/// The digest of a bucket of entries.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = directory_buckets, primary_key(bucket))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct BucketRow {
    pub(crate) bucket: i64,
    pub(crate) digest: Vec<u8>,
    /// Nodes that are there.
    pub(crate) nodes: i64,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(BucketRow, directory_buckets, "directory_buckets", key = (bucket));

/// A signed head.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = directory_heads, primary_key(seq))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct HeadRow {
    pub(crate) seq: i64,
    /// The signed message, as JSON.
    pub(crate) head: String,
    pub(crate) signed_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(HeadRow, directory_heads, "directory_heads", key = (seq));

/// A head of this registry that a copy has shown and that the log does not have.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = directory_shown, primary_key(seq))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ShownRow {
    pub(crate) seq: i64,
    /// The signed message, as JSON.
    pub(crate) head: String,
    /// Who showed it.
    pub(crate) source: String,
    pub(crate) seen_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ShownRow, directory_shown, "directory_shown", key = (seq));

impl EntryRow {
    /// As it is handed out.
    pub(crate) fn view(&self) -> Result<DirectoryEntry, RegistryError> {
        let damaged = || RegistryError::damaged("directory_entries", self.node_did.as_str(), "it cannot be read");
        let entry = self.entry.as_deref().map(serde_json::from_str).transpose();
        Ok(DirectoryEntry {
            node_id: self.node_did.clone(),
            seq: u64::try_from(self.seq).map_err(|_error| damaged())?,
            entry: entry.map_err(|_error| damaged())?,
        })
    }
}

impl HeadRow {
    /// As it was signed.
    pub(crate) fn signed(&self) -> Result<SignedHead, RegistryError> {
        serde_json::from_str(&self.head)
            .map_err(|_error| RegistryError::damaged("directory_heads", &self.seq.to_string(), "it cannot be read"))
    }
}

impl ShownRow {
    /// As it was signed.
    pub(crate) fn signed(&self) -> Result<SignedHead, RegistryError> {
        serde_json::from_str(&self.head)
            .map_err(|_error| RegistryError::damaged("directory_shown", &self.seq.to_string(), "it cannot be read"))
    }
}
