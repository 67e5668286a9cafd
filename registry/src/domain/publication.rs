//! What is to be published about the names of nodes. Each change writes what is wanted and, in the same transaction, an
//! item of the outbox that makes the worker look at it.

use std::net::IpAddr;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Span;
use imajin_kernel::id::OutboxId;
use imajin_store::{Conn, SealedRow, for_update, outbox};
use serde::{Deserialize, Serialize};

use crate::RegistryError;
use crate::context::Context;
use crate::dns::Credentials;
use crate::rows::DnsNameRow;
use crate::schema::dns_names;

/// The outbox's topic; its key is the node's DID, so that the names of one node are published one after the other.
pub(crate) const NAMES_PUBLISH: &str = "names.publish";

/// Texts for certificate authorities that a name keeps: a certificate for the name and for all below it needs two.
const CHALLENGES_MAX: usize = 2;

/// The characters of an error that are kept.
const ERROR_LENGTH_MAX: usize = 300;

/// What an item of the outbox says: these names of the node have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Names {
    names: Vec<String>,
}

/// What became of an attempt to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Published,
    Failed(String),
}

/// The row of a name, locked.
pub(crate) fn name_lock(conn: &mut Conn, context: &Context, name: &str) -> Result<Option<DnsNameRow>, RegistryError> {
    let row: Option<DnsNameRow> = for_update!(
        conn,
        dns_names::table.find(name).select(DnsNameRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Whether nothing is published any more about a name that somebody has left.
pub(crate) fn is_withdrawn(conn: &mut Conn, name: &str) -> QueryResult<bool> {
    let published: i64 = dns_names::table
        .find(name)
        .filter(dns_names::withdrawn_at.is_null())
        .count()
        .get_result(conn)?;
    Ok(published == 0)
}

/// A node has a name from now on, with these credentials: whoever had others, from before it left or was taken off, has
/// them no more. False: it had the name already, and nothing is different from before.
pub(crate) fn name_publish(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    name: &str,
    addresses: &[IpAddr],
    fresh: &Credentials,
) -> Result<bool, RegistryError> {
    let now = context.env.now();
    let Some(mut row) = name_lock(conn, context, name)? else {
        let row = DnsNameRow {
            name: name.to_owned(),
            node_did: did.clone(),
            addresses: json(&addresses)?,
            challenges: json::<[String; 0]>(&[])?,
            withdrawn_at: None,
            revision: 1,
            published: None,
            published_revision: 0,
            published_at: None,
            last_error: None,
            username: fresh.username.clone(),
            password_digest: fresh.digest(),
            issued_at: now,
            asked_ms: 0,
            created_at: now,
            updated_at: now,
            row_seal: Vec::new(),
        };
        row.insert(conn, &context.sealer)?;
        return Ok(true);
    };
    let is_theirs = row.node_did == *did;
    if is_theirs && row.withdrawn_at.is_none() {
        return Ok(false);
    }
    row.withdrawn_at = None;
    row.addresses = json(&addresses)?;
    row.revision = row.revision.saturating_add(1);
    row.updated_at = now;
    row.credentials_set(fresh, now);
    if !is_theirs {
        row.node_did = did.clone();
        row.asked_ms = 0;
    }
    row.save(conn, &context.sealer)?;
    Ok(true)
}

/// Gives a node new credentials for a name that it has; the old ones end. `None`: it has no such name.
pub(crate) fn credentials_replace(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    name: &str,
    fresh: &Credentials,
) -> Result<Option<Credentials>, RegistryError> {
    let found = name_lock(conn, context, name)?.filter(|row| row.node_did == *did);
    let Some(mut row) = found else { return Ok(None) };
    row.credentials_set(fresh, context.env.now());
    row.save(conn, &context.sealer)?;
    Ok(Some(fresh.clone()))
}

/// Nothing is published about a name any more; what was there is gone for good. Returns its addresses, if there was
/// anything.
pub(crate) fn name_withdraw(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    name: &str,
) -> Result<Option<Vec<IpAddr>>, RegistryError> {
    let Some(mut row) = name_lock(conn, context, name)? else {
        return Ok(None);
    };
    if row.withdrawn_at.is_some() || row.node_did != *did {
        return Ok(None);
    }
    let addresses = row.addresses()?;
    let now = context.env.now();
    row.withdrawn_at = Some(now);
    row.addresses = json::<[String; 0]>(&[])?;
    row.challenges = json::<[String; 0]>(&[])?;
    row.revision = row.revision.saturating_add(1);
    row.updated_at = now;
    row.save(conn, &context.sealer)?;
    Ok(Some(addresses))
}

/// Whether a heartbeat would give the name other addresses. An empty list changes nothing.
pub(crate) fn is_move(conn: &mut Conn, did: &Did, name: &str, addresses: &[IpAddr]) -> Result<bool, RegistryError> {
    let row: Option<DnsNameRow> = dns_names::table
        .find(name)
        .filter(dns_names::node_did.eq(did))
        .filter(dns_names::withdrawn_at.is_null())
        .select(DnsNameRow::as_select())
        .first(conn)
        .optional()?;
    let before = row.map(|row| row.addresses()).transpose()?;
    let addresses = tidied(addresses);
    Ok(!addresses.is_empty() && before.is_some_and(|before| before != addresses))
}

/// What is wanted of a name's addresses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moved {
    pub(crate) addresses: Vec<IpAddr>,
    /// Whether that is something else than before.
    pub(crate) is_moved: bool,
}

/// Sets the addresses of a name. An empty list changes nothing. Returns what is wanted afterwards.
pub(crate) fn addresses_set(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    name: &str,
    addresses: &[IpAddr],
) -> Result<Moved, RegistryError> {
    let found = name_lock(conn, context, name)?;
    let Some(row) = found.filter(|row| row.node_did == *did && row.withdrawn_at.is_none()) else {
        return Ok(Moved::default());
    };
    let before = row.addresses()?;
    let addresses = tidied(addresses);
    if addresses.is_empty() || addresses == before {
        return Ok(Moved {
            addresses: before,
            is_moved: false,
        });
    }
    changed(conn, context, row, |row| {
        row.addresses = json(&addresses)?;
        Ok(())
    })?;
    Ok(Moved {
        addresses,
        is_moved: true,
    })
}

/// Adds a text for a certificate authority; the oldest one goes when there are too many. Returns the revision that has
/// it.
pub(crate) fn challenge_add(
    conn: &mut Conn,
    context: &Context,
    row: DnsNameRow,
    text: &str,
) -> Result<i64, RegistryError> {
    let mut challenges = row.challenges()?;
    if challenges.iter().any(|known| known == text) {
        return Ok(row.revision);
    }
    challenges.push(text.to_owned());
    let too_many = challenges.len().saturating_sub(CHALLENGES_MAX);
    challenges.drain(..too_many);
    changed(conn, context, row, |row| {
        row.challenges = json(&challenges)?;
        Ok(())
    })
}

fn changed(
    conn: &mut Conn,
    context: &Context,
    mut row: DnsNameRow,
    change: impl FnOnce(&mut DnsNameRow) -> Result<(), RegistryError>,
) -> Result<i64, RegistryError> {
    let was_published = row.is_published();
    change(&mut row)?;
    row.revision = row.revision.saturating_add(1);
    row.updated_at = context.env.now();
    let row = row.save(conn, &context.sealer)?;
    // Otherwise an item is under way that will find this change, too.
    if was_published {
        publish_enqueue(conn, context, &row.node_did, vec![row.name])?;
    }
    Ok(row.revision)
}

/// Makes the worker look at names of a node.
pub(crate) fn publish_enqueue(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    names: Vec<String>,
) -> Result<(), RegistryError> {
    if context.dns.is_served {
        let names = Names { names };
        outbox::enqueue(conn, &context.sealer, &context.env, NAMES_PUBLISH, did.as_str(), &names)?;
    }
    Ok(())
}

/// Takes an item of the outbox, and reads what is wanted; `None` when it is in other hands.
pub(crate) fn names_take(
    conn: &mut Conn,
    context: &Context,
    id: &OutboxId,
    names: &Names,
    lease: Span,
) -> Result<Option<Vec<DnsNameRow>>, RegistryError> {
    let now = context.env.now();
    if outbox::lease(conn, &context.sealer, id, now, now.plus(lease))?.is_none() {
        return Ok(None);
    }
    let mut rows = Vec::with_capacity(names.names.len());
    for name in &names.names {
        rows.extend(name_lock(conn, context, name)?);
    }
    Ok(Some(rows))
}

/// Writes down what became of an item. What has changed meanwhile is looked at again.
pub(crate) fn outcome_note(
    conn: &mut Conn,
    context: &Context,
    id: &OutboxId,
    did: &str,
    revisions: &[(String, i64)],
    outcome: &Outcome,
) -> Result<(), RegistryError> {
    let now = context.env.now();
    let mut changed_meanwhile = Vec::new();
    for (name, revision) in revisions {
        let Some(mut row) = name_lock(conn, context, name)? else {
            continue;
        };
        match outcome {
            Outcome::Published if row.revision == *revision => {
                // Of a name that has left DNS nothing there is the registry's any more.
                let is_there = row.withdrawn_at.is_none();
                row.published = if is_there { Some(json(&row.wanted()?)?) } else { None };
                row.published_revision = row.revision;
                row.published_at = Some(now);
                row.last_error = None;
            }
            Outcome::Published => changed_meanwhile.push(name.clone()),
            Outcome::Failed(error) => row.last_error = Some(error.chars().take(ERROR_LENGTH_MAX).collect()),
        }
        row.save(conn, &context.sealer)?;
    }
    match outcome {
        Outcome::Failed(error) => {
            outbox::retry(conn, &context.sealer, id, now, error)?;
        }
        Outcome::Published => outbox::done(conn, &context.sealer, id, now)?,
    }
    if changed_meanwhile.is_empty() {
        return Ok(());
    }
    let did: Did = did
        .parse()
        .map_err(|_error| RegistryError::damaged("outbox", &id.to_string(), "its key is no DID"))?;
    publish_enqueue(conn, context, &did, changed_meanwhile)
}

/// Makes the worker look at names that are not published and that nobody looks at: after a registry got its first DNS
/// provider. Returns how many.
pub(crate) fn unpublished_enqueue(
    conn: &mut Conn,
    context: &Context,
    after: &str,
) -> Result<Vec<String>, RegistryError> {
    let rows: Vec<(String, Did)> = dns_names::table
        .filter(dns_names::revision.ne(dns_names::published_revision))
        .filter(dns_names::name.gt(after))
        .order_by(dns_names::name)
        .limit(UNPUBLISHED_BATCH)
        .select((dns_names::name, dns_names::node_did))
        .load(conn)?;
    let mut names = Vec::with_capacity(rows.len());
    for (name, did) in rows {
        if !outbox::is_pending(conn, NAMES_PUBLISH, did.as_str())? {
            publish_enqueue(conn, context, &did, vec![name.clone()])?;
        }
        names.push(name);
    }
    Ok(names)
}

const UNPUBLISHED_BATCH: i64 = 200;

/// Marks everything as not published, because the zone was lost or somebody else serves it now.
pub(crate) fn all_unpublish(conn: &mut Conn, context: &Context, after: &str) -> Result<Vec<String>, RegistryError> {
    let rows: Vec<DnsNameRow> = dns_names::table
        .filter(dns_names::name.gt(after))
        .order_by(dns_names::name)
        .limit(UNPUBLISHED_BATCH)
        .select(DnsNameRow::as_select())
        .load(conn)?;
    let mut names = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row.intact(&context.sealer)?;
        let name = row.name.clone();
        if row.is_published() {
            changed(conn, context, row, |_row| Ok(()))?;
        }
        names.push(name);
    }
    Ok(names)
}

/// Each address once, IPv4 first: the order in which they came means nothing.
fn tidied(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses.iter().map(IpAddr::to_canonical).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, RegistryError> {
    serde_json::to_string(value)
        .map_err(|error| RegistryError::Fault(format!("a column could not be written: {error}")))
}
