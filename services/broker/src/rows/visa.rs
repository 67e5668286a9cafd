use diesel::prelude::*;
use imajin_broker_api::VisaView;
use imajin_did::Did;
use imajin_imagxp::Purpose;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{HoldId, VisaId};
use imajin_money::Money;
use imajin_store::sealed_row;
use serde::Serialize;

use super::money;
use crate::BrokerError;
use crate::schema::visas;

/// A promise to pay for an agent.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = visas, primary_key(jti))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct VisaRow {
    pub(crate) jti: VisaId,
    pub(crate) agent_did: Did,
    /// The publisher's host.
    pub(crate) publisher: String,
    /// The thumbprint of the key that may spend it.
    pub(crate) holder: String,
    pub(crate) asset: String,
    pub(crate) max_micros: i64,
    pub(crate) uses: i64,
    pub(crate) purpose: Option<String>,
    /// What pay has set aside for it.
    pub(crate) hold_id: HoldId,
    /// See [`VisaState`].
    pub(crate) state: String,
    /// The idempotency key of the request for it.
    pub(crate) request_key: Option<String>,
    /// SHA-256 of the request's body, in hex.
    pub(crate) request_digest: String,
    /// What publishers have asked for, with what was reversed.
    pub(crate) redeemed_micros: i64,
    pub(crate) redeemed_uses: i64,
    /// What publishers have been paid.
    pub(crate) credited_micros: i64,
    /// What the agent has back, once it has.
    pub(crate) returned_micros: Option<i64>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    /// When it is to be looked at next: to be closed, or to be gone on with.
    pub(crate) closes_at: Timestamp,
    pub(crate) closed_at: Option<Timestamp>,
    /// What went back to the agent because it has won disputes.
    pub(crate) reversed_micros: Option<i64>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(VisaRow, visas, "visas", key = (jti));

/// Where a visa stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VisaState {
    /// Pay is being asked to set its amount aside.
    Reserving,
    /// It can be redeemed.
    Open,
    /// Pay is being asked to give back what is left.
    Closing,
    /// All of it is paid or returned.
    Closed,
    /// There was too little: it was never issued.
    Refused,
}

impl VisaState {
    const ALL: [Self; 5] = [Self::Reserving, Self::Open, Self::Closing, Self::Closed, Self::Refused];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Reserving => "reserving",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
            Self::Refused => "refused",
        }
    }
}

impl VisaRow {
    pub(crate) fn state(&self) -> Result<VisaState, BrokerError> {
        let known = VisaState::ALL.into_iter().find(|state| state.as_str() == self.state);
        known.ok_or_else(|| self.damaged("its state is impossible"))
    }

    pub(crate) fn state_set(&mut self, state: VisaState) {
        state.as_str().clone_into(&mut self.state);
    }

    pub(crate) fn money(&self, micros: i64) -> Result<Money, BrokerError> {
        money("visas", &self.jti, micros, &self.asset)
    }

    pub(crate) fn max(&self) -> Result<Money, BrokerError> {
        self.money(self.max_micros)
    }

    pub(crate) fn uses(&self) -> Result<u32, BrokerError> {
        u32::try_from(self.uses).map_err(|_error| self.damaged("its uses are impossible"))
    }

    pub(crate) fn purpose(&self) -> Result<Option<Purpose>, BrokerError> {
        let read = |text: &String| serde_json::from_value(serde_json::Value::String(text.clone()));
        let purpose = self.purpose.as_ref().map(read).transpose();
        purpose.map_err(|_error| self.damaged("its purpose is impossible"))
    }

    /// What is neither paid nor back.
    pub(crate) fn left_micros(&self) -> i64 {
        let gone = self.credited_micros.saturating_add(self.reversed_micros.unwrap_or(0));
        self.max_micros.saturating_sub(gone)
    }

    /// Whether it has paid as often or as much as it may.
    pub(crate) const fn is_used_up(&self) -> bool {
        self.redeemed_uses >= self.uses || self.redeemed_micros >= self.max_micros
    }

    pub(crate) fn view(&self, agent_id: &str, claim_digests: Vec<String>) -> Result<VisaView, BrokerError> {
        Ok(VisaView {
            jti: self.jti,
            agent_id: agent_id.to_owned(),
            publisher: self.publisher.clone(),
            purpose: self.purpose()?,
            max_amount: self.max()?,
            redeemed: self.money(self.redeemed_micros)?,
            credited: self.money(self.credited_micros)?,
            reversed: self.reversed_micros.map(|micros| self.money(micros)).transpose()?,
            returned: self.returned_micros.map(|micros| self.money(micros)).transpose()?,
            uses: self.uses()?,
            claim_digests,
            state: self.state.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }

    fn damaged(&self, problem: &str) -> BrokerError {
        BrokerError::damaged("visas", &self.jti, problem)
    }
}
