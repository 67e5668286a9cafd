use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{CheckoutId, ContentId, ReceiptId};
use imajin_money::{Amount, Asset, Money};
use imajin_publisher_api::{ContentFormat, ContentState};
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::PublisherError;
use crate::schema::{work_accesses, work_versions, works};

/// A work that is read here.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = works, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct WorkRow {
    pub(crate) id: ContentId,
    pub(crate) owner_did: Did,
    pub(crate) state: String,
    /// The number of the newest version.
    pub(crate) latest: i64,
    /// The version that readers get.
    pub(crate) current: Option<i64>,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) published_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(WorkRow, works, "works", key = (id));

impl WorkRow {
    pub(crate) fn state(&self) -> Result<ContentState, PublisherError> {
        ContentState::parse(&self.state)
            .ok_or_else(|| PublisherError::damaged(Self::TABLE, &self.id, "the state is none"))
    }

    pub(crate) fn state_set(&mut self, state: ContentState, now: Timestamp) {
        state.as_str().clone_into(&mut self.state);
        self.updated_at = now;
    }
}

/// A version of a work: what its author said about it, and which bytes it has.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = work_versions, primary_key(content_id, number))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct VersionRow {
    pub(crate) content_id: ContentId,
    pub(crate) number: i64,
    pub(crate) owner_did: Did,
    pub(crate) manifest_id: String,
    /// SHA-256 of the manifest's RFC 8785 bytes.
    pub(crate) manifest_digest: String,
    pub(crate) title: String,
    pub(crate) summary: String,
    /// What everybody may read, as Markdown.
    pub(crate) preview: String,
    pub(crate) format: String,
    pub(crate) media_type: String,
    pub(crate) file_name: String,
    /// Of the bytes as they are stored and sent, with the manifest that may be embedded in them.
    pub(crate) sha256: String,
    pub(crate) size: i64,
    pub(crate) asset: Option<String>,
    pub(crate) price: Option<i64>,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) stored_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(VersionRow, work_versions, "work_versions", key = (content_id, number));

impl VersionRow {
    fn damaged(&self, problem: &str) -> PublisherError {
        PublisherError::damaged(Self::TABLE, &self.row_key(), problem)
    }

    /// What it costs; nothing at all when it is free.
    pub(crate) fn price(&self) -> Result<Option<Money>, PublisherError> {
        let Some((asset, units)) = self.asset.as_ref().zip(self.price) else {
            return Ok(None);
        };
        let asset: Asset = asset.parse().map_err(|_unknown| self.damaged("the currency is none"))?;
        let amount = Amount::from_micros(units).map_err(|_negative| self.damaged("the price is no amount"))?;
        Ok(Some(Money::new(amount, asset)))
    }

    pub(crate) fn size(&self) -> Result<u64, PublisherError> {
        u64::try_from(self.size).map_err(|_negative| self.damaged("the size is none"))
    }

    pub(crate) fn format(&self) -> Result<ContentFormat, PublisherError> {
        ContentFormat::parse(&self.format).ok_or_else(|| self.damaged("the format is none"))
    }

    pub(crate) fn manifest_id(&self) -> Result<ManifestId, PublisherError> {
        self.manifest_id
            .parse()
            .map_err(|_error| self.damaged("its manifest is none"))
    }
}

/// What became of a payment for a work.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = work_accesses, primary_key(content_id, checkout_id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct AccessRow {
    pub(crate) content_id: ContentId,
    pub(crate) checkout_id: CheckoutId,
    pub(crate) reader_did: Did,
    pub(crate) receipt_id: ReceiptId,
    pub(crate) asset: String,
    pub(crate) gross: i64,
    pub(crate) paid_at: Timestamp,
    /// Why the payment gave no access, if it gave none.
    pub(crate) refusal: Option<String>,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) revoked_because: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(
    AccessRow,
    work_accesses,
    "work_accesses",
    key = (content_id, checkout_id)
);
