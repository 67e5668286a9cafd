use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderName;
use imajin_did::{P256Key, Signature};
use imajin_proof::digest::sha256_hex;
use imajin_proof::jcs;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::{AgentKey, ClaimError};

/// An agent's signed word about what it has read: base64url of the JSON.
pub const FEEDBACK: HeaderName = HeaderName::from_static("x-imagxp-feedback");
/// What a site answers in the same header when it has taken the word.
pub const FEEDBACK_TAKEN: &str = "taken";
/// What it answers otherwise, before the reason.
pub const FEEDBACK_NOT_TAKEN: &str = "not taken: ";

const LENGTH_MAX: usize = 8 * 1024;
const TEXT_LENGTH_MAX: usize = 4 * 1024;
const HALF: f64 = 0.5;

/// What an agent says about something that it paid for: it releases the money, or disputes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// What was read.
    pub url: String,
    /// From 0, worthless, to 1.
    pub quality_score: Number,
    /// Why, in a word of the protocol or in one's own.
    pub reason: String,
    /// The claim that it was paid by: SHA-256, in hex.
    pub claim_digest: String,
    /// The agent's signature over all of the above: hex of r and s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl Feedback {
    /// Says something, and signs it.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] when a member is out of bounds.
    pub fn sign(
        key: &AgentKey,
        url: &str,
        quality_score: Number,
        reason: &str,
        claim_digest: &str,
    ) -> Result<Self, ClaimError> {
        let mut feedback = Self {
            url: url.to_owned(),
            quality_score,
            reason: reason.to_owned(),
            claim_digest: claim_digest.to_owned(),
            signature: None,
        };
        feedback.check()?;
        feedback.signature = Some(hex::encode(key.sign(&feedback.signed_bytes()?)?));
        Ok(feedback)
    }

    /// Reads what somebody says, from JSON or from the base64url of it. Nothing is proven yet.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub fn parse(text: &[u8]) -> Result<Self, ClaimError> {
        if text.len() > LENGTH_MAX {
            return Err(ClaimError::TooLong("the feedback"));
        }
        let wrong = ClaimError::Malformed("the feedback is not valid");
        let json = if text.starts_with(b"{") {
            text.to_vec()
        } else {
            URL_SAFE_NO_PAD.decode(text).or(Err(wrong.clone()))?
        };
        let document: Value = jcs::from_slice(&json).or(Err(wrong.clone()))?;
        let feedback = Self::deserialize(document).or(Err(wrong))?;
        feedback.check()?;
        Ok(feedback)
    }

    /// The text of the header.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] when it has no canonical form.
    pub fn to_header(&self) -> Result<String, ClaimError> {
        let json = jcs::to_bytes(self).or(Err(ClaimError::Malformed("the feedback has no canonical form")))?;
        Ok(URL_SAFE_NO_PAD.encode(json))
    }

    /// Checks that one of the agent's keys has signed it.
    ///
    /// # Errors
    /// [`ClaimError::BadSignature`].
    pub fn verify(&self, keys: &[P256Key]) -> Result<(), ClaimError> {
        let signature = self.signature.as_deref().and_then(|text| hex::decode(text).ok());
        let signature = signature.and_then(|bytes| Signature::from_slice(&bytes));
        let signature = signature.ok_or(ClaimError::BadSignature)?;
        let signed = self.signed_bytes()?;
        let fits = keys.iter().any(|key| key.verify(&signed, &signature).is_ok());
        fits.then_some(()).ok_or(ClaimError::BadSignature)
    }

    /// Whether the money may go to the publisher.
    pub fn is_release(&self) -> bool {
        self.quality_score.as_f64().is_some_and(|score| score > HALF)
    }

    /// SHA-256 of what the agent signs, in hex: its name.
    ///
    /// # Errors
    /// [`ClaimError::Malformed`] when it has no canonical form.
    pub fn digest(&self) -> Result<String, ClaimError> {
        Ok(sha256_hex(&self.signed_bytes()?))
    }

    fn check(&self) -> Result<(), ClaimError> {
        let in_bounds = |score: f64| (0.0..=1.0).contains(&score);
        if !self.quality_score.as_f64().is_some_and(in_bounds) {
            return Err(ClaimError::Malformed("the quality_score must be from 0 to 1"));
        }
        if self.url.len() > TEXT_LENGTH_MAX || self.reason.len() > TEXT_LENGTH_MAX {
            return Err(ClaimError::TooLong("the feedback"));
        }
        let is_hex = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex(&self.claim_digest) {
            return Err(ClaimError::Malformed("the claim_digest is no SHA-256 in hex"));
        }
        Ok(())
    }

    fn signed_bytes(&self) -> Result<Vec<u8>, ClaimError> {
        let unsigned = Self {
            signature: None,
            ..self.clone()
        };
        jcs::to_bytes(&unsigned).or(Err(ClaimError::Malformed("the feedback has no canonical form")))
    }
}
