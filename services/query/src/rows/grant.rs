use diesel::prelude::*;
use imajin_consent::{GrantRevocation, StandingGrant};
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_query_api::{GrantState, GrantView};
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::QueryError;
use crate::schema::grants;

/// What somebody's node may disclose or answer about them without asking each time.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = grants, primary_key(digest))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct GrantRow {
    /// SHA-256 of the canonical document, in hex.
    pub(crate) digest: String,
    pub(crate) owner_did: Did,
    /// As its subject signed it.
    pub(crate) document: String,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    /// As its subject signed it.
    pub(crate) revocation: Option<String>,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(GrantRow, grants, "grants", key = (digest));

impl GrantRow {
    fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, QueryError> {
        let damaged = |_error| QueryError::damaged(Self::TABLE, &self.digest, "its document cannot be read");
        serde_json::from_str(text).map_err(damaged)
    }

    /// The grant as it was signed.
    pub(crate) fn grant(&self) -> Result<StandingGrant, QueryError> {
        self.read(&self.document)
    }

    /// What has ended it, as it was signed.
    pub(crate) fn revocation(&self) -> Result<Option<GrantRevocation>, QueryError> {
        self.revocation.as_deref().map(|text| self.read(text)).transpose()
    }

    pub(crate) fn view(&self, now: Timestamp) -> Result<GrantView, QueryError> {
        let grant = self.grant()?;
        let state = match (self.revoked_at, grant.is_over(now)) {
            (Some(_), _) => GrantState::Revoked,
            (None, true) => GrantState::Expired,
            (None, false) => GrantState::Active,
        };
        Ok(GrantView {
            digest: self.digest.clone(),
            state,
            grant,
            created_at: self.created_at,
            revoked_at: self.revoked_at,
        })
    }
}
