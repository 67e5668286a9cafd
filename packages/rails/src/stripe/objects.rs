//! Stripe's objects, as far as the node reads them. Members that it does not read may come and go.

use std::collections::HashMap;

use serde::Deserialize;

/// The names and values that we gave an object.
pub(super) type Metadata = HashMap<String, String>;

/// An object, or only its identifier.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Expandable<T> {
    Object(Box<T>),
    Id(serde::de::IgnoredAny),
}

impl<T> Expandable<T> {
    pub(super) fn object(&self) -> Option<&T> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) url: Option<String>,
    pub(super) status: Option<String>,
    pub(super) payment_status: String,
    pub(super) payment_intent: Option<String>,
    pub(super) amount_total: Option<i64>,
    pub(super) currency: Option<String>,
    #[serde(default)]
    pub(super) metadata: Option<Metadata>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    #[serde(default)]
    pub(super) created: i64,
    pub(super) amount: i64,
    pub(super) amount_received: i64,
    pub(super) currency: String,
    pub(super) status: String,
    pub(super) livemode: bool,
    #[serde(default)]
    pub(super) metadata: Metadata,
    pub(super) latest_charge: Option<Expandable<Charge>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) balance_transaction: Option<Expandable<BalanceTransaction>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct BalanceTransaction {
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) fee: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    #[serde(default)]
    pub(super) created: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: String,
    pub(super) payment_intent: Option<String>,
    #[serde(default)]
    pub(super) balance_transactions: Vec<DisputeMove>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct DisputeMove {
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) net: i64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    #[serde(default)]
    pub(super) created: i64,
    #[serde(default)]
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) currency: String,
    pub(super) payment_intent: Option<String>,
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) metadata: Option<Metadata>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Account {
    pub(super) id: String,
    #[serde(default)]
    pub(super) payouts_enabled: bool,
    #[serde(default)]
    pub(super) capabilities: HashMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct AccountLink {
    pub(super) url: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Transfer {
    pub(super) id: String,
    #[serde(default)]
    pub(super) created: i64,
    #[serde(default)]
    pub(super) amount: i64,
    #[serde(default, rename = "transfer_group")]
    pub(super) group: Option<String>,
    pub(super) amount_reversed: i64,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// Money on its way to the bank of whoever has the account.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BankPayout {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Balance {
    pub(super) available: Vec<BalancePart>,
    pub(super) pending: Vec<BalancePart>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct BalancePart {
    pub(super) amount: i64,
    pub(super) currency: String,
}

/// A message of the webhook.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) created: i64,
    pub(super) livemode: bool,
    /// The connected account that it is about; none for our own.
    pub(super) account: Option<String>,
    pub(super) data: EventData,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct EventData {
    pub(super) object: serde_json::Value,
}

/// What a refusal looks like.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    pub(super) error: ErrorObject,
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorObject {
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
}
