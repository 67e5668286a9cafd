//! What the operator of the registry has to see, and what he may have done with names.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_registry_api::{BuildView, Console, HeldSweep, NodeList, NodeStatus, StatusChange, UnpublishedName};
use imajin_store::{Conn, outbox};

use super::builds::{self, ReportedBuild};
use super::list::{node_fetch, node_list};
use super::order::Order;
use super::publication::NAMES_PUBLISH;
use super::{releases, resume, sweep};
use crate::context::Context;
use crate::rows::{DnsNameRow, STATUS_CHANGES_KEPT};
use crate::schema::{build_rules, dns_names, node_status_changes};
use crate::status::status_parse;
use crate::{NamesSwept, RegistryError};

/// The actions of the mutation log; they are about all names.
pub(crate) const NAMES_SWEEP: &str = "names.sweep";
pub(crate) const NAMES_REPUBLISH: &str = "names.republish";
pub(crate) const NAMES_RETRY: &str = "names.retry";

const NAMES_OBJECT: &str = "names";

/// Rows of each list at most.
const ROWS_MAX: i64 = 100;

/// Notes what the operator orders about all names.
pub(crate) fn names_order(
    conn: &mut Conn,
    context: &Context,
    order: &Order,
    action: &str,
) -> Result<(), RegistryError> {
    order.append(conn, context, action, NAMES_OBJECT)
}

/// Everything on one page, of one moment.
pub(crate) fn console(conn: &mut Conn, context: &Context, known_builds: bool) -> Result<Console, RegistryError> {
    let revoked = NodeList {
        status: Some(NodeStatus::Revoked),
        ..NodeList::default()
    };
    let held = match sweep::held(conn, context.env.now())? {
        Some(NamesSwept::Held { silent_together, named }) => Some(HeldSweep {
            silent_together: u64::try_from(silent_together).unwrap_or(u64::MAX),
            named: u64::try_from(named).unwrap_or(u64::MAX),
        }),
        _ => None,
    };
    Ok(Console {
        zone: context.zone.to_string(),
        is_served: context.dns.is_served,
        known_builds,
        builds: build_views(conn, context)?,
        release_keys: releases::key_list(conn, context)?,
        revoked: node_list(conn, context, &revoked)?.nodes,
        unpublished: unpublished(conn)?,
        unpublished_total: dns_names::table
            .filter(dns_names::revision.ne(dns_names::published_revision))
            .count()
            .get_result(conn)?,
        held,
        directory: resume::trouble(conn)?,
    })
}

/// The builds that nodes report, and those that the operator has said something of and nobody reports.
pub(crate) fn build_views(conn: &mut Conn, context: &Context) -> Result<Vec<BuildView>, RegistryError> {
    let mut reported = builds::build_list(conn, context)?;
    let ruled: Vec<String> = build_rules::table
        .order_by(build_rules::updated_at.desc())
        .limit(ROWS_MAX)
        .select(build_rules::build_hash)
        .load(conn)?;
    for build_hash in ruled {
        if reported.iter().all(|build| build.build_hash != build_hash) {
            reported.push(ReportedBuild {
                build_hash,
                version: String::new(),
                nodes: 0,
            });
        }
    }
    let hashes: Vec<&str> = reported.iter().map(|build| build.build_hash.as_str()).collect();
    let known = releases::known(conn, context, &hashes)?;
    reported.into_iter().map(|build| known.view(build)).collect()
}

fn unpublished(conn: &mut Conn) -> Result<Vec<UnpublishedName>, RegistryError> {
    let rows: Vec<DnsNameRow> = dns_names::table
        .filter(dns_names::revision.ne(dns_names::published_revision))
        .order_by(dns_names::name)
        .limit(ROWS_MAX)
        .select(DnsNameRow::as_select())
        .load(conn)?;
    let view = |row: DnsNameRow| UnpublishedName {
        is_withdrawn: row.withdrawn_at.is_some(),
        name: row.name,
        node_id: row.node_did,
        since: row.updated_at,
        last_error: row.last_error,
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Lets the worker look at some names that are not published at once, whatever their turn was; returns them.
pub(crate) fn unpublished_expedite(
    conn: &mut Conn,
    context: &Context,
    after: &str,
) -> Result<Vec<String>, RegistryError> {
    let now = context.env.now();
    let rows: Vec<(String, Did)> = dns_names::table
        .filter(dns_names::revision.ne(dns_names::published_revision))
        .filter(dns_names::name.gt(after))
        .order_by(dns_names::name)
        .limit(ROWS_MAX)
        .select((dns_names::name, dns_names::node_did))
        .load(conn)?;
    for (_name, did) in &rows {
        outbox::expedite_key(conn, &context.sealer, NAMES_PUBLISH, did.as_str(), now)?;
    }
    Ok(rows.into_iter().map(|(name, _did)| name).collect())
}

/// How a node's status has changed, the last change first.
pub(crate) fn status_list(conn: &mut Conn, context: &Context, key: &str) -> Result<Vec<StatusChange>, RegistryError> {
    let Some(node) = node_fetch(conn, context, key)? else {
        return Ok(Vec::new());
    };
    let rows: Vec<(String, imajin_kernel::Timestamp)> = node_status_changes::table
        .filter(node_status_changes::node_did.eq(&node.node_id))
        .order_by(node_status_changes::seq.desc())
        .limit(STATUS_CHANGES_KEPT)
        .select((node_status_changes::status, node_status_changes::changed_at))
        .load(conn)?;
    let change = |(text, since): (String, _)| {
        let status = status_parse(&text).ok_or_else(|| {
            RegistryError::damaged("node_status_changes", node.node_id.as_str(), "its status is none")
        })?;
        Ok(StatusChange { status, since })
    };
    rows.into_iter().map(change).collect()
}
