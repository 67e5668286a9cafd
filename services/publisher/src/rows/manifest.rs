use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::{Manifest, ManifestId};
use imajin_kernel::Timestamp;
use imajin_publisher_api::KeptWhere;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::PublisherError;
use crate::schema::manifests;

/// A manifest of the library: published here, or a copy of another node's.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = manifests, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct ManifestRow {
    pub(crate) id: String,
    /// SHA-256 of the RFC 8785 bytes of the whole manifest.
    pub(crate) digest: String,
    /// Who signed it, in the native form.
    pub(crate) author_did: Did,
    pub(crate) title: Option<String>,
    pub(crate) kind: Option<String>,
    /// The manifest in its RFC 8785 form.
    pub(crate) document: String,
    /// Who brought it; absent in a copy.
    pub(crate) published_by: Option<Did>,
    /// What authorised it, see [`crate::log::proof_text`].
    pub(crate) proof: Option<String>,
    /// Where it was fetched, if it was.
    pub(crate) source_url: Option<String>,
    pub(crate) created_at: Timestamp,
    /// When its home was last asked about it.
    pub(crate) checked_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ManifestRow, manifests, "manifests", key = (id));

impl ManifestRow {
    /// The manifest.
    pub(crate) fn manifest(&self) -> Result<Manifest, PublisherError> {
        Manifest::parse(self.document.as_bytes())
            .map_err(|_error| PublisherError::damaged("manifests", &self.id, "its document cannot be read"))
    }

    /// Its id.
    pub(crate) fn manifest_id(&self) -> Result<ManifestId, PublisherError> {
        self.id
            .parse()
            .map_err(|_error| PublisherError::damaged("manifests", &self.id, "its id is none"))
    }

    /// Where it is from.
    pub(crate) fn kept(&self) -> KeptWhere {
        match (&self.published_by, &self.source_url) {
            (None, Some(url)) => KeptWhere::Elsewhere { url: url.clone() },
            _ => KeptWhere::Library,
        }
    }
}
