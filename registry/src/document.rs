//! Documents that a node signs: read once, as they came, so that members which this version does not know stay under
//! the signature.

use imajin_did::{PublicKey, Signature};
use imajin_kernel::Timestamp;
use imajin_proof::{FRESH_FOR, FUTURE_TOLERANCE, ProofError, envelope_bytes, jcs};
use imajin_registry_api::Unsigned;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::RegistryError;

/// What a node may call itself in the envelope. Ours says `node`; the network's older software says `agent`.
const SENDER_KINDS: [&str; 2] = ["node", "agent"];

/// The member that holds the signature.
const SIGNATURE: &str = "signature";

/// A signed document as it came.
#[derive(Debug, Clone)]
pub(crate) struct SignedDocument<T> {
    /// What we understand of it.
    pub(crate) value: T,
    /// All of it, canonical (RFC 8785), with its signature.
    pub(crate) canonical: String,
    payload: Value,
    signature: Signature,
}

/// A signature that was checked, and the exact text that it is over.
#[derive(Debug, Clone)]
pub(crate) struct Proven {
    pub(crate) text: String,
    pub(crate) signature: Signature,
}

impl<T: Unsigned + DeserializeOwned> SignedDocument<T> {
    /// Reads a document. `what` names it in a refusal.
    pub(crate) fn parse(what: &'static str, document: Value) -> Result<Self, RegistryError> {
        let value: T = T::deserialize(&document).map_err(|error| RegistryError::shape(what, error.to_string()))?;
        let signature = *value.signature().ok_or(RegistryError::Unsigned)?;
        let canonical = jcs::to_string(&document).map_err(ProofError::from)?;
        let mut payload = document;
        if let Some(members) = payload.as_object_mut() {
            members.remove(SIGNATURE);
        }
        Ok(Self {
            value,
            canonical,
            payload,
            signature,
        })
    }

    /// Checks the signature of a request: by this key, within the last five minutes, at most 30 seconds in the future.
    pub(crate) fn verify_fresh(&self, key: &PublicKey, now: Timestamp) -> Result<Proven, RegistryError> {
        let proven = self.verify(key)?;
        let signed_at = Timestamp::from_millis(self.value.timestamp());
        if signed_at > now.plus(FUTURE_TOLERANCE) {
            return Err(ProofError::FromTheFuture.into());
        }
        if now.since(signed_at) > FRESH_FOR {
            return Err(ProofError::TooOld.into());
        }
        Ok(proven)
    }

    /// Checks the signature, whatever its age.
    pub(crate) fn verify(&self, key: &PublicKey) -> Result<Proven, RegistryError> {
        for kind in SENDER_KINDS {
            let bytes = envelope_bytes(self.value.node_id(), kind, None, self.value.timestamp(), &self.payload)?;
            if key.verify(&bytes, &self.signature).is_ok() {
                let text = String::from_utf8(bytes).or(Err(ProofError::BadSignature))?;
                return Ok(Proven {
                    text,
                    signature: self.signature,
                });
            }
        }
        Err(ProofError::BadSignature.into())
    }
}
