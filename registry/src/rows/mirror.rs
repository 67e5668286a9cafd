use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_registry_api::directory::{DirectoryEntry, SignedHead};
use imajin_registry_api::{Lie, MirroredNode};
use imajin_store::sealed_row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::RegistryError;
use crate::schema::{mirror_entries, mirror_heads, mirror_lies, mirrors};

/// The directory of another registry.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mirrors, primary_key(registry_did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct MirrorRow {
    pub(crate) registry_did: Did,
    /// Where the copy comes from.
    pub(crate) url: String,
    /// The newest head, as JSON; none while there is no copy.
    pub(crate) head: Option<String>,
    /// Its number, or 0.
    pub(crate) seq: i64,
    /// When the source was asked last.
    pub(crate) checked_at: Timestamp,
    /// Why nothing newer was taken then.
    pub(crate) problem: Option<String>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(MirrorRow, mirrors, "mirrors", key = (registry_did));

/// What the copy says of a node.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mirror_entries, primary_key(registry_did, node_did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct MirrorEntryRow {
    pub(crate) registry_did: Did,
    pub(crate) node_did: Did,
    pub(crate) bucket: i64,
    /// JSON; none for a node that has left.
    pub(crate) entry: Option<String>,
    pub(crate) digest: Vec<u8>,
    pub(crate) seq: i64,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(
    MirrorEntryRow,
    mirror_entries,
    "mirror_entries",
    key = (registry_did, node_did)
);

/// A head that was seen.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mirror_heads, primary_key(registry_did, seq))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct MirrorHeadRow {
    pub(crate) registry_did: Did,
    pub(crate) seq: i64,
    /// The signed message, as JSON.
    pub(crate) head: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(MirrorHeadRow, mirror_heads, "mirror_heads", key = (registry_did, seq));

/// A proof that the registry has told two stories.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mirror_lies, primary_key(registry_did, seq))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct MirrorLieRow {
    pub(crate) registry_did: Did,
    /// The number of the head that was seen first.
    pub(crate) seq: i64,
    /// Both heads, as JSON.
    pub(crate) proof: String,
    /// Who showed the second one.
    pub(crate) source: String,
    pub(crate) found_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(MirrorLieRow, mirror_lies, "mirror_lies", key = (registry_did, seq));

fn stored<T: DeserializeOwned>(table: &str, row: &str, text: &str) -> Result<T, RegistryError> {
    serde_json::from_str(text).map_err(|_error| RegistryError::damaged(table, row, "it cannot be read"))
}

impl MirrorRow {
    /// The newest head, as it was signed.
    pub(crate) fn signed(&self) -> Result<Option<SignedHead>, RegistryError> {
        let text = self.head.as_deref();
        text.map(|text| stored("mirrors", self.registry_did.as_str(), text))
            .transpose()
    }
}

impl MirrorEntryRow {
    /// As it is handed out.
    pub(crate) fn view(&self) -> Result<DirectoryEntry, RegistryError> {
        let text = self.entry.as_deref();
        let entry = text.map(|text| stored("mirror_entries", self.node_did.as_str(), text));
        Ok(DirectoryEntry {
            node_id: self.node_did.clone(),
            seq: u64::try_from(self.seq).unwrap_or_default(),
            entry: entry.transpose()?,
        })
    }

    /// As another service reads it; none of a node that has left.
    pub(crate) fn node(&self, checked_at: Timestamp) -> Result<Option<MirroredNode>, RegistryError> {
        Ok(self.view()?.entry.map(|entry| MirroredNode {
            registry: self.registry_did.clone(),
            checked_at,
            entry,
        }))
    }
}

impl MirrorHeadRow {
    /// As it was signed.
    pub(crate) fn signed(&self) -> Result<SignedHead, RegistryError> {
        stored("mirror_heads", &self.seq.to_string(), &self.head)
    }
}

impl MirrorLieRow {
    /// As it is shown.
    pub(crate) fn view(&self) -> Result<Lie, RegistryError> {
        let row = self.seq.to_string();
        let damaged = || RegistryError::damaged("mirror_lies", &row, "it cannot be read");
        Ok(Lie {
            source: self.source.parse().map_err(|_error| damaged())?,
            found_at: self.found_at,
            proof: stored("mirror_lies", &row, &self.proof)?,
        })
    }
}
