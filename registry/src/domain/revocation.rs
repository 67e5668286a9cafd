//! Taking a node off the registry, with a reason that anybody may read, and taking it back.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::{Conn, SealedRow};

use super::locks::{liveness_lock, node_lock};
use super::order::{Order, reason_check};
use super::{directory, publication, resume};
use crate::RegistryError;
use crate::context::Context;
use crate::rows::NodeRow;
use crate::schema::node_names;

/// The actions of the mutation log; the object is [`revocation_object`].
pub(crate) const NODE_REVOKE: &str = "node.revoke";
pub(crate) const NODE_REINSTATE: &str = "node.reinstate";

/// What is logged under: apart from the node's own attestations, whose last one its row must agree with.
pub(crate) fn revocation_object(did: &Did) -> String {
    format!("revocation/{did}")
}

/// Takes a node off: it neither renews nor says that it lives, its name leaves DNS, and the reason is published.
pub(crate) fn node_revoke(
    conn: &mut Conn,
    context: &Context,
    order: &Order,
    did: &Did,
    reason: &str,
) -> Result<(), RegistryError> {
    reason_check(reason)?;
    let node = node_lock(conn, context, did)?.ok_or(RegistryError::Unknown)?;
    node.revoked_refuse()?;
    node_take_off(conn, context, &node, (context.env.now(), reason))?;
    order.append(conn, context, NODE_REVOKE, &revocation_object(did))
}

/// A node is off since a moment, for a reason, and its name leaves DNS.
pub(super) fn node_take_off(
    conn: &mut Conn,
    context: &Context,
    before: &NodeRow,
    (since, reason): (Timestamp, &str),
) -> Result<(), RegistryError> {
    let mut node = before.clone();
    node.revoked_at = Some(since);
    node.revoked_reason = Some(reason.to_owned());
    let node = node.save(conn, &context.sealer)?;
    let did = &node.node_did;
    if publication::name_withdraw(conn, context, did, &node.hostname)?.is_some() {
        publication::publish_enqueue(conn, context, did, vec![node.hostname.clone()])?;
    }
    standing_note(conn, context, before, &node)
}

/// Takes a node back. Its addresses come with its next heartbeat.
pub(crate) fn node_reinstate(
    conn: &mut Conn,
    context: &Context,
    order: &Order,
    did: &Did,
    fresh: &crate::dns::Credentials,
) -> Result<(), RegistryError> {
    let found = node_lock(conn, context, did)?;
    if resume::revoked_before(conn, did)?.is_some() && found.as_ref().is_none_or(|node| node.revoked_at.is_none()) {
        directory::entry_change(conn, context, did)?;
        return order.append(conn, context, NODE_REINSTATE, &revocation_object(did));
    }
    let mut node = found.ok_or(RegistryError::Unknown)?;
    if node.revoked_at.is_none() {
        return Err(RegistryError::NotRevoked);
    }
    let before = node.clone();
    node.revoked_at = None;
    node.revoked_reason = None;
    let node = node.save(conn, &context.sealer)?;
    let is_theirs: i64 = node_names::table
        .find(&node.hostname)
        .filter(node_names::node_did.eq(did))
        .count()
        .get_result(conn)?;
    let is_current = node.expires_at > context.env.now();
    if is_theirs > 0 && is_current && publication::name_publish(conn, context, did, &node.hostname, &[], fresh)? {
        publication::publish_enqueue(conn, context, did, vec![node.hostname.clone()])?;
    }
    standing_note(conn, context, &before, &node)?;
    order.append(conn, context, NODE_REINSTATE, &revocation_object(did))
}

/// Writes down what a change of a node's standing does to its status, and lets the next head say it.
pub(super) fn standing_note(
    conn: &mut Conn,
    context: &Context,
    before: &NodeRow,
    after: &NodeRow,
) -> Result<(), RegistryError> {
    let now = context.env.now();
    directory::entry_change(conn, context, &after.node_did)?;
    let mut liveness = liveness_lock(conn, context, &after.node_did)?;
    liveness.passed_note(conn, &context.sealer, &before.facts(&liveness), now)?;
    liveness.status_note(conn, &context.sealer, &after.facts(&liveness), now)?;
    liveness.save(conn, &context.sealer)?;
    Ok(())
}
