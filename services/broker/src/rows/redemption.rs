use diesel::prelude::*;
use imajin_broker_api::RedemptionView;
use imajin_did::Did;
use imajin_imagxp::broker::{Redeemed, RedemptionState};
use imajin_kernel::Timestamp;
use imajin_kernel::id::{RedemptionId, VisaId};
use imajin_money::Money;
use imajin_store::sealed_row;
use serde::Serialize;

use super::money;
use crate::BrokerError;
use crate::schema::{publishers, redemptions};

/// What a publisher has asked to be paid of a visa.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = redemptions, primary_key(jti, receipt))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct RedemptionRow {
    pub(crate) jti: VisaId,
    /// The publisher's own name for it.
    pub(crate) receipt: String,
    pub(crate) id: RedemptionId,
    /// Who is paid.
    pub(crate) node_did: Did,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    /// What the agent has signed: SHA-256, in hex.
    pub(crate) claim_digest: String,
    /// See [`redemption_state`].
    pub(crate) state: String,
    pub(crate) created_at: Timestamp,
    /// From when on it is paid, unless the agent objects.
    pub(crate) due_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(RedemptionRow, redemptions, "redemptions", key = (jti, receipt));

/// The state of a redemption, as it is stored: the word of the wire.
pub(crate) const fn redemption_state(state: RedemptionState) -> &'static str {
    match state {
        RedemptionState::Accepted => "accepted",
        RedemptionState::Credited => "credited",
        RedemptionState::Reversed => "reversed",
        RedemptionState::Refused => "refused",
    }
}

impl RedemptionRow {
    pub(crate) fn money(&self) -> Result<Money, BrokerError> {
        money("redemptions", &self.id, self.amount, &self.asset)
    }

    pub(crate) fn state(&self) -> Result<RedemptionState, BrokerError> {
        let all = [
            RedemptionState::Accepted,
            RedemptionState::Credited,
            RedemptionState::Reversed,
        ];
        let known = all.into_iter().find(|state| redemption_state(*state) == self.state);
        known.ok_or_else(|| BrokerError::damaged("redemptions", &self.id, "its state is impossible"))
    }

    /// What the publisher is told.
    pub(crate) fn answer(&self) -> Result<Redeemed, BrokerError> {
        let state = self.state()?;
        let reversed = state == RedemptionState::Reversed;
        Ok(Redeemed {
            jti: self.jti.to_string(),
            receipt: self.receipt.clone(),
            amount: self.money()?,
            state,
            reference: Some(self.id.to_string()),
            reason: reversed.then(|| "The agent has won a dispute.".to_owned()),
        })
    }

    pub(crate) fn view(&self) -> Result<RedemptionView, BrokerError> {
        Ok(RedemptionView {
            id: self.id,
            jti: self.jti,
            receipt: self.receipt.clone(),
            node: self.node_did.clone(),
            amount: self.money()?,
            state: self.state()?,
            created_at: self.created_at,
            due_at: self.due_at,
        })
    }
}

/// Which node a publisher's host is.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = publishers, primary_key(host))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct PublisherRow {
    pub(crate) host: String,
    pub(crate) did: Did,
    pub(crate) checked_at: Timestamp,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(PublisherRow, publishers, "publishers", key = (host));
