//! Writes down the changes of status that time alone brought. What is read is right without it.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_store::{Conn, SealedRow};

use super::locks::{liveness_lock, node_lock};
use crate::RegistryError;
use crate::context::Context;
use crate::schema::node_liveness;

/// Nodes per transaction: other writes wait meanwhile.
const BATCH: i64 = 200;

/// Looks after the nodes whose status has changed unnoticed; returns how many.
pub(crate) fn statuses_note(conn: &mut Conn, context: &Context) -> Result<usize, RegistryError> {
    let now = context.env.now();
    let due: Vec<Did> = node_liveness::table
        .filter(node_liveness::status_due_at.le(now))
        .order_by((node_liveness::status_due_at, node_liveness::node_did))
        .limit(BATCH)
        .select(node_liveness::node_did)
        .load(conn)?;
    for did in &due {
        // The order of locks is that of a registration.
        let node = node_lock(conn, context, did)?;
        let mut liveness = liveness_lock(conn, context, did)?;
        match node {
            Some(node) => {
                let facts = node.facts(&liveness);
                liveness.passed_note(conn, &context.sealer, &facts, now)?;
                liveness.status_note(conn, &context.sealer, &facts, now)?;
            }
            None => liveness.status_due_at = None,
        }
        liveness.save(conn, &context.sealer)?;
    }
    Ok(due.len())
}
