use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::VerifiedMjnRequest;

/// What an asker has signed, to be kept: it proves to anybody who wanted what, and at which price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The declaration of consent.
    pub consent: Value,
    /// The signature base of the request (RFC 9421).
    pub base: String,
    /// The signature over it, in hex.
    pub signature: String,
}

impl Evidence {
    /// That of a request.
    pub fn of(request: &VerifiedMjnRequest) -> Self {
        Self {
            consent: request.consent.declaration().to_value(),
            base: request.base.clone(),
            signature: request.signature.to_hex(),
        }
    }
}
