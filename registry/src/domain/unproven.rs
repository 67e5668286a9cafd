//! Registrations of nodes that were never heard of: a name is for who uses it, so they end after a day.

use imajin_kernel::Span;
use imajin_store::{Conn, SealedRow};

use super::naming::name_leave;
use super::{directory, publication};
use crate::RegistryError;
use crate::context::Context;
use crate::rows::{LivenessRow, NodeRow};

/// How long a node that has registered may take until its first heartbeat.
const HEARD_WITHIN: Span = Span::days(1);

fn is_unproven(node: &NodeRow, liveness: &LivenessRow) -> bool {
    liveness.heartbeat_ms.is_none() && node.revoked_at.is_none()
}

/// Lets the sweeper look at a node that was not heard of yet when its day is over.
pub(crate) fn due_note(node: &NodeRow, liveness: &mut LivenessRow) {
    if is_unproven(node, liveness) {
        let due = node.updated_at.plus(HEARD_WITHIN);
        liveness.status_due_at = Some(liveness.status_due_at.map_or(due, |at| at.min(due)));
    }
}

/// Ends the registration of a node that was not heard of in time.
pub(crate) fn registration_end(
    conn: &mut Conn,
    context: &Context,
    mut node: NodeRow,
    liveness: &LivenessRow,
) -> Result<NodeRow, RegistryError> {
    let now = context.env.now();
    let is_late = node.updated_at.plus(HEARD_WITHIN) <= now && node.expires_at > now;
    if !is_unproven(&node, liveness) || !is_late {
        return Ok(node);
    }
    let (did, name) = (node.node_did.clone(), node.hostname.clone());
    directory::entry_change(conn, context, &did)?;
    if publication::name_withdraw(conn, context, &did, &name)?.is_some() {
        publication::publish_enqueue(conn, context, &did, vec![name])?;
    }
    name_leave(conn, context, &node)?;
    node.expires_at = now;
    Ok(node.save(conn, &context.sealer)?)
}
