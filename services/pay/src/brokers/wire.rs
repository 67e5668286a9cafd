//! What brokers and other nodes are asked, and what they answer.

use imajin_pay_api::RemittanceReceipt;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};

pub(crate) use imajin_imagxp::broker::{
    BrokerAccount, REDEMPTIONS_MAX, Redeemed, Redemption, RedemptionBatch, RedemptionList, RedemptionState,
    TransferAsked, Transferred,
};

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
