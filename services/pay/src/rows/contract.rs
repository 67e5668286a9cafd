use diesel::prelude::*;
use imajin_fair::distribution::Contract;
use imajin_kernel::Timestamp;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use crate::PayError;
use crate::schema::{contract_flows, contracts};

/// One version of somebody's distribution contract. Rows are added and never changed.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = contracts, primary_key(owner_did, version))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ContractRow {
    pub(crate) owner_did: String,
    pub(crate) version: i64,
    pub(crate) effective_at: Timestamp,
    pub(crate) received_at: Timestamp,
    /// The signed document, as JSON.
    pub(crate) document: String,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ContractRow, contracts, "contracts", key = (owner_did, version));

impl ContractRow {
    pub(crate) fn contract(&self) -> Result<Contract, PayError> {
        let damaged = |_unreadable| PayError::damaged(Self::TABLE, &self.row_key(), "the document cannot be read");
        Contract::parse(self.document.as_bytes()).map_err(damaged)
    }
}

/// What has gone by one label of a contract to one recipient.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = contract_flows, primary_key(profile_did, label, recipient_did, asset))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct FlowRow {
    pub(crate) profile_did: String,
    pub(crate) label: String,
    pub(crate) recipient_did: String,
    pub(crate) asset: String,
    /// Everything so far, what waits included.
    pub(crate) total: i64,
    /// What of it waits in the recipient's accrued account.
    pub(crate) waiting: i64,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(
    FlowRow,
    contract_flows,
    "contract_flows",
    key = (profile_did, label, recipient_did, asset)
);
