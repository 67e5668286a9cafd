use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::federation_links;

/// Whose home is at another node.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = federation_links, primary_key(did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct FederationLinkRow {
    pub(crate) did: Did,
    /// The did:web of the home.
    pub(crate) home_did: Did,
    /// Where the home is.
    pub(crate) home_url: String,
    pub(crate) owner_did: Did,
    /// What authorised the row, as the mutation log has it.
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(FederationLinkRow, federation_links, "federation_links", key = (did));
