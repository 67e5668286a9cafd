//! What brokers and other nodes are asked, and what they answer.

use imajin_did::Did;
use imajin_money::Money;
use imajin_pay_api::RemittanceReceipt;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};

/// The most promises in one question.
pub(crate) const REDEMPTIONS_MAX: usize = 100;

/// Promises that are to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RedemptionBatch {
    pub(crate) redemptions: Vec<Redemption>,
}

/// A promise, or a part of it, that was spent here. Its name is the pair of the visa and the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Redemption {
    pub(crate) jti: String,
    pub(crate) receipt: String,
    pub(crate) amount: Money,
    pub(crate) claim_digest: String,
}

/// How the promises stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RedemptionList {
    pub(crate) redemptions: Vec<Redeemed>,
}

/// How a promise stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Redeemed {
    pub(crate) jti: String,
    pub(crate) receipt: String,
    pub(crate) amount: Money,
    pub(crate) state: RedemptionState,
    /// The broker's own name for it.
    #[serde(default)]
    pub(crate) reference: Option<String>,
    /// Why it is not paid.
    #[serde(default)]
    pub(crate) reason: Option<String>,
}

/// What a broker says about a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RedemptionState {
    /// It will be paid, unless the agent disputes it in time and wins.
    Accepted,
    /// It is paid.
    Credited,
    /// The agent has won a dispute.
    Reversed,
    /// It was never one of the broker's, or is spent.
    Refused,
}

/// Money that is to be passed on to another node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransferAsked {
    /// The sender's name for it, and nobody else's: the same name is the same transfer.
    pub(crate) reference: String,
    pub(crate) to: Did,
    pub(crate) amount: Money,
}

/// Money that a broker has passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Transferred {
    pub(crate) reference: String,
    pub(crate) from: Did,
    pub(crate) to: Did,
    pub(crate) amount: Money,
}

/// What a node answers to a remittance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RemittanceAnswer {
    /// `unconfirmed` or `credited`.
    pub(crate) state: String,
    /// What it has signed, once it is credited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) receipt: Option<SignedMessage<RemittanceReceipt>>,
}

/// What a broker holds for a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BrokerAccount {
    pub(crate) balances: Vec<Money>,
}
