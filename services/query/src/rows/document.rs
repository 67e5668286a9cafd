use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::Manifest;
use imajin_kernel::Timestamp;
use imajin_kernel::id::DocumentId;
use imajin_query_api::DocumentView;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::QueryError;
use crate::schema::documents;

/// A document that questions are answered from.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = documents, primary_key(id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct DocumentRow {
    pub(crate) id: DocumentId,
    pub(crate) owner_did: Did,
    pub(crate) title: String,
    pub(crate) media_type: String,
    pub(crate) sha256: String,
    pub(crate) size: i64,
    #[serde(serialize_with = "imajin_store::as_bytes")]
    pub(crate) content: Vec<u8>,
    pub(crate) manifest_id: String,
    pub(crate) manifest: String,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    /// Since when nothing is answered from it any more.
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(DocumentRow, documents, "documents", key = (id));

impl DocumentRow {
    pub(crate) fn manifest(&self) -> Result<Manifest, QueryError> {
        Manifest::parse(self.manifest.as_bytes())
            .map_err(|_error| QueryError::damaged(Self::TABLE, &self.id, "its manifest cannot be read"))
    }

    pub(crate) fn view(&self) -> Result<DocumentView, QueryError> {
        Ok(DocumentView {
            id: self.id,
            owner: self.owner_did.clone(),
            title: self.title.clone(),
            media_type: self.media_type.clone(),
            size: u64::try_from(self.size).unwrap_or_default(),
            sha256: self.sha256.clone(),
            manifest: self.manifest()?,
            created_at: self.created_at,
        })
    }
}
