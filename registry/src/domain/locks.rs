//! Rows that are about to be changed: locked, and refused when they were changed outside the node.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_store::{Conn, SealedRow, for_update};

use crate::RegistryError;
use crate::context::Context;
use crate::rows::{LivenessRow, NodeRow};
use crate::schema::{node_liveness, nodes};

pub(crate) fn node_lock(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<NodeRow>, RegistryError> {
    let row: Option<NodeRow> = for_update!(
        conn,
        nodes::table.find(did).filter(nodes::deleted_at.is_null()).select(NodeRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A registered node always has one.
pub(crate) fn liveness_lock(conn: &mut Conn, context: &Context, did: &Did) -> Result<LivenessRow, RegistryError> {
    let row: Option<LivenessRow> = for_update!(
        conn,
        node_liveness::table.find(did).select(LivenessRow::as_select()) => first
    )
    .optional()?;
    let row = row.ok_or_else(|| RegistryError::damaged("node_liveness", did.as_str(), "the row is missing"))?;
    Ok(row.intact(&context.sealer)?)
}
