use diesel::prelude::*;
use imajin_imagxp::ClaimShown;
use imajin_kernel::Timestamp;
use imajin_kernel::id::AccessId;
use imajin_store::sealed_row;
use serde::Serialize;

use super::ChargeRow;
use crate::schema::{gate_claims, gate_disputes};

/// The agent's own claim behind a charge, as it came: what is shown when the agent disputes the payment.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = gate_claims, primary_key(access_id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct ClaimRow {
    pub(crate) access_id: AccessId,
    pub(crate) site: String,
    pub(crate) payload: String,
    pub(crate) signature: String,
    pub(crate) public_key: String,
    /// Whose visa has paid; rows from before this was kept do not say it, and are sealed without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) broker: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ClaimRow, gate_claims, "gate_claims", key = (access_id));

impl ClaimRow {
    pub(crate) fn new(charge: &ChargeRow, claim: &ClaimShown, broker: Option<String>) -> Self {
        Self {
            access_id: charge.id,
            site: charge.site.clone(),
            broker,
            payload: claim.payload.clone(),
            signature: claim.signature.clone(),
            public_key: claim.public_key.clone(),
            created_at: charge.created_at,
            row_seal: Vec::new(),
        }
    }
}

/// A dispute about a charge, as its broker has told of it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = gate_disputes, primary_key(broker, id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct DisputeRow {
    pub(crate) broker: String,
    pub(crate) id: String,
    pub(crate) site: String,
    pub(crate) access_id: AccessId,
    pub(crate) agent: String,
    pub(crate) url: String,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    pub(crate) score: String,
    pub(crate) reason: String,
    /// `open`, `answered`, `released` or `reversed`.
    pub(crate) state: String,
    pub(crate) ruled_by: Option<String>,
    pub(crate) ruling: Option<String>,
    /// Whether the broker has taken an answer of this node.
    pub(crate) is_answered: bool,
    pub(crate) said_at: Timestamp,
    pub(crate) seen_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(DisputeRow, gate_disputes, "gate_disputes", key = (broker, id));
