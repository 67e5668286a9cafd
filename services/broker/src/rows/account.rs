use diesel::prelude::*;
use imajin_broker_api::{AccountView, DepositView};
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::DepositId;
use imajin_money::Money;
use imajin_store::sealed_row;
use serde::Serialize;

use super::money;
use crate::BrokerError;
use crate::schema::{accounts, deposits};

/// An agent that buys visas here.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = accounts, primary_key(did))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct AccountRow {
    pub(crate) did: Did,
    pub(crate) owner_did: Did,
    pub(crate) agent_id: String,
    pub(crate) contact: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(AccountRow, accounts, "accounts", key = (did));

impl AccountRow {
    pub(crate) fn view(&self) -> AccountView {
        AccountView {
            agent_id: self.agent_id.clone(),
            did: self.did.clone(),
            contact: self.contact.clone(),
            created_at: self.created_at,
        }
    }
}

/// Money on its way into an account.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = deposits, primary_key(id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct DepositRow {
    pub(crate) id: DepositId,
    /// Who pays.
    pub(crate) owner_did: Did,
    pub(crate) agent_did: Did,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    /// See [`DepositState`].
    pub(crate) state: String,
    pub(crate) checkout_id: Option<String>,
    pub(crate) receipt_id: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(DepositRow, deposits, "deposits", key = (id));

/// Where a deposit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DepositState {
    /// Nobody has paid yet.
    Open,
    /// The money is there, or as good as there: pay books it once it knows that it was delivered.
    Paid,
    /// Nobody has paid in time.
    Left,
}

impl DepositState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paid => "paid",
            Self::Left => "left",
        }
    }
}

impl DepositRow {
    pub(crate) fn money(&self) -> Result<Money, BrokerError> {
        money("deposits", &self.id, self.amount, &self.asset)
    }

    pub(crate) fn view(&self, agent_id: &str, url: Option<String>) -> Result<DepositView, BrokerError> {
        Ok(DepositView {
            id: self.id,
            agent_id: agent_id.to_owned(),
            amount: self.money()?,
            state: self.state.clone(),
            url,
            created_at: self.created_at,
        })
    }
}
