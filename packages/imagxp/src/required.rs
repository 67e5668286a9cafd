use http::HeaderMap;
use http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use imajin_money::Money;
use imajin_proof::jcs;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::x402::{PAYMENT_REQUIRED, Required, Requirements};
use crate::{ClaimError, Purpose, Refusal, VisitorType, pay_per_crawl};

/// The price in one line, as the architecture of the protocol shows it.
pub const POLICY: HeaderName = HeaderName::from_static("x-imagxp-policy");

/// The most bytes that are read of an answer with 402.
pub const PAYMENT_REQUIRED_BYTES_MAX: usize = 64 * 1024;

/// An answer that something refuses: `application/problem+json` (RFC 9457) with the members that the libraries read.
pub fn refusal_document(refusal: Refusal, visitor: VisitorType, detail: &str) -> Value {
    json!({
        "type": format!("/problems/{}", refusal.code()),
        "title": refusal.code().title(),
        "status": refusal.status(),
        "detail": detail,
        "code": refusal.code().as_str(),
        "error": refusal.as_str(),
        "visitor_type": visitor.as_str(),
        "proof_used": "NONE",
    })
}

/// What has to be paid for something: the answer 402, for every door at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRequired {
    /// The whole URL that was asked for.
    pub resource: String,
    /// What for.
    pub purpose: Purpose,
    /// How much.
    pub price: Money,
    /// Whose visas are taken.
    pub brokers: Vec<String>,
    /// Those of them of which visas are taken that name neither the publisher nor a key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bearer: Vec<String>,
    /// Whom a visa must name.
    pub audience: String,
    /// Where the policy is.
    pub policy: String,
}

impl PaymentRequired {
    /// The body of the answer.
    pub fn to_document(&self, visitor: VisitorType, detail: &str) -> Value {
        let mut document = refusal_document(Refusal::PaymentRequired, visitor, detail);
        if let Some(members) = document.as_object_mut() {
            members.insert("payment".to_owned(), json!(self));
        }
        document
    }

    /// Reads the body of an answer with 402; the agent still compares it with what it asked for.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub fn parse(body: &[u8]) -> Result<Self, ClaimError> {
        if body.len() > PAYMENT_REQUIRED_BYTES_MAX {
            return Err(ClaimError::TooLong("the answer"));
        }
        let wrong = ClaimError::Malformed("the answer does not say what has to be paid");
        let mut document: Value = jcs::from_slice(body).or(Err(wrong.clone()))?;
        let payment = document.get_mut("payment").map(Value::take).ok_or(wrong.clone())?;
        Self::deserialize(payment).or(Err(wrong))
    }

    /// The x402 document.
    pub fn to_x402(&self, error: &str) -> Required {
        let ways = self.brokers.iter();
        let ways = ways.map(|broker| {
            let way = Requirements::by_visa(broker, &self.audience, self.price);
            if self.bearer.contains(broker) {
                way.taking_bearer()
            } else {
                way
            }
        });
        Required::new(&self.resource, error, ways.collect())
    }

    /// The headers of the answer.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] when something does not fit into a header.
    pub fn headers(&self) -> Result<HeaderMap, ClaimError> {
        let broker = self.brokers.first().map_or("", String::as_str);
        let policy = format!(
            "v=1; cost={}; currency={}; broker={broker}",
            self.price.decimal(),
            self.price.asset
        );
        let fields = [
            (POLICY, policy),
            (PAYMENT_REQUIRED, self.to_x402("a visa is required").to_header()?),
            (pay_per_crawl::PRICE, pay_per_crawl::price_text(self.price)),
            (WWW_AUTHENTICATE, format!("License realm=\"{}\"", self.audience)),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let value: HeaderValue = value
                .parse()
                .map_err(|_error| ClaimError::Malformed("it does not fit into a header"))?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}
