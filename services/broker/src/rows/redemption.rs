use diesel::prelude::*;
use imajin_broker_api::RedemptionView;
use imajin_did::Did;
use imajin_imagxp::broker::{Redeemed, RedemptionState};
use imajin_kernel::Timestamp;
use imajin_kernel::id::{DisputeId, RedemptionId, VisaId};
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
    /// See [`Standing`].
    pub(crate) state: String,
    pub(crate) created_at: Timestamp,
    /// From when on it is paid, unless the agent objects.
    pub(crate) due_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(RedemptionRow, redemptions, "redemptions", key = (jti, receipt));

/// Where a redemption stands. The wire knows less: what is not decided is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is paid when its time has come.
    Accepted,
    /// The agent objects: it waits.
    Disputed,
    /// The agent is right: pay is being asked to give its money back.
    Reversing,
    /// It is paid.
    Credited,
    /// The agent has its money back.
    Reversed,
}

impl Standing {
    const ALL: [Self; 5] = [
        Self::Accepted,
        Self::Disputed,
        Self::Reversing,
        Self::Credited,
        Self::Reversed,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Disputed => "disputed",
            Self::Reversing => "reversing",
            Self::Credited => "credited",
            Self::Reversed => "reversed",
        }
    }

    /// What the publisher is told.
    const fn wire(self) -> RedemptionState {
        match self {
            Self::Accepted | Self::Disputed | Self::Reversing => RedemptionState::Accepted,
            Self::Credited => RedemptionState::Credited,
            Self::Reversed => RedemptionState::Reversed,
        }
    }
}

impl RedemptionRow {
    pub(crate) fn money(&self) -> Result<Money, BrokerError> {
        money("redemptions", &self.id, self.amount, &self.asset)
    }

    pub(crate) fn standing(&self) -> Result<Standing, BrokerError> {
        let known = Standing::ALL
            .into_iter()
            .find(|standing| standing.as_str() == self.state);
        known.ok_or_else(|| BrokerError::damaged("redemptions", &self.id, "its state is impossible"))
    }

    pub(crate) fn standing_set(&mut self, standing: Standing) {
        standing.as_str().clone_into(&mut self.state);
    }

    /// What the publisher is told.
    pub(crate) fn answer(&self) -> Result<Redeemed, BrokerError> {
        let standing = self.standing()?;
        let reason = match standing {
            Standing::Disputed => Some("The agent objects: answer the dispute."),
            Standing::Reversing | Standing::Reversed => Some("The agent has won a dispute."),
            Standing::Accepted | Standing::Credited => None,
        };
        Ok(Redeemed {
            jti: self.jti.to_string(),
            receipt: self.receipt.clone(),
            amount: self.money()?,
            state: standing.wire(),
            reference: Some(self.id.to_string()),
            reason: reason.map(str::to_owned),
        })
    }

    /// With the dispute about it, if there is one.
    pub(crate) fn view(&self, dispute: Option<DisputeId>) -> Result<RedemptionView, BrokerError> {
        Ok(RedemptionView {
            id: self.id,
            jti: self.jti,
            receipt: self.receipt.clone(),
            node: self.node_did.clone(),
            amount: self.money()?,
            state: self.standing()?.wire(),
            dispute,
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
