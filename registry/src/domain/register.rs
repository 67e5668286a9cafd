use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_store::{Conn, SealedRow};

use super::application::Application;
use super::directory;
use super::locks::{liveness_lock, node_lock};
use super::naming::{name_claim, name_leave, names_count_check};
use super::{publication, releases, resume, unproven, vacancy};
use crate::RegistryError;
use crate::context::Context;
use crate::dns::Credentials;
use crate::rows::{LivenessRow, NodeRow};
use crate::schema::nodes;
use crate::status::{GRACE, REGISTERED_FOR};

/// The actions of the mutation log.
pub(crate) const NODE_REGISTER: &str = "node.register";
pub(crate) const NODE_RENEW: &str = "node.renew";
pub(crate) const NODE_RENAME: &str = "node.rename";
/// A renewal by another key than the one before, which the node's key log lists.
pub(crate) const NODE_REKEY: &str = "node.rekey";

/// What an accepted attestation leads to.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) hostname: String,
    pub(crate) expires_at: Timestamp,
    /// Whether the node was registered already, its grace included.
    pub(crate) renewed: bool,
    /// Whether a trusted key has signed a release with the node's build.
    pub(crate) is_verified: bool,
    /// What the name's records are changed with, when it is new to the node.
    pub(crate) credentials: Option<Credentials>,
}

/// What was accepted last from a node: its attestation's time, by its own clock. Read before the calls are counted, so
/// that somebody who repeats an old attestation uses up nobody's calls.
pub(crate) fn attested_last(conn: &mut Conn, did: &Did) -> QueryResult<Option<i64>> {
    nodes::table.find(did).select(nodes::attested_ms).first(conn).optional()
}

/// Refuses an attestation that is not newer than the last one.
pub(crate) fn replay_refuse(last_ms: Option<i64>, sent_ms: i64) -> Result<(), RegistryError> {
    if last_ms.is_some_and(|last_ms| sent_ms <= last_ms) {
        return Err(RegistryError::Replayed { what: "An attestation" });
    }
    Ok(())
}

/// Registers a node, renews its registration, or gives it another name. The key is one that its key log lists now.
pub(crate) fn node_register(
    conn: &mut Conn,
    context: &Context,
    application: &Application,
    fresh: &Credentials,
) -> Result<Registered, RegistryError> {
    let now = context.env.now();
    let known = node_lock(conn, context, &application.did)?;
    if let Some(node) = &known {
        node.revoked_refuse()?;
        replay_refuse(Some(node.attested_ms), application.said.timestamp)?;
    }
    if let Some(reason) = resume::revoked_before(conn, &application.did)? {
        return Err(RegistryError::Revoked { reason });
    }
    let name = &application.said.hostname;
    let holds = |node: &NodeRow| node.hostname == *name && node.expires_at.plus(GRACE) > now;
    if !known.as_ref().is_some_and(holds) && resume::is_behind(conn)? {
        return Err(RegistryError::Behind);
    }
    let row = node_row(application, known.as_ref(), now)?;
    let claim = name_claim(conn, context, &row.node_did, &row.hostname, row.expires_at.plus(GRACE))?;
    let row = match &known {
        Some(_) => row.save(conn, &context.sealer)?,
        None => row.insert(conn, &context.sealer)?,
    };
    let is_back = vacancy::is_back(conn, &row.hostname)?;
    claim.keep(conn, context)?;
    let left = known.as_ref().filter(|before| before.hostname != row.hostname);
    if let Some(before) = left {
        name_leave(conn, context, before)?;
        names_count_check(conn, context, &row.node_did, &row.hostname)?;
    }
    directory::entry_change(conn, context, &row.node_did)?;
    let issued = names_publish(conn, context, &row, left, fresh)?;
    if is_back {
        vacancy::names_begin(conn, context, std::slice::from_ref(&row.hostname))?;
    }
    let is_rekeyed = known.as_ref().is_some_and(|before| before.public_key != row.public_key);
    // Whoever had the key before has what the name's records are changed with.
    let credentials = match issued {
        None if is_rekeyed => publication::credentials_replace(conn, context, &row.node_did, &row.hostname, fresh)?,
        issued => issued,
    };
    let renewed = known.as_ref().is_some_and(|before| before.expires_at.plus(GRACE) > now);
    liveness_note(conn, context, known.as_ref(), &row, renewed)?;
    let action = match (is_rekeyed, renewed, left) {
        (true, ..) => NODE_REKEY,
        (_, false, _) => NODE_REGISTER,
        (_, true, Some(_)) => NODE_RENAME,
        (_, true, None) => NODE_RENEW,
    };
    log_append(conn, context, application, action)?;
    let known = releases::known(conn, context, &[&row.build_hash])?;
    Ok(Registered {
        is_verified: known.is_verified(&row.build_hash, &row.version),
        hostname: row.hostname,
        expires_at: row.expires_at,
        renewed,
        credentials,
    })
}

/// The name in DNS; after a change of name the old one goes in the same step, and the addresses move.
fn names_publish(
    conn: &mut Conn,
    context: &Context,
    row: &NodeRow,
    left: Option<&NodeRow>,
    fresh: &Credentials,
) -> Result<Option<Credentials>, RegistryError> {
    let did = &row.node_did;
    let moved = match left {
        Some(before) => publication::name_withdraw(conn, context, did, &before.hostname)?,
        None => None,
    };
    let addresses = moved.clone().unwrap_or_default();
    let published = publication::name_publish(conn, context, did, &row.hostname, &addresses, fresh)?;
    let mut names = Vec::new();
    names.extend(published.then(|| row.hostname.clone()));
    names.extend(
        left.filter(|_before| moved.is_some())
            .map(|before| before.hostname.clone()),
    );
    if !names.is_empty() {
        publication::publish_enqueue(conn, context, did, names)?;
    }
    Ok(published.then(|| fresh.clone()))
}

fn node_row(application: &Application, known: Option<&NodeRow>, now: Timestamp) -> Result<NodeRow, RegistryError> {
    let said = &application.said;
    Ok(NodeRow {
        node_did: application.did.clone(),
        public_key: application.key.to_bytes().to_vec(),
        hostname: said.hostname.clone(),
        services: list_text(&said.services)?,
        capabilities: list_text(&said.capabilities)?,
        node_type: said.node_type.map(|kind| kind.to_string()),
        version: said.version.clone(),
        build_hash: said.build_hash.clone(),
        source_commit: said.source_commit.clone(),
        attested_ms: said.timestamp,
        owner_did: application.did.clone(),
        proof: application.document.clone(),
        created_at: known.map_or(now, |known| known.created_at),
        updated_at: now,
        expires_at: now.plus(REGISTERED_FOR),
        revoked_at: None,
        revoked_reason: None,
        deleted_at: None,
        row_seal: Vec::new(),
    })
}

/// A list as its column holds it.
pub(crate) fn list_text(entries: &[String]) -> Result<String, RegistryError> {
    serde_json::to_string(entries)
        .map_err(|error| RegistryError::Fault(format!("a list could not be written: {error}")))
}

/// Writes down what the attestation changes about the node's status.
fn liveness_note(
    conn: &mut Conn,
    context: &Context,
    before: Option<&NodeRow>,
    row: &NodeRow,
    renewed: bool,
) -> Result<(), RegistryError> {
    let now = context.env.now();
    let Some(before) = before else {
        let mut liveness = LivenessRow::new(row.node_did.clone(), now);
        liveness.status_note(conn, &context.sealer, &row.facts(&liveness), now)?;
        unproven::due_note(row, &mut liveness);
        liveness.insert(conn, &context.sealer)?;
        return Ok(());
    };
    let mut liveness = liveness_lock(conn, context, &row.node_did)?;
    liveness.passed_note(conn, &context.sealer, &before.facts(&liveness), now)?;
    if !renewed {
        // It comes back after it was gone: not heard of yet, whatever was before.
        liveness.last_heartbeat_at = None;
    }
    liveness.status_note(conn, &context.sealer, &row.facts(&liveness), now)?;
    unproven::due_note(row, &mut liveness);
    liveness.save(conn, &context.sealer)?;
    Ok(())
}

/// The attestation's own signature is the proof: its text is the envelope that the node signed.
fn log_append(
    conn: &mut Conn,
    context: &Context,
    application: &Application,
    action: &str,
) -> Result<(), RegistryError> {
    let mutation = Mutation {
        owner: application.did.clone(),
        action,
        object: application.did.to_string(),
        body: application.document.clone().into_bytes(),
        proof: Proof::Challenge {
            did: application.did.clone(),
            key: application.key,
            text: application.proven.text.clone(),
            signature: application.proven.signature,
        },
    };
    mutation::append(conn, &context.writer, &mutation)?;
    Ok(())
}
