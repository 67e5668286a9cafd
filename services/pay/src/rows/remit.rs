use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::RemittanceId;
use imajin_money::Money;
use imajin_store::{SealedRow, sealed_row};
use serde::Serialize;

use super::money;
use crate::PayError;
use crate::schema::{payee_homes, remittance_legs, remittances_in, remittances_out};

/// The node where somebody is at home, by their own signed word.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = payee_homes, primary_key(did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct HomeRow {
    pub(crate) did: String,
    pub(crate) node_did: String,
    /// Scheme, host and port.
    pub(crate) node_url: String,
    pub(crate) bound_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(HomeRow, payee_homes, "payee_homes", key = (did));

/// Money for people of another node, on its way there.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = remittances_out, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SentRow {
    pub(crate) id: RemittanceId,
    pub(crate) node_did: String,
    pub(crate) node_url: String,
    /// The broker that passes the money on.
    pub(crate) issuer: String,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    pub(crate) state: String,
    /// What this node has signed.
    pub(crate) document: String,
    /// What the other node has signed in return.
    pub(crate) receipt: Option<String>,
    pub(crate) problem: Option<String>,
    pub(crate) created_at: Timestamp,
    /// When the broker had passed the money on.
    pub(crate) transferred_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(SentRow, remittances_out, "remittances_out", key = (id));

/// How far a remittance is that this node sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SentState {
    /// The other node has not said that it takes it.
    Offered,
    /// It takes it; the broker has not passed the money on.
    Agreed,
    /// The broker has; the other node has not said that it is there.
    Transferred,
    /// The other node has given it to its people.
    Delivered,
    /// The other node does not take it: it went back to the payees' balances here.
    Refused,
}

impl SentState {
    pub(crate) const ALL: [Self; 5] = [
        Self::Offered,
        Self::Agreed,
        Self::Transferred,
        Self::Delivered,
        Self::Refused,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Agreed => "agreed",
            Self::Transferred => "transferred",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
        }
    }
}

/// The states of a remittance that has not ended, as a partial index names them.
pub(crate) const UNDER_WAY: [&str; 3] = [
    SentState::Offered.as_str(),
    SentState::Agreed.as_str(),
    SentState::Transferred.as_str(),
];

impl SentRow {
    pub(crate) fn state(&self) -> Result<SentState, PayError> {
        let found = SentState::ALL.into_iter().find(|state| state.as_str() == self.state);
        found.ok_or_else(|| PayError::damaged(Self::TABLE, self.id.as_str(), "the state is none"))
    }

    pub(crate) fn state_set(&mut self, state: SentState) {
        state.as_str().clone_into(&mut self.state);
    }

    pub(crate) fn money(&self) -> Result<Money, PayError> {
        money(Self::TABLE, self.id.as_str(), self.amount, &self.asset)
    }

    pub(crate) fn node(&self) -> Result<Did, PayError> {
        let damaged = |_unreadable| PayError::damaged(Self::TABLE, self.id.as_str(), "the node is no DID");
        self.node_did.parse().map_err(damaged)
    }

    /// The ledger's key of what leaves the balances.
    pub(crate) fn owed_key(id: RemittanceId) -> String {
        format!("remit/{id}/owed")
    }

    /// The ledger's key of what the broker has passed on.
    pub(crate) fn sent_key(&self) -> String {
        format!("remit/{}/sent", self.id)
    }

    /// The ledger's key of what went back to the balances.
    pub(crate) fn back_key(&self) -> String {
        format!("remit/{}/back", self.id)
    }
}

/// Money that another node has sent for people of this one.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = remittances_in, primary_key(from_did, id))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ReceivedRow {
    pub(crate) from_did: String,
    pub(crate) id: RemittanceId,
    pub(crate) issuer: String,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    pub(crate) state: String,
    /// What the other node has signed.
    pub(crate) document: String,
    /// What this node has signed in return.
    pub(crate) receipt: Option<String>,
    pub(crate) problem: Option<String>,
    pub(crate) received_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(ReceivedRow, remittances_in, "remittances_in", key = (from_did, id));

/// The broker has not confirmed it.
pub(crate) const UNCONFIRMED: &str = "unconfirmed";
/// The broker has not confirmed it in time, and is not asked any more, unless it is sent again.
pub(crate) const DROPPED: &str = "dropped";
/// It is in the payees' balances.
pub(crate) const CREDITED: &str = "credited";

impl ReceivedRow {
    pub(crate) fn money(&self) -> Result<Money, PayError> {
        money(Self::TABLE, &self.row_key(), self.amount, &self.asset)
    }

    /// The ledger's key of what came.
    pub(crate) fn ledger_key(&self) -> String {
        format!("remit/{}/{}", self.from_did, self.id)
    }
}

/// What of a remittance is whose.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = remittance_legs, primary_key(from_did, remittance_id, did))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct RemittanceLegRow {
    /// The node that sends it.
    pub(crate) from_did: String,
    pub(crate) remittance_id: RemittanceId,
    pub(crate) did: String,
    pub(crate) asset: String,
    pub(crate) units: i64,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(
    RemittanceLegRow,
    remittance_legs,
    "remittance_legs",
    key = (from_did, remittance_id, did)
);
