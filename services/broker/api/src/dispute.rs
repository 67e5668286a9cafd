use imajin_did::Did;
use imajin_imagxp::AccessEvidence;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{DisputeId, VisaId};
use imajin_money::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    /// The publisher has not answered yet.
    Open,
    /// The publisher has answered, and the arbiter is to decide.
    Answered,
    /// The publisher is paid.
    Released,
    /// The agent has its money back.
    Reversed,
}

/// Who has ended a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuledBy {
    /// The agent, which is content.
    Agent,
    /// The publisher, which has given in.
    Publisher,
    /// The rules.
    Rules,
    /// The arbiter.
    Arbiter,
    /// Nobody: the time was over.
    Deadline,
}

/// A dispute, as its two sides, the arbiter and the operator see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisputeView {
    /// Its name.
    #[schema(value_type = String)]
    pub id: DisputeId,
    /// The visa that has paid.
    #[schema(value_type = String)]
    pub jti: VisaId,
    /// The publisher's receipt.
    pub receipt: String,
    /// Who has said something.
    #[schema(value_type = String)]
    pub agent: Did,
    /// The publisher.
    #[schema(value_type = String)]
    pub node: Did,
    /// How much it is about.
    #[schema(value_type = Object)]
    pub amount: Money,
    /// What the agent says that it has read.
    pub url: String,
    /// From 0, worthless, to 1, as the agent wrote it.
    pub quality_score: String,
    /// Why, in the agent's words.
    pub reason: String,
    /// Where it stands.
    pub state: DisputeState,
    /// What the publisher says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<DisputeAnswer>,
    /// Whether the publisher has shown the agent's own claim.
    pub is_shown: bool,
    /// What the shown claim asks for, where the agent names another page of the publisher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_resource: Option<String>,
    /// Who has ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruled_by: Option<RuledBy>,
    /// Why it ended so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<String>,
    /// When it began.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// When it ends by itself, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub due_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ended_at: Option<Timestamp>,
}

/// The body of `POST /api/disputes/{id}/answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DisputeAnswer {
    /// The publisher gives in: the agent has its money back at once.
    #[serde(default)]
    pub concede: bool,
    /// What it has: the agent's own claim, and what was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub evidence: Option<AccessEvidence>,
    /// What else it says, for the arbiter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// For whom the arbiter decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisputeOutcome {
    /// The agent has its money back.
    Agent,
    /// The publisher is paid.
    Publisher,
}

impl DisputeOutcome {
    /// Where the dispute stands then.
    pub const fn state(self) -> DisputeState {
        match self {
            Self::Agent => DisputeState::Reversed,
            Self::Publisher => DisputeState::Released,
        }
    }
}

/// The body of `POST /api/disputes/{id}/decide`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DisputeDecision {
    /// For whom.
    pub outcome: DisputeOutcome,
    /// Why; both sides read it.
    pub reason: String,
}
