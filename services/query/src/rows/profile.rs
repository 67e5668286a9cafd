use diesel::prelude::*;
use imajin_consent::ConsentProfile;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_query_api::ProfileView;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::QueryError;
use crate::schema::profiles;

/// What somebody's node may disclose about them at all.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = profiles, primary_key(owner_did))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct ProfileRow {
    pub(crate) owner_did: Did,
    /// As its owner signed it.
    pub(crate) document: String,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ProfileRow, profiles, "profiles", key = (owner_did));

impl ProfileRow {
    /// The profile as it was signed.
    pub(crate) fn profile(&self) -> Result<ConsentProfile, QueryError> {
        let damaged = |_error| QueryError::damaged(Self::TABLE, &self.owner_did, "its document cannot be read");
        serde_json::from_str(&self.document).map_err(damaged)
    }

    pub(crate) fn view(&self) -> Result<ProfileView, QueryError> {
        let profile = self.profile()?;
        Ok(ProfileView {
            digest: profile.digest()?,
            profile,
            updated_at: self.updated_at,
        })
    }
}
