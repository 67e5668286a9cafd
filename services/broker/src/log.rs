//! What the broker writes to the mutation log.

use imajin_did::Signature;
use imajin_imagxp::{Feedback, key_to_spki};
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_store::{Conn, nonce};
use serde::{Deserialize, Serialize};

use crate::BrokerError;
use crate::caller::Caller;
use crate::context::{Change, Context};

pub(crate) const ACCOUNT_OPEN: &str = "account.open";
pub(crate) const DEPOSIT_ASK: &str = "deposit.ask";
pub(crate) const DEPOSIT_PAID: &str = "deposit.paid";
pub(crate) const VISA_ISSUE: &str = "visa.issue";
pub(crate) const REDEMPTIONS_ASK: &str = "redemptions.ask";
pub(crate) const TRANSFER_ASK: &str = "transfer.ask";
pub(crate) const DISPUTE_SAY: &str = "dispute.say";
pub(crate) const DISPUTE_ANSWER: &str = "dispute.answer";
pub(crate) const DISPUTE_DECIDE: &str = "dispute.decide";
pub(crate) const DISPUTE_RULE: &str = "dispute.rule";
pub(crate) const KEYS_ROTATE: &str = "keys.rotate";

/// What the names of all accounts in the log begin with.
pub(crate) const ACCOUNT_PREFIX: &str = "account/";
/// What the names of all visas in the log begin with.
pub(crate) const VISA_PREFIX: &str = "visa/";
/// What the names of all disputes in the log begin with.
pub(crate) const DISPUTE_PREFIX: &str = "dispute/";
/// What the names of all transfers in the log begin with.
pub(crate) const TRANSFER_PREFIX: &str = "transfer/";

/// A request of an agent, as the log keeps it: the log itself knows signatures of DIDs only, so the node signs that it
/// has checked this one, and keeps everything that it was checked with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AgentSigned {
    /// The agent's key, base64 of its SPKI.
    pub(crate) key: String,
    /// The text that was signed (RFC 9421, section 2.5).
    pub(crate) base: String,
    pub(crate) signature: Signature,
    pub(crate) body: String,
}

/// Feedback with a signature of its own, and the key of the agent that it was checked with: base64 of its SPKI.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FeedbackSigned {
    pub(crate) key: String,
    pub(crate) feedback: Feedback,
}

/// Logs a change by the caller's own signature, and spends its nonce.
pub(crate) fn append(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    action: &str,
    object: &str,
) -> Result<(), BrokerError> {
    let (body, proof) = match &change.caller {
        Caller::Did(verified) => (change.body.clone(), Proof::Http(verified.proof().clone())),
        Caller::Agent(agent) => {
            nonce::request_spend(conn, &context.sealer, &agent.proof)?;
            let signed = AgentSigned {
                key: key_to_spki(&agent.key),
                base: agent.proof.base.clone(),
                signature: agent.proof.signature,
                body: String::from_utf8_lossy(&change.body).into_owned(),
            };
            (json_bytes(&signed)?, Proof::Node)
        }
    };
    let mutation = Mutation {
        owner: change.caller.did().clone(),
        action,
        object: object.to_owned(),
        body,
        proof,
    };
    mutation::append(conn, &context.writer, &mutation)?;
    Ok(())
}

/// Logs what the node has been told by another service.
pub(crate) fn node_append(
    conn: &mut Conn,
    context: &Context,
    owner: &imajin_did::Did,
    (action, object): (&str, String),
    body: &impl Serialize,
) -> Result<(), BrokerError> {
    let mutation = Mutation {
        owner: owner.clone(),
        action,
        object,
        body: json_bytes(body)?,
        proof: Proof::Node,
    };
    mutation::append(conn, &context.writer, &mutation)?;
    Ok(())
}

fn json_bytes(value: &impl Serialize) -> Result<Vec<u8>, BrokerError> {
    serde_json::to_vec(value).map_err(|error| BrokerError::Fault(format!("the log: {error}")))
}
