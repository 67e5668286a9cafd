//! What a broker is asked and what it answers, by agents, publishers and other nodes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_money::Money;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Purpose;

/// The most promises in one batch of redemptions.
pub const REDEMPTIONS_MAX: usize = 100;

/// What an agent asks for at `POST /issue-visa`; the agent signs the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VisaOrder {
    /// The publisher's host, with its port if it has one.
    pub publisher: String,
    /// How much it should pay at most, in all.
    pub max_amount: Money,
    /// What for, if for one thing only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// How long it should last, in seconds.
    pub ttl: u32,
    /// How often it should pay; once when nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
}

/// A visa as the broker hands it over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisaIssued {
    /// The visa.
    pub token: String,
    /// The header that carries it.
    pub header_name: String,
}

impl VisaIssued {
    /// A visa, for the header by which libraries know it.
    pub fn new(token: String) -> Self {
        Self {
            token,
            header_name: crate::visa::CREDENTIAL.as_str().to_owned(),
        }
    }
}

/// What a visa says of itself, for whoever holds it. Nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VisaTold {
    /// Its name at the broker.
    pub jti: String,
    /// When it ends, in seconds.
    exp: i64,
}

impl VisaTold {
    /// Reads a visa; nothing, when it is none that can be read.
    pub fn read(token: &str) -> Option<Self> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        serde_json::from_slice(&payload).ok()
    }

    /// Until when it pays.
    pub const fn ends_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.exp)
    }
}

/// Promises that are to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedemptionBatch {
    /// At most [`REDEMPTIONS_MAX`].
    pub redemptions: Vec<Redemption>,
}

/// A promise, or a part of it, that a publisher took as payment. Its name is the pair of the visa and the receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redemption {
    /// The visa.
    pub jti: String,
    /// The publisher's receipt for this part.
    pub receipt: String,
    /// How much.
    pub amount: Money,
    /// What the agent has signed for it: SHA-256, in hex.
    pub claim_digest: String,
}

/// How the promises stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedemptionList {
    /// In the order of the batch.
    pub redemptions: Vec<Redeemed>,
}

/// How a promise stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redeemed {
    /// The visa.
    pub jti: String,
    /// The publisher's receipt.
    pub receipt: String,
    /// How much.
    pub amount: Money,
    /// What the broker says about it.
    pub state: RedemptionState,
    /// The broker's own name for it.
    #[serde(default)]
    pub reference: Option<String>,
    /// Why it is not paid.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What a broker says about a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedemptionState {
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
pub struct TransferAsked {
    /// The sender's name for it, and nobody else's: the same name is the same transfer.
    pub reference: String,
    /// The node that gets it.
    pub to: Did,
    /// How much.
    pub amount: Money,
}

/// Money that a broker has passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transferred {
    /// The sender's name for it.
    pub reference: String,
    /// Who had it.
    pub from: Did,
    /// Who has it.
    pub to: Did,
    /// How much.
    pub amount: Money,
}

/// What a broker holds for whoever asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerAccount {
    /// One for each currency.
    pub balances: Vec<Money>,
}

/// The metadata of a broker, `openid-configuration` beneath its address (OpenID Connect Discovery 1.0, RFC 8414).
pub fn discovery_document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "introspection_endpoint": format!("{issuer}/oauth/introspect"),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "EdDSA"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "imagxp_visa_endpoint": format!("{issuer}/issue-visa"),
        "imagxp_redemption_endpoint": format!("{issuer}/api/redemptions"),
        "imagxp_dispute_endpoint": format!("{issuer}/api/disputes"),
    })
}
