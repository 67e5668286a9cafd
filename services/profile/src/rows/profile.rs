use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_profile_api::{Contact, ProfileLink};
use imajin_store::sealed_row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ProfileError;
use crate::schema::profiles;

/// What somebody says about themselves. The texts of a deleted profile are empty.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = profiles, primary_key(did))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct ProfileRow {
    pub(crate) did: Did,
    pub(crate) owner_did: Did,
    /// As auth had it at the last change.
    pub(crate) handle: Option<String>,
    /// As auth had it at the last change.
    pub(crate) display_type: String,
    pub(crate) display_name: String,
    pub(crate) bio: Option<String>,
    /// A JSON list of links.
    pub(crate) links: String,
    /// A JSON object of contact fields.
    pub(crate) contact: String,
    /// Counts the changes of what its owner writes.
    pub(crate) version: i64,
    /// What authorised the latest change, see [`crate::log::proof_text`].
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ProfileRow, profiles, "profiles", key = (did));

impl ProfileRow {
    pub(crate) fn links(&self) -> Result<Vec<ProfileLink>, ProfileError> {
        self.read(&self.links)
    }

    pub(crate) fn contact(&self) -> Result<Contact, ProfileError> {
        self.read(&self.contact)
    }

    /// The version as callers name it.
    pub(crate) fn version(&self) -> Result<u32, ProfileError> {
        u32::try_from(self.version).map_err(|_error| self.damaged("its version is impossible"))
    }

    fn read<T: DeserializeOwned>(&self, text: &str) -> Result<T, ProfileError> {
        serde_json::from_str(text).map_err(|_error| self.damaged("a document in it cannot be read"))
    }

    fn damaged(&self, problem: &str) -> ProfileError {
        ProfileError::damaged("profiles", &self.did, problem)
    }
}
