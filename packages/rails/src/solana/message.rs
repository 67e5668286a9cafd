//! What the rail says to the node about payments: signed messages, as any other rail sends them.

use imajin_did::{Did, Keyring, SecretKey};
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, Timestamp};
use imajin_money::{Amount, Money};
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};

use super::{Address, Coin, Finding, Network, Sighting, Watch};
use crate::{RailError, RailEvent, RailOutcome};

const KIND: &str = "solana_payment";
/// Longer messages are not the rail's.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Signs and reads the rail's messages, with a key that follows from the node's master key.
#[derive(Clone)]
pub(crate) struct Messages {
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
}

impl Messages {
    pub(crate) fn new(keyring: &Keyring, env: Env) -> Self {
        let key = SecretKey::from_seed(keyring.derive("rail/solana/messages"));
        Self {
            did: key.did(),
            key,
            env,
        }
    }

    pub(crate) fn write(&self, event: &RailEvent) -> Result<Vec<u8>, RailError> {
        let payload = Payload {
            id: event.id.clone(),
            checkout: event
                .checkout
                .ok_or_else(|| RailError::Malformed("it is about no checkout".to_owned()))?,
            paid: event.outcome == RailOutcome::Paid,
            amount: event.amount,
            reference: event.reference.clone(),
            time: event.time,
        };
        let malformed = |cause: String| RailError::Malformed(cause);
        let message = SignedMessage::sign(&self.key, self.did.clone(), KIND, None, self.env.now(), payload)
            .map_err(|error| malformed(error.to_string()))?;
        serde_json::to_vec(&message).map_err(|error| malformed(error.to_string()))
    }

    pub(crate) fn read(&self, message: &[u8]) -> Result<RailEvent, RailError> {
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
        Ok(RailEvent {
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
        })
    }
}

/// The events of a sighting: what the node received for the checkout, in each coin that it can book; and an attempt
/// that failed. Tokens that it cannot book, and money whose checkout is not certain, are in the watch and are shown.
pub(crate) fn events(network: &Network, node: &Address, watch: &Watch, sighting: &Sighting) -> Vec<RailEvent> {
    let payment = &watch.payment;
    let event = |outcome, amount: Money| RailEvent {
        // One transaction may have something for several checkouts.
        id: format!("{}/{}/{}", payment.checkout, amount.asset, sighting.signature),
        checkout: Some(payment.checkout),
        outcome,
        amount,
        reference: sighting.signature.clone(),
        time: sighting.time,
    };
    match &sighting.finding {
        Finding::Failed { .. } => vec![event(
            RailOutcome::Failed,
            Money::new(payment.gross, payment.coin.asset),
        )],
        Finding::Ambiguous | Finding::Stray => Vec::new(),
        // All of it was paid, to whomever: the payees' shares are at the payees.
        Finding::Exact { split: true } => vec![event(RailOutcome::Paid, Money::new(payment.gross, payment.coin.asset))],
        Finding::Exact { split: false } | Finding::WrongAmount | Finding::WrongToken => coins(network)
            .filter_map(|coin| Some((coin, received(node, &coin, sighting)?)))
            .map(|(coin, amount)| event(RailOutcome::Paid, Money::new(amount, coin.asset)))
            .collect(),
    }
}

fn coins(network: &Network) -> impl Iterator<Item = Coin> {
    let tokens = network.tokens().into_iter();
    tokens.filter_map(|token| network.coin(token.settles_as?).ok())
}

/// What the node received of a coin.
fn received(node: &Address, coin: &Coin, sighting: &Sighting) -> Option<Amount> {
    let moves = sighting.received.iter();
    let units = moves
        .filter(|moved| moved.owner == *node && moved.mint == coin.mint)
        .map(|moved| Amount::from_micros(i64::try_from(moved.units).unwrap_or(i64::MAX)).unwrap_or_default());
    Amount::sum(units).ok().filter(|amount| !amount.is_zero())
}
