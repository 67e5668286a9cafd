//! What the rail says to the node about payments: signed messages, as any other rail sends them. Known also to programs
//! without the rail: they can check what an earlier one has stored.

use imajin_did::{Did, Keyring, SecretKey};
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, Timestamp};
use imajin_money::Money;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};

use crate::{RailDirect, RailError, RailEvent, RailOutcome};

const KIND: &str = "solana_payment";
/// Longer messages are not the rail's.
const MESSAGE_BYTES_MAX: usize = 32 * 1024;

/// Signs and reads the rail's messages, with a key that follows from the node's master key.
#[derive(Clone)]
pub struct SolanaMessages {
    key: SecretKey,
    did: Did,
    env: Env,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Payload {
    id: String,
    checkout: CheckoutId,
    paid: bool,
    #[serde(flatten)]
    amount: Money,
    reference: String,
    time: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    direct: Vec<RailDirect>,
}

impl SolanaMessages {
    /// The messages of the node with these secrets.
    pub fn new(keyring: &Keyring, env: Env) -> Self {
        let key = SecretKey::from_seed(keyring.derive("rail/solana/messages"));
        Self {
            did: key.did(),
            key,
            env,
        }
    }

    /// The signed message of an event, with what the payment paid to the payees themselves.
    ///
    /// # Errors
    /// [`RailError::Malformed`] when the event is about no checkout, or cannot be written as JSON.
    pub fn write(&self, event: &RailEvent, direct: Vec<RailDirect>) -> Result<Vec<u8>, RailError> {
        let payload = Payload {
            id: event.id.clone(),
            checkout: event
                .checkout
                .ok_or_else(|| RailError::Malformed("it is about no checkout".to_owned()))?,
            paid: event.outcome == RailOutcome::Paid,
            amount: event.amount,
            reference: event.reference.clone(),
            time: event.time,
            direct,
        };
        let malformed = |cause: String| RailError::Malformed(cause);
        let message = SignedMessage::sign(&self.key, self.did.clone(), KIND, None, self.env.now(), payload)
            .map_err(|error| malformed(error.to_string()))?;
        serde_json::to_vec(&message).map_err(|error| malformed(error.to_string()))
    }

    /// Checks a message, and reads it.
    ///
    /// # Errors
    /// [`RailError::Forged`], [`RailError::Malformed`].
    pub fn read(&self, message: &[u8]) -> Result<(RailEvent, Vec<RailDirect>), RailError> {
        if message.len() > MESSAGE_BYTES_MAX {
            let text = format!("a message has at most {MESSAGE_BYTES_MAX} bytes");
            return Err(RailError::Malformed(text));
        }
        let message = SignedMessage::from_slice(message).map_err(|error| RailError::Malformed(error.to_string()))?;
        if message.from != self.did {
            return Err(RailError::Forged);
        }
        message.verify(KIND, &self.key.public()).or(Err(RailError::Forged))?;
        let payload: Payload = message
            .payload_as()
            .map_err(|error| RailError::Malformed(error.to_string()))?;
        let event = RailEvent {
            id: payload.id,
            checkout: Some(payload.checkout),
            outcome: if payload.paid {
                RailOutcome::Paid
            } else {
                RailOutcome::Failed
            },
            amount: payload.amount,
            reference: payload.reference,
            time: payload.time,
        };
        Ok((event, payload.direct))
    }
}
