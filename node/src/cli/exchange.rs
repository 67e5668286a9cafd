//! An exchange of value: a request with MJN headers, whose answer is the node's to this request.

use imajin_consent::DeclarationDraft;
use imajin_did::{Did, PublicKey};
use imajin_mjn::{Client, RequestDraft, SettlementInstruction};

use super::CommandError;
use super::ask::refusal;
use super::client::IdentityClient;
use super::leader::{local, node_did};

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// What is asked of a node.
pub(super) struct Exchange<'a> {
    /// The path that is posted to.
    pub(super) path: &'a str,
    /// What is consented to.
    pub(super) consent: DeclarationDraft,
    /// What is paid.
    pub(super) settlement: SettlementInstruction,
    pub(super) body: &'a [u8],
}

/// The DID of a node, and the key that it is.
pub(super) async fn node_key(client: &IdentityClient) -> Result<(Did, PublicKey), CommandError> {
    let node = node_did(client.node()).await?;
    let key = node.public_key();
    let key = key.ok_or_else(|| local("the node does not say what its key is"))?;
    Ok((node, key))
}

/// Asks, and checks that the answer is signed by this node and bound to the request; gives its bytes.
pub(super) async fn exchanged(
    client: &IdentityClient,
    (node, key): (&Did, &PublicKey),
    exchange: Exchange<'_>,
) -> Result<Vec<u8>, CommandError> {
    let consent = exchange.consent.sign(client.key()).map_err(local)?;
    let url = client.node().url(exchange.path)?;
    let draft = RequestDraft {
        method: "POST",
        target_uri: url.as_str(),
        idempotency_key: None,
        consent: &consent,
        settlement: &exchange.settlement,
        body: exchange.body,
    };
    let asker = Client::new(client.did().clone(), client.key().clone(), client.node().env().clone());
    let prepared = asker.prepare(node, &draft).map_err(local)?;
    let mut response = client.node().stream(prepared.request, ANSWER_BYTES_MAX).await?;
    let (status, headers) = (response.status.as_u16(), response.headers.clone());
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await? {
        bytes.extend_from_slice(&piece);
    }
    asker
        .answer(&prepared.pending, &[*key], status, &headers, &bytes)
        .map_err(local)?;
    if status == 200 {
        return Ok(bytes);
    }
    Err(with_term(refusal(response.status, headers, bytes)))
}

/// A refusal that names the term that fails also where a person reads it.
fn with_term(error: CommandError) -> CommandError {
    let CommandError::Problem(mut problem) = error else {
        return error;
    };
    if let Some(term) = problem.extra.get("term").and_then(serde_json::Value::as_str) {
        problem.detail = format!("{} (term: {term})", problem.detail);
    }
    CommandError::Problem(problem)
}
