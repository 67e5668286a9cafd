//! What a broker shows to agents, publishers and its operator.

mod dispute;

use imajin_did::Did;
use imajin_imagxp::Purpose;
use imajin_imagxp::broker::RedemptionState;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{DepositId, DisputeId, RedemptionId, VisaId};
use imajin_money::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use dispute::{DisputeAnswer, DisputeDecision, DisputeOutcome, DisputeState, DisputeView, RuledBy};

/// An agent's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountView {
    /// The agent: its domain.
    pub agent_id: String,
    /// The same as a DID: what the agent signs its requests as.
    #[schema(value_type = String)]
    pub did: Did,
    /// Whom to write to, as the agent's manifest says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// Since when there is an account.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

/// What somebody has at the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BalancesView {
    /// Whose account it is.
    #[schema(value_type = String)]
    pub did: Did,
    /// What can be spent, one line per currency.
    #[schema(value_type = Vec<Object>)]
    pub balances: Vec<Money>,
    /// What is promised in visas and neither paid nor returned.
    #[schema(value_type = Vec<Object>)]
    pub reserved: Vec<Money>,
}

/// The body of `POST /api/deposits`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DepositAsk {
    /// The agent whose account it is for; the signer, when nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// How much.
    #[schema(value_type = Object)]
    pub amount: Money,
}

/// Money on its way into an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DepositView {
    /// The deposit.
    #[schema(value_type = String)]
    pub id: DepositId,
    /// Whose account it is for.
    pub agent_id: String,
    /// How much.
    #[schema(value_type = Object)]
    pub amount: Money,
    /// `open`, `paid` or `left`.
    pub state: String,
    /// Where it is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

/// A visa, as its agent and the operator see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VisaView {
    /// Its name.
    #[schema(value_type = String)]
    pub jti: VisaId,
    /// The agent's domain.
    pub agent_id: String,
    /// The publisher's host.
    pub publisher: String,
    /// What for, if for one thing only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub purpose: Option<Purpose>,
    /// What was set aside for it.
    #[schema(value_type = Object)]
    pub max_amount: Money,
    /// What publishers have asked for and were promised.
    #[schema(value_type = Object)]
    pub redeemed: Money,
    /// What publishers have been paid.
    #[schema(value_type = Object)]
    pub credited: Money,
    /// What the agent has back because it was right in a dispute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub reversed: Option<Money>,
    /// What the agent has back because nobody has asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub returned: Option<Money>,
    /// How often it pays.
    pub uses: u32,
    /// What publishers have named when they redeemed of it: the SHA-256 of a claim, in hex. By one of these its agent
    /// objects. A list shows the newest 1,000 of all its visas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claim_digests: Vec<String>,
    /// `reserving`, `open`, `closing`, `closed` or `refused`.
    pub state: String,
    /// When it was issued.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// From when on it pays nothing new.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
}

/// A redemption, as the operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedemptionView {
    /// The broker's name for it.
    #[schema(value_type = String)]
    pub id: RedemptionId,
    /// The visa.
    #[schema(value_type = String)]
    pub jti: VisaId,
    /// The publisher's receipt.
    pub receipt: String,
    /// Who is paid.
    #[schema(value_type = String)]
    pub node: Did,
    /// How much.
    #[schema(value_type = Object)]
    pub amount: Money,
    /// Where it stands.
    #[schema(value_type = String)]
    pub state: RedemptionState,
    /// The dispute about it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub dispute: Option<DisputeId>,
    /// When it was asked for.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Until when the agent can dispute it.
    #[schema(value_type = String)]
    pub due_at: Timestamp,
}

/// A line of an account's statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatementLine {
    /// The how-manieth line of its account this is, from 1: where the next page starts.
    pub number: i64,
    /// When.
    #[schema(value_type = String)]
    pub time: Timestamp,
    /// Why the ledger has booked it.
    pub kind: String,
    /// What for.
    pub reference: String,
    /// What came in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub credit: Option<Money>,
    /// What went out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub debit: Option<Money>,
    /// What was there afterwards.
    #[schema(value_type = Object)]
    pub balance: Money,
    /// The ledger's entry.
    pub entry: String,
}

/// A part of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page starts, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
