//! What the database learns from a directory that came back: who has which name, and who was taken off. The entries are
//! those under a head that this registry has signed.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_registry_api::directory::DirectoryEntry;
use imajin_store::{Conn, SealedRow};
use serde_json::Value;

use super::locks::node_lock;
use super::naming::name_lock;
use super::{revocation, vacancy};
use crate::RegistryError;
use crate::context::Context;
use crate::names::name_check;
use crate::rows::{NameRow, NodeRow};
use crate::schema::node_names;
use crate::status::GRACE;

/// Follows what an entry says. Whether the database did not know that the node is off.
pub(super) fn entry_follow(conn: &mut Conn, context: &Context, entry: &DirectoryEntry) -> Result<bool, RegistryError> {
    name_keep(conn, context, entry)?;
    revocation_keep(conn, context, entry)
}

/// A member of an entry.
pub(super) fn said<'e>(entry: &'e DirectoryEntry, member: &str) -> Option<&'e Value> {
    entry.entry.as_ref()?.get(member)
}

/// When the registration that an entry tells of is over.
pub(super) fn expiry(entry: &DirectoryEntry) -> Option<Timestamp> {
    moment(entry, "expiresAt")
}

/// Since when a node is off, and why.
pub(crate) fn revocation_of(entry: &DirectoryEntry) -> Option<(Timestamp, &str)> {
    moment(entry, "revokedAt").zip(said(entry, "revokedReason").and_then(Value::as_str))
}

fn moment(entry: &DirectoryEntry, member: &str) -> Option<Timestamp> {
    said(entry, member)?.as_i64().map(Timestamp::from_millis)
}

/// A name that the directory gives a node is nobody else's until its registration and the grace are over, although the
/// database knows nothing of it, or knows who had it before.
fn name_keep(conn: &mut Conn, context: &Context, entry: &DirectoryEntry) -> Result<(), RegistryError> {
    let name = said(entry, "hostname").and_then(Value::as_str);
    let (Some(name), Some(expires_at)) = (name.filter(|name| name_check(name).is_ok()), expiry(entry)) else {
        return Ok(());
    };
    let row = NameRow {
        name: name.to_owned(),
        node_did: entry.node_id.clone(),
        claimed_at: context.env.now(),
        held_until: expires_at.plus(GRACE),
        row_seal: Vec::new(),
    };
    let holder: Option<Did> = node_names::table
        .find(name)
        .select(node_names::node_did)
        .first(conn)
        .optional()?;
    match holder {
        None => {
            row.insert(conn, &context.sealer)?;
            Ok(())
        }
        Some(holder) if holder == row.node_did => Ok(()),
        Some(holder) => holder_replace(conn, context, &holder, row),
    }
}

/// Gives a name to who got it after the backup. Who holds it longer got it here since then, and keeps it.
fn holder_replace(conn: &mut Conn, context: &Context, holder: &Did, row: NameRow) -> Result<(), RegistryError> {
    // The order of locks is that of a registration.
    let node = node_lock(conn, context, holder)?;
    let found = name_lock(conn, &row.name)?;
    let Some(found) = found.filter(|found| found.node_did == *holder && found.held_until < row.held_until) else {
        return Ok(());
    };
    found.intact(&context.sealer)?;
    if let Some(node) = node.filter(|node| node.hostname == row.name) {
        registration_cut(conn, context, &node)?;
    }
    vacancy::records_leave(conn, context, holder, &row.name, None)?;
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// A registration under a name that is somebody else's now is over, its grace included: the node registers again.
fn registration_cut(conn: &mut Conn, context: &Context, before: &NodeRow) -> Result<(), RegistryError> {
    let over = context.env.now().minus(GRACE);
    if before.expires_at <= over {
        return Ok(());
    }
    let mut node = before.clone();
    node.expires_at = over;
    let node = node.save(conn, &context.sealer)?;
    revocation::standing_note(conn, context, before, &node)
}

/// Whoever was taken off after the backup is off. Of a node that the database does not know the directory's word is
/// enough: [`super::resume::revoked_before`].
fn revocation_keep(conn: &mut Conn, context: &Context, entry: &DirectoryEntry) -> Result<bool, RegistryError> {
    let Some(revocation) = revocation_of(entry) else {
        return Ok(false);
    };
    match node_lock(conn, context, &entry.node_id)? {
        None => Ok(true),
        Some(node) if node.revoked_at.is_some() => Ok(false),
        Some(node) => {
            revocation::node_take_off(conn, context, &node, revocation)?;
            Ok(true)
        }
    }
}
