//! x402, version 2, over HTTP: the same price and the same visa in the headers that its clients know.
//!
//! The network is `imagxp:` with the first half of the SHA-256 of the broker's address, since a name of CAIP-2 has at
//! most 32 characters; the address itself is in `extra`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;
use imajin_money::{Amount, Asset, Money};
use imajin_proof::digest::sha256_hex;
use imajin_proof::jcs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ClaimError;

/// What has to be paid, in an answer with 402.
pub const PAYMENT_REQUIRED: HeaderName = HeaderName::from_static("payment-required");
/// What pays, in a request.
pub const PAYMENT_SIGNATURE: HeaderName = HeaderName::from_static("payment-signature");
/// What was paid, in the answer.
pub const PAYMENT_RESPONSE: HeaderName = HeaderName::from_static("payment-response");
/// The scheme: the publisher is paid later, for many answers together.
pub const SCHEME: &str = "batch-settlement";
/// The extension that makes a request safe to repeat.
pub const PAYMENT_IDENTIFIER: &str = "payment-identifier";

const VERSION: u32 = 2;
const HEADER_LENGTH_MAX: usize = 16 * 1024;
const WAYS_MAX: usize = 32;
const HALF_A_DIGEST: usize = 32;
const TIMEOUT_SECONDS: u64 = 300;

/// The name of a broker's network.
pub fn network_of(issuer: &str) -> String {
    let digest = sha256_hex(issuer.as_bytes());
    let half: String = digest.chars().take(HALF_A_DIGEST).collect();
    format!("imagxp:{half}")
}

/// One way to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requirements {
    /// How: [`SCHEME`] for ours.
    pub scheme: String,
    /// Where: [`network_of`] for ours.
    pub network: String,
    /// How much, in the smallest unit: millionths.
    pub amount: String,
    /// Of what: the code of the currency.
    pub asset: String,
    /// To whom: the publisher's host, the audience of the visa.
    pub pay_to: String,
    /// How long the payment may take.
    pub max_timeout_seconds: u64,
    /// `issuer`, the broker's address; `host`; `decimals`; `bearer`, where a visa need name neither the host nor a key.
    #[serde(default)]
    pub extra: Map<String, Value>,
}

impl Requirements {
    /// The price, payable by a visa of this broker.
    pub fn by_visa(issuer: &str, audience: &str, price: Money) -> Self {
        let extra = json!({"issuer": issuer, "host": audience, "decimals": price.asset.scale()});
        Self {
            scheme: SCHEME.to_owned(),
            network: network_of(issuer),
            amount: price.amount.micros().to_string(),
            asset: price.asset.to_string(),
            pay_to: audience.to_owned(),
            max_timeout_seconds: TIMEOUT_SECONDS,
            extra: extra.as_object().cloned().unwrap_or_default(),
        }
    }

    /// The same, where a visa need name neither the host nor a key.
    #[must_use]
    pub fn taking_bearer(mut self) -> Self {
        self.extra.insert("bearer".to_owned(), Value::Bool(true));
        self
    }

    /// The broker, if this way is one of ours and says so rightly.
    pub fn issuer(&self) -> Option<&str> {
        let issuer = self.extra.get("issuer")?.as_str()?;
        (self.scheme == SCHEME && self.network == network_of(issuer)).then_some(issuer)
    }

    /// The price, if this way is one of ours.
    pub fn price(&self) -> Option<Money> {
        let asset: Asset = self.asset.parse().ok()?;
        let amount = Amount::from_micros(self.amount.parse().ok()?).ok()?;
        Some(Money::new(amount, asset))
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its address.
    pub url: String,
    /// What it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its media type.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mime_type: String,
}

/// The content of [`PAYMENT_REQUIRED`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Required {
    x402_version: u32,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What is asked for.
    pub resource: Resource,
    /// The ways to pay.
    pub accepts: Vec<Requirements>,
    /// What else the server understands.
    #[serde(default)]
    pub extensions: Map<String, Value>,
}

impl Required {
    /// A price that can be paid in one of these ways.
    pub fn new(url: &str, error: &str, accepts: Vec<Requirements>) -> Self {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {
                "required": {"type": "boolean"}, "id": {"type": "string", "minLength": 16, "maxLength": 128},
            },
            "required": ["required"],
        });
        let identifier = json!({"info": {"required": false}, "schema": schema});
        Self {
            x402_version: VERSION,
            error: Some(error.to_owned()),
            resource: Resource {
                url: url.to_owned(),
                ..Resource::default()
            },
            accepts,
            extensions: Map::from_iter([(PAYMENT_IDENTIFIER.to_owned(), identifier)]),
        }
    }

    /// Reads the header.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub fn parse(text: &str) -> Result<Self, ClaimError> {
        let required: Self = header_read(text)?;
        if required.x402_version != VERSION || required.accepts.len() > WAYS_MAX {
            return Err(ClaimError::Malformed("it is no x402 document of the version 2"));
        }
        Ok(required)
    }

    /// The text of the header.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] when it cannot be written.
    pub fn to_header(&self) -> Result<String, ClaimError> {
        header_write(self)
    }
}

/// The content of [`PAYMENT_SIGNATURE`], as far as it pays by a visa.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    x402_version: u32,
    /// What is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// The way that was chosen, as the server offered it.
    pub accepted: Requirements,
    /// The visa, and the claim if the headers have none.
    pub payload: VisaPayload,
    /// What the client echoes and adds.
    #[serde(default)]
    pub extensions: Map<String, Value>,
}

/// What pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisaPayload {
    /// The visa.
    pub visa: String,
    /// The claim, for clients that cannot set headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimTexts>,
}

/// The three headers of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimTexts {
    /// `x-imagxp-payload`.
    pub payload: String,
    /// `x-imagxp-signature`.
    pub signature: String,
    /// `x-imagxp-public-key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

impl Payment {
    /// Pays in one of the ways of an answer.
    pub fn new(required: &Required, accepted: Requirements, payload: VisaPayload, id: Option<&str>) -> Self {
        let mut extensions = required.extensions.clone();
        let info = extensions
            .get_mut(PAYMENT_IDENTIFIER)
            .and_then(|one| one.get_mut("info"));
        if let (Some(id), Some(info)) = (id, info.and_then(Value::as_object_mut)) {
            info.insert("id".to_owned(), json!(id));
        }
        Self {
            x402_version: VERSION,
            resource: Some(required.resource.clone()),
            accepted,
            payload,
            extensions,
        }
    }

    /// Reads the header.
    ///
    /// # Errors
    /// [`ClaimError`], also when it pays in another way than by a visa.
    pub fn parse(text: &str) -> Result<Self, ClaimError> {
        let payment: Self = header_read(text)?;
        let is_ours = payment.x402_version == VERSION && payment.accepted.issuer().is_some();
        if !is_ours {
            return Err(ClaimError::Malformed("it pays in none of the ways that were offered"));
        }
        if payment.identifier().is_some_and(|id| !is_identifier(id)) {
            return Err(ClaimError::Malformed(
                "the payment-identifier has 16 to 128 letters, digits, - and _",
            ));
        }
        Ok(payment)
    }

    /// What makes the request safe to repeat.
    pub fn identifier(&self) -> Option<&str> {
        let extension = self.extensions.get(PAYMENT_IDENTIFIER)?;
        extension.get("info")?.get("id")?.as_str()
    }

    /// The text of the header.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] when it cannot be written.
    pub fn to_header(&self) -> Result<String, ClaimError> {
        header_write(self)
    }
}

/// The content of [`PAYMENT_RESPONSE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paid {
    /// Whether it is paid.
    pub success: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_reason: Option<String>,
    /// The receipt; empty when it is not paid.
    pub transaction: String,
    /// Where.
    pub network: String,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<String>,
    /// How much, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<String>,
}

impl Paid {
    /// Reads the header.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub fn parse(text: &str) -> Result<Self, ClaimError> {
        header_read(text)
    }

    /// The text of the header.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] when it cannot be written.
    pub fn to_header(&self) -> Result<String, ClaimError> {
        header_write(self)
    }
}

fn is_identifier(id: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (16..=128).contains(&id.len()) && id.bytes().all(is_fit)
}

fn header_read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, ClaimError> {
    if text.len() > HEADER_LENGTH_MAX {
        return Err(ClaimError::TooLong("an x402 header"));
    }
    let wrong = ClaimError::Malformed("an x402 header is base64 of JSON");
    let json = STANDARD.decode(text.trim()).or(Err(wrong.clone()))?;
    jcs::from_slice(&json).or(Err(wrong))
}

fn header_write(value: &impl Serialize) -> Result<String, ClaimError> {
    let json = serde_json::to_vec(value).or(Err(ClaimError::Malformed("it cannot be written as JSON")))?;
    Ok(STANDARD.encode(json))
}
