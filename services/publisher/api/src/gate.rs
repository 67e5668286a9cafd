use imajin_kernel::Timestamp;
use imajin_money::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a gate has decided about one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateRecord {
    /// Its number in the chain of the site.
    pub seq: i64,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Who, as far as it is proven.
    pub agent: Option<String>,
    /// The thumbprint of the key that has signed (RFC 7638).
    pub thumbprint: Option<String>,
    /// The whole URL.
    pub url: String,
    /// What for.
    pub purpose: Option<String>,
    /// What the visitor turned out to be.
    pub visitor: String,
    /// `PASS`, or how it was refused.
    pub verdict: String,
    /// Why, in one sentence.
    pub reason: String,
    /// How closely the claim is bound to the URL: `url`, `host-unbound` (path and query alone) or `unbound`. Nothing
    /// without a claim, and in records from before it was written down.
    pub binding: Option<String>,
    /// SHA-256 of what the agent has signed, in hex.
    pub claim_digest: Option<String>,
    /// Whose visa has paid.
    pub visa_broker: Option<String>,
    /// What it is called there (`jti`).
    pub visa_id: Option<String>,
    /// `true` when the visa named neither the publisher nor a key, so that whoever had it could spend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visa_bearer: Option<bool>,
    /// What was paid.
    #[schema(value_type = Option<Object>)]
    pub paid: Option<Money>,
    /// The receipt for it.
    pub receipt: Option<String>,
    /// The status of the answer.
    pub status: i64,
    /// Whether it was only said what would have happened.
    pub is_dry: bool,
    /// SHA-256 over the record and the hash of the one before it, in hex.
    pub hash: String,
}

/// A page of records, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateRecordPage {
    /// The records.
    pub records: Vec<GateRecord>,
    /// `before` of the next page; nothing after the last one.
    pub next: Option<i64>,
}

/// The file with the policy of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GatePolicy {
    /// Its text.
    pub text: String,
    /// SHA-256 of the text, in hex.
    pub sha256: String,
}

/// What is to be the policy of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GatePolicyChange {
    /// The whole text of the file.
    pub text: String,
    /// SHA-256, in hex, of the text that it replaces.
    pub replaces: String,
}
