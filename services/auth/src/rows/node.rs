use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::{node_roles, setup_tokens};

/// A link with which somebody may become the operator.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = setup_tokens, primary_key(token_hash))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SetupTokenRow {
    /// SHA-256 of the token, in hex.
    pub(crate) token_hash: String,
    pub(crate) created_at: Timestamp,
    pub(crate) used_at: Option<Timestamp>,
    pub(crate) used_by: Option<Did>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(SetupTokenRow, setup_tokens, "setup_tokens", key = (token_hash));

/// Who has a role at this node.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = node_roles, primary_key(role))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct NodeRoleRow {
    pub(crate) role: String,
    pub(crate) did: Did,
    pub(crate) owner_did: Did,
    /// What authorised the row, as the mutation log has it.
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(NodeRoleRow, node_roles, "node_roles", key = (role));
