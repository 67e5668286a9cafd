use diesel::prelude::*;
use imajin_broker_api::{DisputeAnswer, DisputeState, DisputeView, RuledBy};
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{DisputeId, VisaId};
use imajin_store::sealed_row;
use serde::Serialize;

use super::money;
use crate::BrokerError;
use crate::schema::disputes;

/// An agent's word about what it has paid for: it objects, or lets the money go.
#[derive(Debug, Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = disputes, primary_key(id))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct DisputeRow {
    pub(crate) id: DisputeId,
    pub(crate) jti: VisaId,
    /// With the visa, the name of the redemption.
    pub(crate) receipt: String,
    pub(crate) agent_did: Did,
    /// Who is paid, or not.
    pub(crate) node_did: Did,
    pub(crate) asset: String,
    pub(crate) amount: i64,
    /// What the agent says that it has read.
    pub(crate) url: String,
    /// From 0 to 1, as the agent wrote it.
    pub(crate) score: String,
    pub(crate) reason: String,
    /// SHA-256 of what the agent has signed, in hex.
    pub(crate) said_digest: String,
    /// See [`DisputeState`].
    pub(crate) state: String,
    /// What the publisher says: JSON.
    pub(crate) answer: Option<String>,
    /// SHA-256 of the body of the publisher's answer, in hex.
    pub(crate) answer_digest: Option<String>,
    /// Whether the publisher has shown the agent's own claim.
    pub(crate) is_shown: bool,
    /// See [`RuledBy`].
    pub(crate) ruled_by: Option<String>,
    /// Why it ended so.
    pub(crate) ruling: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
    /// When it ends without anybody's doing.
    pub(crate) due_at: Timestamp,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(DisputeRow, disputes, "disputes", key = (id));

/// The state of a dispute, as it is stored: the word of the wire.
pub(crate) const fn dispute_state(state: DisputeState) -> &'static str {
    match state {
        DisputeState::Open => "open",
        DisputeState::Answered => "answered",
        DisputeState::Released => "released",
        DisputeState::Reversed => "reversed",
    }
}

/// Who has ended a dispute, as it is stored: the word of the wire.
pub(crate) const fn ruled_by(by: RuledBy) -> &'static str {
    match by {
        RuledBy::Agent => "agent",
        RuledBy::Publisher => "publisher",
        RuledBy::Rules => "rules",
        RuledBy::Arbiter => "arbiter",
        RuledBy::Deadline => "deadline",
    }
}

impl DisputeRow {
    pub(crate) fn state(&self) -> Result<DisputeState, BrokerError> {
        let all = [
            DisputeState::Open,
            DisputeState::Answered,
            DisputeState::Released,
            DisputeState::Reversed,
        ];
        let known = all.into_iter().find(|state| dispute_state(*state) == self.state);
        known.ok_or_else(|| self.damaged("its state is impossible"))
    }

    fn ruled_by(&self) -> Result<Option<RuledBy>, BrokerError> {
        let Some(text) = &self.ruled_by else { return Ok(None) };
        let all = [
            RuledBy::Agent,
            RuledBy::Publisher,
            RuledBy::Rules,
            RuledBy::Arbiter,
            RuledBy::Deadline,
        ];
        let known = all.into_iter().find(|by| ruled_by(*by) == text);
        known
            .map(Some)
            .ok_or_else(|| self.damaged("nobody could have ended it so"))
    }

    pub(crate) fn view(&self) -> Result<DisputeView, BrokerError> {
        let answer: Option<DisputeAnswer> = match &self.answer {
            Some(text) => Some(serde_json::from_str(text).map_err(|_error| self.damaged("the answer is impossible"))?),
            None => None,
        };
        let evidence = answer.as_ref().and_then(|answer| answer.evidence.as_ref());
        let claimed = evidence.map(|evidence| evidence.resource_unless(&self.url)).transpose();
        let claimed = claimed.map_err(|_error| self.damaged("the evidence is impossible"))?;
        let state = self.state()?;
        Ok(DisputeView {
            id: self.id,
            jti: self.jti,
            receipt: self.receipt.clone(),
            agent: self.agent_did.clone(),
            node: self.node_did.clone(),
            amount: money("disputes", &self.id, self.amount, &self.asset)?,
            url: self.url.clone(),
            quality_score: self.score.clone(),
            reason: self.reason.clone(),
            state,
            answer,
            is_shown: self.is_shown,
            claimed_resource: claimed.flatten(),
            ruled_by: self.ruled_by()?,
            ruling: self.ruling.clone(),
            created_at: self.created_at,
            due_at: self.ended_at.is_none().then_some(self.due_at),
            ended_at: self.ended_at,
        })
    }

    pub(crate) fn damaged(&self, problem: &str) -> BrokerError {
        BrokerError::damaged("disputes", &self.id, problem)
    }
}
