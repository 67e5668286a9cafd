use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::sealed_row;
use serde::Serialize;

use crate::schema::peer_rules;

/// What the operator says about a node, or about all beneath a name.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = peer_rules, primary_key(name))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct PeerRuleRow {
    /// A DID, a host with or without a port, or `*.` and a host.
    pub(crate) name: String,
    /// `allow` or `block`.
    pub(crate) verdict: String,
    /// Why, for the operators of this node and for those who are refused.
    pub(crate) reason: Option<String>,
    /// The operator.
    pub(crate) owner_did: Did,
    pub(crate) proof: String,
    pub(crate) created_at: Timestamp,
    /// When it was taken back.
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(PeerRuleRow, peer_rules, "peer_rules", key = (name));
