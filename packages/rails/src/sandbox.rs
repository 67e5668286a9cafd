use async_trait::async_trait;
use imajin_did::{Did, Keyring, SecretKey};
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, Timestamp};
use imajin_money::Money;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};

use crate::{Headers, Opened, Rail, RailCheckout, RailError, RailEvent, RailOutcome, RailRefund, Refunded};

/// The sandbox's name.
pub const SANDBOX: &str = "sandbox";

/// The type of the sandbox's signed messages.
const MESSAGE_KIND: &str = "sandbox_payment";

/// Longer messages are not the sandbox's.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The rail that pays with test money: its page is the node's own, and its messages are signed with a key of its own,
/// which follows from the node's master key.
#[derive(Clone)]
pub struct SandboxRail {
    key: SecretKey,
    did: Did,
    env: Env,
    /// Under which URL the node's pay service is reached, without a slash at the end.
    pay_url: String,
}

/// What a message of the sandbox says: the payload of a [`SignedMessage`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SandboxPayment {
    /// The event.
    pub id: String,
    /// The checkout.
    pub checkout: CheckoutId,
    /// `paid`, `failed` or `cancelled`.
    pub outcome: SandboxOutcome,
    /// How much.
    #[serde(flatten)]
    pub amount: Money,
    /// The sandbox's own reference of the payment.
    pub reference: String,
    /// When.
    pub time: Timestamp,
}

/// [`RailOutcome`] on the sandbox's wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxOutcome {
    /// The buyer chose to pay.
    Paid,
    /// The buyer chose to let it fail.
    Failed,
    /// The buyer chose to leave.
    Cancelled,
}

impl TryFrom<RailOutcome> for SandboxOutcome {
    type Error = RailError;

    fn try_from(outcome: RailOutcome) -> Result<Self, RailError> {
        match outcome {
            RailOutcome::Paid => Ok(Self::Paid),
            RailOutcome::Failed => Ok(Self::Failed),
            RailOutcome::Cancelled => Ok(Self::Cancelled),
            other => Err(RailError::Malformed(format!("no button means {}", other.as_str()))),
        }
    }
}

impl From<SandboxOutcome> for RailOutcome {
    fn from(outcome: SandboxOutcome) -> Self {
        match outcome {
            SandboxOutcome::Paid => Self::Paid,
            SandboxOutcome::Failed => Self::Failed,
            SandboxOutcome::Cancelled => Self::Cancelled,
        }
    }
}

impl SandboxRail {
    /// The sandbox of a node. `pay_url` is where its pay service is reached, without a slash at the end.
    pub fn new(keyring: &Keyring, env: Env, pay_url: impl Into<String>) -> Self {
        let key = SecretKey::from_seed(keyring.derive("rail/sandbox"));
        let did = key.did();
        Self {
            key,
            did,
            env,
            pay_url: pay_url.into(),
        }
    }

    /// The sandbox's own DID, which signs its messages.
    pub fn did(&self) -> &Did {
        &self.did
    }

    /// A fresh event about a checkout, as if the buyer had pressed a button.
    pub fn event(&self, checkout: CheckoutId, outcome: RailOutcome, amount: Money) -> RailEvent {
        let random: [u8; 12] = self.env.random_bytes();
        let name = hex::encode(random);
        RailEvent {
            id: format!("sbx_{name}"),
            checkout: Some(checkout),
            outcome,
            amount,
            reference: format!("sandbox-{name}"),
            time: self.env.now(),
        }
    }

    /// The signed message of an event: what arrives at the webhook.
    ///
    /// # Errors
    /// [`RailError::Malformed`] when the event cannot be written as JSON.
    pub fn message(&self, event: &RailEvent) -> Result<Vec<u8>, RailError> {
        let malformed = |cause: String| RailError::Malformed(cause);
        let payload = SandboxPayment {
            id: event.id.clone(),
            checkout: event
                .checkout
                .ok_or_else(|| malformed("it is about no checkout".to_owned()))?,
            outcome: event.outcome.try_into()?,
            amount: event.amount,
            reference: event.reference.clone(),
            time: event.time,
        };
        let now = self.env.now();
        let message = SignedMessage::sign(&self.key, self.did.clone(), MESSAGE_KIND, None, now, payload)
            .map_err(|error| malformed(error.to_string()))?;
        serde_json::to_vec(&message).map_err(|error| malformed(error.to_string()))
    }
}

#[async_trait]
impl Rail for SandboxRail {
    fn name(&self) -> &'static str {
        SANDBOX
    }

    fn is_test(&self) -> bool {
        true
    }

    async fn open(&self, checkout: &RailCheckout) -> Result<Opened, RailError> {
        Ok(Opened {
            url: format!("{}/checkout/{}", self.pay_url, checkout.id),
            reference: None,
        })
    }

    fn verify(&self, message: &[u8], _headers: &Headers) -> Result<Option<RailEvent>, RailError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(RailError::Malformed(format!(
                "a message has at most {MESSAGE_BYTES_MAX} bytes"
            )));
        }
        let message = SignedMessage::from_slice(message).map_err(|error| RailError::Malformed(error.to_string()))?;
        if message.from != self.did {
            return Err(RailError::Forged);
        }
        message
            .verify(MESSAGE_KIND, &self.key.public())
            .or(Err(RailError::Forged))?;
        let payload: SandboxPayment = message
            .payload_as()
            .map_err(|error| RailError::Malformed(error.to_string()))?;
        Ok(Some(RailEvent {
            id: payload.id,
            checkout: Some(payload.checkout),
            outcome: payload.outcome.into(),
            amount: payload.amount,
            reference: payload.reference,
            time: payload.time,
        }))
    }

    async fn refund(&self, refund: &RailRefund) -> Result<Refunded, RailError> {
        // Test money goes back by being forgotten; the reference follows from the key, so asking again gives the same.
        let digest = imajin_proof::digest::sha256_hex(refund.key.as_bytes());
        let name: String = digest.chars().take(24).collect();
        Ok(Refunded {
            reference: format!("sandbox-refund-{name}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use imajin_kernel::ManualClock;

    use super::*;

    fn sandbox(seed: u64) -> SandboxRail {
        let env = Env::fixed(ManualClock::at(Timestamp::from_seconds(1_800_000_000)), seed);
        SandboxRail::new(&Keyring::generate(&env), env, "https://node.example/pay")
    }

    fn event(rail: &SandboxRail) -> RailEvent {
        let checkout = rail.env.new_id();
        rail.event(checkout, RailOutcome::Paid, "10.00 TEST-USD".parse().unwrap())
    }

    #[test]
    fn its_own_message_is_read_back() {
        let rail = sandbox(1);
        let event = event(&rail);
        assert_eq!(rail.verify(&rail.message(&event).unwrap(), &[]), Ok(Some(event)));
    }

    #[test]
    fn a_message_of_another_node_or_a_changed_one_is_forged() {
        let rail = sandbox(1);
        let message = rail.message(&event(&rail)).unwrap();
        assert_eq!(sandbox(2).verify(&message, &[]), Err(RailError::Forged));
        let text = String::from_utf8(message).unwrap();
        for changed in [text.replace("10.00", "10.01"), text.replace("\"paid\"", "\"failed\"")] {
            assert_ne!(changed, text);
            assert_eq!(rail.verify(changed.as_bytes(), &[]), Err(RailError::Forged));
        }
        // Signed by a key of one's own, in the sandbox's name.
        let thief = sandbox(3);
        let stolen = SandboxRail {
            did: rail.did.clone(),
            ..thief
        };
        let message = stolen.message(&event(&stolen)).unwrap();
        assert_eq!(rail.verify(&message, &[]), Err(RailError::Forged));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let rail = sandbox(1);
        for text in ["", "{}", "null", "[1]", "{\"from\":1}"] {
            assert!(
                matches!(rail.verify(text.as_bytes(), &[]), Err(RailError::Malformed(_))),
                "{text}"
            );
        }
        assert!(matches!(
            rail.verify(&vec![b' '; MESSAGE_BYTES_MAX + 1], &[]),
            Err(RailError::Malformed(_))
        ));
    }

    #[test]
    fn its_page_is_at_the_node() {
        let rail = sandbox(1);
        let checkout = RailCheckout {
            id: rail.env.new_id(),
            title: "A ticket".to_owned(),
            price: "10.00 TEST-USD".parse().unwrap(),
            payer: rail.did.clone(),
            expires_at: rail.env.now(),
            success_url: "/orders/1".to_owned(),
            cancel_url: "/".to_owned(),
        };
        let runtime_free = futures_block(rail.open(&checkout)).unwrap();
        assert_eq!(
            runtime_free.url,
            format!("https://node.example/pay/checkout/{}", checkout.id)
        );
    }

    /// The sandbox's futures are ready at once.
    fn futures_block<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => panic!("the sandbox waits for nothing"),
        }
    }
}
