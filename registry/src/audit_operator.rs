//! What `imajin verify` checks of what the operator has ordered: every row against the last order that was signed.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_registry_api::SignedRelease;
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Finding};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::SERVICE;
use crate::domain::build_rules::{BUILD_RULE, RuleWish, build_object, standing_text};
use crate::domain::catch_up::revocation_of;
use crate::domain::releases::{KEY_ADD, KEY_RETIRE, KeyWish, Release, RetireWish, key_object};
use crate::domain::resume::{DIRECTORY_OBJECT, DIRECTORY_RESUME};
use crate::domain::revocation::{NODE_REINSTATE, NODE_REVOKE, revocation_object};
use crate::rows::{BuildRuleRow, EntryRow, NodeRow, ReleaseBuildRow, ReleaseKeyRow, ReleaseRow};
use crate::schema::{build_rules, directory_entries, release_builds, release_keys, releases};

/// The order as it was signed; an erased body leaves nothing to compare with.
enum Ordered<T> {
    Body(T),
    Erased,
    Other,
}

fn ordered<T: DeserializeOwned>(logged: &Logged, action: &str) -> Ordered<T> {
    if logged.action != action {
        return Ordered::Other;
    }
    match &logged.body {
        None => Ordered::Erased,
        Some(body) => serde_json::from_slice(body).map_or(Ordered::Other, Ordered::Body),
    }
}

impl<T> Ordered<T> {
    fn fits(self, fits: impl FnOnce(T) -> bool) -> bool {
        match self {
            Self::Body(body) => fits(body),
            Self::Erased => true,
            Self::Other => false,
        }
    }
}

/// Whether a node is off, or not, as the operator has ordered last.
pub(crate) fn revocation_fits(conn: &mut Conn, node: &NodeRow) -> QueryResult<bool> {
    #[derive(Deserialize)]
    struct Revoked {
        reason: String,
    }
    let last = mutation::last_body(conn, &revocation_object(&node.node_did))?;
    let is_ordered = match (last, &node.revoked_reason) {
        (None, None) => node.revoked_at.is_none(),
        (Some(logged), None) => node.revoked_at.is_none() && logged.action == NODE_REINSTATE,
        (Some(logged), Some(reason)) => {
            node.revoked_at.is_some() && ordered::<Revoked>(&logged, NODE_REVOKE).fits(|said| said.reason == *reason)
        }
        (None, Some(_reason)) => false,
    };
    Ok(is_ordered || came_back_off(conn, node)?)
}

/// Whether a node is off because the directory said so when it was put back: the order was not in the backup.
fn came_back_off(conn: &mut Conn, node: &NodeRow) -> QueryResult<bool> {
    let (Some(revoked_at), Some(reason)) = (node.revoked_at, &node.revoked_reason) else {
        return Ok(false);
    };
    if mutation::last_body(conn, DIRECTORY_OBJECT)?.is_none_or(|last| last.action != DIRECTORY_RESUME) {
        return Ok(false);
    }
    let row: Option<EntryRow> = directory_entries::table
        .find(&node.node_did)
        .select(EntryRow::as_select())
        .first(conn)
        .optional()?;
    let entry = row.and_then(|row| row.view().ok());
    Ok(entry.as_ref().and_then(revocation_of) == Some((revoked_at, reason.as_str())))
}

pub(crate) fn orders_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rules: Vec<BuildRuleRow> = build_rules::table.select(BuildRuleRow::as_select()).load(conn)?;
    for row in rules {
        let last = mutation::last_body(conn, &build_object(&row.build_hash))?;
        if !last.is_some_and(|logged| rule_fits(&row, &logged)) {
            let problem = "it is not what the operator has signed last";
            findings.push(Finding::new(SERVICE, "build_rules", &row.build_hash, problem));
        }
    }
    let keys: Vec<ReleaseKeyRow> = release_keys::table.select(ReleaseKeyRow::as_select()).load(conn)?;
    for row in keys {
        let history = mutation::history(conn, &key_object(&row.public_key))?;
        if !key_fits(&row, &history) {
            let problem = "it is not what the operator has signed last";
            findings.push(Finding::new(SERVICE, "release_keys", &row.public_key, problem));
        }
    }
    releases_audit(conn, findings)
}

fn rule_fits(row: &BuildRuleRow, logged: &Logged) -> bool {
    let is_theirs = logged.owner_did == row.owner_did.as_str();
    is_theirs
        && ordered::<RuleWish>(logged, BUILD_RULE).fits(|said| {
            standing_text(said.standing) == row.standing
                && said.reason == row.reason
                && said.target_version == row.target_version
        })
}

fn key_fits(row: &ReleaseKeyRow, history: &[Logged]) -> bool {
    let Some(last) = history.last() else { return false };
    let added = history.iter().rev().find(|logged| logged.action == KEY_ADD);
    let is_named = added.is_some_and(|logged| ordered::<KeyWish>(logged, KEY_ADD).fits(|said| said.name == row.name));
    let stands = match (&row.retired_reason, row.retired_at) {
        (None, None) => last.action == KEY_ADD,
        (Some(reason), Some(_at)) => ordered::<RetireWish>(last, KEY_RETIRE).fits(|said| said.reason == *reason),
        _ => false,
    };
    is_named && stands && last.owner_did == row.owner_did.as_str()
}

fn releases_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<ReleaseRow> = releases::table.select(ReleaseRow::as_select()).load(conn)?;
    for row in rows {
        let builds: Vec<ReleaseBuildRow> = release_builds::table
            .filter(release_builds::digest.eq(&row.digest))
            .select(ReleaseBuildRow::as_select())
            .load(conn)?;
        if !release_fits(&row, &builds) {
            let problem = "it is not what the release key has signed";
            findings.push(Finding::new(SERVICE, "releases", &row.digest, problem));
        }
    }
    Ok(())
}

fn release_fits(row: &ReleaseRow, builds: &[ReleaseBuildRow]) -> bool {
    let document = serde_json::from_str(&row.document).ok();
    let Some(release) = document.and_then(|document| Release::parse(document).ok()) else {
        return false;
    };
    let signed: &SignedRelease = release.signed();
    let named: BTreeSet<(&str, &str)> = builds
        .iter()
        .map(|build| (build.build_hash.as_str(), build.target.as_str()))
        .collect();
    let said: BTreeSet<(&str, &str)> = signed
        .payload
        .builds
        .iter()
        .map(|build| (build.build_hash.as_str(), build.target.as_str()))
        .collect();
    release.digest() == row.digest
        && release.key().multikey() == row.release_key
        && signed.payload.version == row.version
        && named == said
}
