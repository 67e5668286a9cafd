//! Reading the directory. A status is a condition over times, so the database finds the nodes that have it.

use std::collections::BTreeMap;

use diesel::dsl::{IntoBoxed, auto_type, count_star};
use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_registry_api::{Census, NodeList, NodePage, NodeStatus, NodeType, NodeView, ServiceCount, TypeCount};
use imajin_store::{Conn, MultiBackend};

use super::application::is_list_entry;
use super::releases;
use crate::RegistryError;
use crate::context::Context;
use crate::names::{LookupKey, lookup_key, name_check};
use crate::rows::{LivenessRow, NodeRow};
use crate::schema::{node_liveness, node_names, nodes};
use crate::status::{STALE_AFTER, UNREACHABLE_AFTER};

/// The length of a page when nobody asks for another.
const LIMIT_DEFAULT: u32 = 100;
/// The longest page.
const LIMIT_MAX: u32 = 500;

#[auto_type]
fn joined() -> _ {
    nodes::table.inner_join(node_liveness::table)
}

type Joined<'a> = IntoBoxed<'a, joined, MultiBackend>;

/// The nodes that have a status now; without one, those whose registration is current.
/// [`crate::status::Facts::status_at`] says the same of one node.
fn with_status<'a>(status: Option<NodeStatus>, now: Timestamp) -> Joined<'a> {
    let all = joined().filter(nodes::deleted_at.is_null()).into_boxed();
    let status = match status {
        Some(NodeStatus::Revoked) => return all.filter(nodes::revoked_at.is_not_null()),
        Some(NodeStatus::Expired) => {
            return all
                .filter(nodes::revoked_at.is_null())
                .filter(nodes::expires_at.le(now));
        }
        other => other,
    };
    let current = all
        .filter(nodes::revoked_at.is_null())
        .filter(nodes::expires_at.gt(now));
    let stale = now.minus(STALE_AFTER);
    let unreachable = now.minus(UNREACHABLE_AFTER);
    let heard = node_liveness::last_heartbeat_at;
    match status {
        Some(NodeStatus::Pending) => current.filter(heard.is_null()),
        Some(NodeStatus::Active) => current.filter(heard.gt(stale)),
        Some(NodeStatus::Stale) => current.filter(heard.le(stale)).filter(heard.gt(unreachable)),
        Some(NodeStatus::Unreachable) => current.filter(heard.le(unreachable)),
        _ => current,
    }
}

/// Where a page ended: name and DID, which together order the directory.
struct Cursor {
    hostname: String,
    node_did: String,
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, RegistryError> {
        let parts = text
            .split_once('.')
            .filter(|(hostname, _)| name_check(hostname).is_ok());
        let (hostname, node_did) = parts
            .filter(|(_, did)| did.parse::<Did>().is_ok())
            .ok_or_else(|| RegistryError::shape("cursor", "it is none that this registry gave out"))?;
        Ok(Self {
            hostname: hostname.to_owned(),
            node_did: node_did.to_owned(),
        })
    }
}

/// A page of the directory.
pub(crate) fn node_list(conn: &mut Conn, context: &Context, asked: &NodeList) -> Result<NodePage, RegistryError> {
    let now = context.env.now();
    let mut query = with_status(asked.status, now);
    if let Some(service) = &asked.service {
        if !is_list_entry(service) {
            return Err(RegistryError::shape("service", "no service has such a name"));
        }
        // The column is a JSON list, and such a name needs no escape in JSON or in the pattern.
        query = query.filter(nodes::services.like(format!("%\"{service}\"%")));
    }
    if let Some(kind) = asked.node_type {
        query = query.filter(nodes::node_type.eq(kind.as_str()));
    }
    if let Some(search) = &asked.search {
        // The characters of names, which mean nothing in a pattern.
        if !is_list_entry(search) {
            return Err(RegistryError::shape("search", "no name has that in it"));
        }
        query = query.filter(nodes::hostname.like(format!("%{search}%")));
    }
    if let Some(cursor) = &asked.cursor {
        let Cursor { hostname, node_did } = Cursor::parse(cursor)?;
        query = query.filter(
            nodes::hostname
                .gt(hostname.clone())
                .or(nodes::hostname.eq(hostname).and(nodes::node_did.gt(node_did))),
        );
    }
    let limit = asked.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
    let mut rows: Vec<(NodeRow, LivenessRow)> = query
        .order_by((nodes::hostname, nodes::node_did))
        .limit(i64::from(limit).saturating_add(1))
        .select((NodeRow::as_select(), LivenessRow::as_select()))
        .load(conn)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let cursor = last.map(|(node, _)| format!("{}.{}", node.hostname, node.node_did));
    Ok(NodePage {
        nodes: views(conn, context, rows)?,
        cursor,
    })
}

/// One node by DID, name or full host name. A name leads to its present holder; a name that was left leads to where its
/// holder went, as long as it is reserved.
pub(crate) fn node_fetch(conn: &mut Conn, context: &Context, key: &str) -> Result<Option<NodeView>, RegistryError> {
    let now = context.env.now();
    let (did, name) = match lookup_key(key, &context.zone) {
        None => return Ok(None),
        Some(LookupKey::Did(did)) => (did, None),
        Some(LookupKey::Name(name)) => {
            let columns = (node_names::node_did, node_names::held_until);
            let holder: Option<(Did, Timestamp)> =
                node_names::table.find(&name).select(columns).first(conn).optional()?;
            let Some((did, held_until)) = holder else {
                return Ok(None);
            };
            (did, (held_until <= now).then_some(name))
        }
    };
    let row: Option<(NodeRow, LivenessRow)> = joined()
        .filter(nodes::node_did.eq(did))
        .filter(nodes::deleted_at.is_null())
        .select((NodeRow::as_select(), LivenessRow::as_select()))
        .first(conn)
        .optional()?;
    let row = row.filter(|(node, _)| name.is_none_or(|name| node.hostname == name));
    Ok(views(conn, context, row.into_iter().collect())?.pop())
}

/// The nodes as anyone may see them, with what is known of their builds.
fn views(
    conn: &mut Conn,
    context: &Context,
    rows: Vec<(NodeRow, LivenessRow)>,
) -> Result<Vec<NodeView>, RegistryError> {
    let mut hashes: Vec<&str> = rows.iter().map(|(node, _)| node.build_hash.as_str()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let known = releases::known(conn, context, &hashes)?;
    let now = context.env.now();
    let view = |(node, liveness): (NodeRow, LivenessRow)| {
        let status = known.status(&node.build_hash, &node.version);
        node.view(&liveness, &context.zone, status, now)
    };
    rows.into_iter().map(view).collect()
}

/// How many nodes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) pending: i64,
    pub(crate) active: i64,
    pub(crate) stale: i64,
    pub(crate) unreachable: i64,
    pub(crate) expired: i64,
    pub(crate) revoked: i64,
}

impl Counts {
    /// Those whose registration is current.
    pub(crate) const fn total(self) -> i64 {
        self.pending
            .saturating_add(self.active)
            .saturating_add(self.stale)
            .saturating_add(self.unreachable)
    }
}

/// Counts the nodes by status; in one transaction they add up.
pub(crate) fn node_counts(conn: &mut Conn, context: &Context) -> Result<Counts, RegistryError> {
    let now = context.env.now();
    let mut count = |status| with_status(Some(status), now).count().get_result::<i64>(conn);
    Ok(Counts {
        pending: count(NodeStatus::Pending)?,
        active: count(NodeStatus::Active)?,
        stale: count(NodeStatus::Stale)?,
        unreachable: count(NodeStatus::Unreachable)?,
        expired: count(NodeStatus::Expired)?,
        revoked: count(NodeStatus::Revoked)?,
    })
}

/// The most groups of nodes alike that are counted: as many as there are sets of services, more or less.
const GROUPS_MAX: i64 = 1_000;

/// Adds to the counts by status how many nodes there are by type and service, of those whose registration is current.
/// The database counts those that are alike, so this does not read every node.
pub(crate) fn census(conn: &mut Conn, context: &Context, counts: Counts) -> Result<Census, RegistryError> {
    let (now, alike) = (context.env.now(), count_star());
    let groups: Vec<(Option<String>, String, i64)> = nodes::table
        .filter(nodes::deleted_at.is_null())
        .filter(nodes::revoked_at.is_null())
        .filter(nodes::expires_at.gt(now))
        .group_by((nodes::node_type, nodes::services))
        .order_by((alike.desc(), nodes::services, nodes::node_type))
        .limit(GROUPS_MAX)
        .select((nodes::node_type, nodes::services, alike))
        .load(conn)?;
    let number = |count: i64| u64::try_from(count).unwrap_or_default();
    let (mut types, mut services) = (BTreeMap::new(), BTreeMap::new());
    for (kind, offered, nodes) in groups {
        let add = |place: &mut u64| *place = place.saturating_add(number(nodes));
        let kind: Option<NodeType> = kind.and_then(|kind| kind.parse().ok());
        add(types.entry(kind).or_default());
        // A list that cannot be read is found by the audit.
        let offered: Vec<String> = serde_json::from_str(&offered).unwrap_or_default();
        for service in offered {
            add(services.entry((service, kind)).or_default());
        }
    }
    let types = types.into_iter();
    let services = services.into_iter();
    Ok(Census {
        pending: number(counts.pending),
        active: number(counts.active),
        stale: number(counts.stale),
        unreachable: number(counts.unreachable),
        types: types.map(|(node_type, nodes)| TypeCount { node_type, nodes }).collect(),
        services: services
            .map(|((service, node_type), nodes)| ServiceCount {
                service,
                node_type,
                nodes,
            })
            .collect(),
    })
}

/// Whether the tables answer.
pub(crate) fn ready_check(conn: &mut Conn) -> Result<(), RegistryError> {
    nodes::table.select(nodes::node_did).first::<String>(conn).optional()?;
    Ok(())
}
