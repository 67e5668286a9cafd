//! Who may have a name.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, SealedRow, for_update, is_unique_violation, word_lock};

use super::publication;
use crate::RegistryError;
use crate::context::Context;
use crate::names::{reserved_look_check, skeleton};
use crate::rows::{NameRow, NodeRow};
use crate::schema::{node_names, nodes};
use crate::status::GRACE;

/// So many names that it has left may one node reserve besides the one that it has.
const LEFT_NAMES_MAX: i64 = 2;

/// When to ask again for a name whose grace is over and that has not left DNS yet.
const SWEPT_SOON: Span = Span::hours(1);

/// A name that a node may have; it is written with [`NameClaim::keep`] once the node's own row is there.
pub(crate) struct NameClaim {
    row: NameRow,
    exists: bool,
}

/// Who has a name, locked.
pub(super) fn name_lock(conn: &mut Conn, name: &str) -> QueryResult<Option<NameRow>> {
    for_update!(conn, node_names::table.find(name).select(NameRow::as_select()) => first).optional()
}

/// Looks whether a node may have a name until `held_until`.
pub(crate) fn name_claim(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    name: &str,
    held_until: Timestamp,
) -> Result<NameClaim, RegistryError> {
    let now = context.env.now();
    let found = name_lock(conn, name)?;
    let fresh = NameRow {
        name: name.to_owned(),
        node_did: did.clone(),
        claimed_at: now,
        held_until,
        row_seal: Vec::new(),
    };
    let found = found.map(|found| found.intact(&context.sealer)).transpose()?;
    let is_held = |found: &NameRow| found.node_did == *did && found.held_until > now;
    if !found.as_ref().is_some_and(is_held) {
        look_check(conn, context, did, name)?;
    }
    let Some(found) = found else {
        return Ok(NameClaim {
            row: fresh,
            exists: false,
        });
    };
    if found.node_did == *did {
        return Ok(NameClaim {
            row: NameRow { held_until, ..found },
            exists: true,
        });
    }
    if found.held_until <= now {
        // While the sweeper holds back, the holder may only have been out of the registry's reach.
        if !publication::is_withdrawn(conn, name)? {
            return Err(RegistryError::InGrace {
                name: found.name,
                until: now.plus(SWEPT_SOON),
            });
        }
        return Ok(NameClaim {
            row: fresh,
            exists: true,
        });
    }
    Err(refusal(conn, found, now)?)
}

/// Refuses a name that people would take for one that somebody else has, or still reserves.
fn look_check(conn: &mut Conn, context: &Context, did: &Did, name: &str) -> Result<(), RegistryError> {
    let now = context.env.now();
    reserved_look_check(name, &context.reserved)?;
    let looks = skeleton(name);
    // Several processes may give away names of one database, and of two that look alike neither has a row yet.
    word_lock(conn, &format!("registry.looks.{looks}"))?;
    let alike: Vec<(String, Timestamp)> = node_names::table
        .filter(node_names::skeleton.eq(looks))
        .filter(node_names::name.ne(name))
        .filter(node_names::node_did.ne(did))
        .order_by(node_names::name)
        .select((node_names::name, node_names::held_until))
        .load(conn)?;
    for (other, held_until) in alike {
        if held_until > now || !publication::is_withdrawn(conn, &other)? {
            return Err(RegistryError::LooksTaken {
                name: name.to_owned(),
                other,
            });
        }
    }
    Ok(())
}

/// A holder whose registration runs has the name; one that ran out or moved away only reserves it.
fn refusal(conn: &mut Conn, found: NameRow, now: Timestamp) -> Result<RegistryError, RegistryError> {
    let has_it: i64 = nodes::table
        .find(&found.node_did)
        .filter(nodes::hostname.eq(&found.name))
        .filter(nodes::expires_at.gt(now))
        .count()
        .get_result(conn)?;
    Ok(match has_it {
        0 => RegistryError::InGrace {
            name: found.name,
            until: found.held_until,
        },
        _ => RegistryError::Taken { name: found.name },
    })
}

impl NameClaim {
    /// Writes the claim down.
    pub(crate) fn keep(self, conn: &mut Conn, context: &Context) -> Result<(), RegistryError> {
        if self.exists {
            self.row.save(conn, &context.sealer)?;
            return Ok(());
        }
        let name = self.row.name.clone();
        match self.row.insert(conn, &context.sealer) {
            Ok(_row) => Ok(()),
            // Another process was faster; the transaction fails.
            Err(error) if is_unique_violation(&error) => Err(RegistryError::Taken { name }),
            Err(error) => Err(error.into()),
        }
    }
}

/// Lets go of the name of a node that takes another: reserved for a while, so that nobody slips into its place.
pub(crate) fn name_leave(conn: &mut Conn, context: &Context, node: &NodeRow) -> Result<(), RegistryError> {
    let now = context.env.now();
    let found = name_lock(conn, &node.hostname)?;
    // After the grace somebody else may have it.
    let Some(found) = found.filter(|found| found.node_did == node.node_did) else {
        return Ok(());
    };
    let mut found = found.intact(&context.sealer)?;
    found.held_until = found.held_until.min(now.plus(GRACE));
    found.save(conn, &context.sealer)?;
    Ok(())
}

/// Refuses a node that has left too many names too quickly.
pub(crate) fn names_count_check(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    present: &str,
) -> Result<(), RegistryError> {
    let now = context.env.now();
    let held: Vec<Timestamp> = node_names::table
        .filter(node_names::node_did.eq(did))
        .filter(node_names::name.ne(present))
        .filter(node_names::held_until.gt(now))
        .order_by(node_names::held_until)
        .select(node_names::held_until)
        .load(conn)?;
    let count = i64::try_from(held.len()).unwrap_or(i64::MAX);
    match held.first() {
        Some(first) if count > LEFT_NAMES_MAX => Err(RegistryError::TooManyNames {
            held: count,
            wait: first.since(now),
        }),
        _ => Ok(()),
    }
}
