//! The first publication of a name: only where the zone has nothing yet.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_store::{Conn, SealedRow};

use super::directory;
use super::locks::node_lock;
use super::publication::{json, name_lock, name_withdraw};
use crate::RegistryError;
use crate::context::Context;
use crate::dns::Snapshot;
use crate::schema::{dns_names, node_names};

/// Whether a name came back with the directory: somebody has it, and nothing is known of its publication. What the zone
/// has there is from before the database was restored.
pub(crate) fn is_back(conn: &mut Conn, name: &str) -> QueryResult<bool> {
    let given: i64 = node_names::table.find(name).count().get_result(conn)?;
    let noted: i64 = dns_names::table.find(name).count().get_result(conn)?;
    Ok(given > 0 && noted == 0)
}

/// Whether this registry has published something about a name, or has begun to: what is there is its own then.
pub(crate) fn is_begun(conn: &mut Conn, name: &str) -> QueryResult<bool> {
    if is_back(conn, name)? {
        return Ok(true);
    }
    let begun: i64 = dns_names::table
        .find(name)
        .filter(dns_names::published.is_not_null())
        .count()
        .get_result(conn)?;
    Ok(begun > 0)
}

/// Notes, before anything is published about a name, that the zone had nothing there: if the registry is killed after
/// that, what is there is its own all the same.
pub(crate) fn names_begin(conn: &mut Conn, context: &Context, names: &[String]) -> Result<(), RegistryError> {
    for name in names {
        if let Some(mut row) = name_lock(conn, context, name)?.filter(|row| row.published.is_none()) {
            row.published = Some(json(&Snapshot::default())?);
            row.save(conn, &context.sealer)?;
        }
    }
    Ok(())
}

/// Takes a name back from a node because the zone has records there that are not the registry's. They stay.
pub(crate) fn name_refuse(conn: &mut Conn, context: &Context, did: &Did, name: &str) -> Result<(), RegistryError> {
    // The order of locks is that of a registration.
    node_lock(conn, context, did)?;
    let is_fresh = |row: &crate::rows::DnsNameRow| row.node_did == *did && row.published.is_none();
    if !name_lock(conn, context, name)?.is_some_and(|row| is_fresh(&row)) {
        return Ok(());
    }
    directory::entry_change(conn, context, did)?;
    let refused = RegistryError::Occupied { name: name.to_owned() };
    records_leave(conn, context, did, name, Some(refused.to_string()))
}

/// A name is not the node's any more, and what the zone has there is somebody else's: it stays.
pub(super) fn records_leave(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    name: &str,
    error: Option<String>,
) -> Result<(), RegistryError> {
    name_withdraw(conn, context, did, name)?;
    let Some(mut row) = name_lock(conn, context, name)?.filter(|row| row.node_did == *did) else {
        return Ok(());
    };
    // Nothing is to be done in DNS.
    row.published = None;
    row.published_revision = row.revision;
    row.last_error = error;
    row.save(conn, &context.sealer)?;
    Ok(())
}
