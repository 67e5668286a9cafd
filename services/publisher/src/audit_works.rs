//! What `imajin verify` checks of works, their versions, the payments for them, and their bytes.

use std::fs::File;
use std::io;
use std::path::Path;

use diesel::prelude::*;
use imajin_kernel::Env;
use imajin_publisher_api::ContentState;
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Finding, SealedRow, StoreError};
use serde::Deserialize;

use crate::audit::finding;
use crate::content::files::{blob_path, sha256_hex_of};
use crate::domain::access::AccessLogged;
use crate::log;
use crate::rows::{AccessRow, VersionRow, WorkRow};
use crate::schema::{work_accesses, work_versions, works};

/// How many rows are looked at together.
const PAGE: i64 = 64;

/// What of a version's announcement is in the log.
#[derive(Deserialize)]
struct Announced {
    manifest: String,
    sha256: String,
    size: i64,
}

/// Each work is as its author's signed requests say, and each payment as the node has written down.
pub(crate) fn works_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = works::table
            .filter(works::id.gt(&after))
            .order_by(works::id)
            .limit(PAGE);
        let rows: Vec<WorkRow> = query.select(WorkRow::as_select()).load(conn)?;
        let Some(last) = rows.last() else { break };
        after = last.id.to_string();
        for row in rows {
            work_check(conn, &row, findings)?;
        }
    }
    accesses_check(conn, findings)?;
    missing_check(conn, findings)
}

fn work_check(conn: &mut Conn, row: &WorkRow, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let logged = mutation::history(conn, &log::work_object(row.id))?;
    let announced: Vec<&Logged> = logged
        .iter()
        .filter(|entry| [log::CONTENT_CREATE, log::CONTENT_VERSION].contains(&entry.action.as_str()))
        .collect();
    let has = |action: &str| logged.iter().any(|entry| entry.action == action);
    let state = if has(log::CONTENT_WITHDRAW) {
        ContentState::Withdrawn
    } else if has(log::CONTENT_PUBLISH) {
        ContentState::Published
    } else {
        ContentState::Draft
    };
    let is_own = logged.iter().all(|entry| entry.owner_did == row.owner_did.as_str());
    let count = i64::try_from(announced.len()).unwrap_or(i64::MAX);
    if !is_own || count != row.latest || state.as_str() != row.state {
        findings.push(finding("works", row.id.as_str(), "it is not as the log says"));
    }
    let versions: Vec<VersionRow> = work_versions::table
        .filter(work_versions::content_id.eq(row.id))
        .order_by(work_versions::number)
        .select(VersionRow::as_select())
        .load(conn)?;
    if i64::try_from(versions.len()).unwrap_or(i64::MAX) != row.latest {
        findings.push(finding("work_versions", row.id.as_str(), "a version is missing"));
    }
    for (version, entry) in versions.iter().zip(announced) {
        let said: Option<Announced> = entry.body.as_deref().and_then(|body| serde_json::from_slice(body).ok());
        let fits = said.is_none_or(|said| {
            said.manifest == version.manifest_id && said.sha256 == version.sha256 && said.size == version.size
        });
        if !fits || version.owner_did != row.owner_did {
            findings.push(finding(
                "work_versions",
                &version.row_key(),
                "it is not the version that was announced",
            ));
        }
    }
    Ok(())
}

fn accesses_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut last = (String::new(), String::new());
    loop {
        let later = work_accesses::content_id.gt(&last.0).or(work_accesses::content_id
            .eq(&last.0)
            .and(work_accesses::checkout_id.gt(&last.1)));
        let rows: Vec<AccessRow> = work_accesses::table
            .filter(later)
            .order_by((work_accesses::content_id, work_accesses::checkout_id))
            .limit(PAGE)
            .select(AccessRow::as_select())
            .load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        last = (end.content_id.to_string(), end.checkout_id.to_string());
        for row in rows {
            let object = log::access_object(row.content_id, row.checkout_id);
            let logged = mutation::last_body(conn, &object)?.and_then(|entry| entry.body);
            let said: Option<AccessLogged> = logged.and_then(|body| serde_json::from_slice(&body).ok());
            if said != Some(AccessLogged::of(&row)) {
                findings.push(finding("work_accesses", &row.row_key(), "it is not as the log says"));
            }
        }
    }
}

/// What the log tells of is there.
fn missing_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    for (prefix, table) in [(log::WORK_PREFIX, "works"), (log::ACCESS_PREFIX, "work_accesses")] {
        let mut after: Option<String> = None;
        loop {
            let page = mutation::last_bodies(conn, prefix, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.object.clone());
            for logged in &page {
                let name = logged.object.strip_prefix(prefix).unwrap_or_default();
                let count: i64 = match name.split_once('/') {
                    Some((content, checkout)) => work_accesses::table
                        .find((content, checkout))
                        .count()
                        .get_result(conn)?,
                    None => works::table.find(name).count().get_result(conn)?,
                };
                if count == 0 {
                    findings.push(finding(table, name, "the row is missing"));
                }
            }
        }
    }
    Ok(())
}

/// What was looked at of the works' bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesAudit {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// How many files have the length that they should have.
    pub files: u64,
    /// How many bytes were hashed.
    pub bytes_hashed: u64,
}

/// Checks that the bytes of every stored version are there with their length, and hashes up to `hash_bytes_max` of
/// them. Where it begins to hash depends on the time, so that a node with more bytes than that has all of them looked
/// at over some runs.
///
/// # Errors
/// When the database does not answer; what is wrong with a file is a finding.
pub fn files_audit(conn: &mut Conn, dir: &Path, env: &Env, hash_bytes_max: u64) -> Result<FilesAudit, StoreError> {
    let mut blobs: Vec<(String, i64)> = work_versions::table
        .filter(work_versions::stored_at.is_not_null())
        .select((work_versions::sha256, work_versions::size))
        .distinct()
        .order_by(work_versions::sha256)
        .load(conn)?;
    let start = usize::try_from(env.now().as_days()).unwrap_or(0);
    let first = start.checked_rem(blobs.len()).unwrap_or(0);
    blobs.rotate_left(first);
    let mut audit = FilesAudit::default();
    for (sha256, size) in blobs {
        let size = u64::try_from(size).unwrap_or(0);
        let is_hashed = audit.bytes_hashed.saturating_add(size) <= hash_bytes_max;
        match file_problem(dir, &sha256, size, is_hashed) {
            Ok(None) => {
                audit.files = audit.files.saturating_add(1);
                if is_hashed {
                    audit.bytes_hashed = audit.bytes_hashed.saturating_add(size);
                }
            }
            Ok(Some(problem)) => audit.findings.push(finding("files", &sha256, problem)),
            Err(error) => {
                tracing::warn!(%error, sha256, "the bytes of a work could not be read");
                audit
                    .findings
                    .push(finding("files", &sha256, "its bytes cannot be read"));
            }
        }
    }
    Ok(audit)
}

fn file_problem(dir: &Path, sha256: &str, size: u64, is_hashed: bool) -> io::Result<Option<&'static str>> {
    let mut file = match File::open(blob_path(dir, sha256)?) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some("its bytes are missing")),
        Err(error) => return Err(error),
    };
    if file.metadata()?.len() != size {
        return Ok(Some("its bytes have another length"));
    }
    if is_hashed && sha256_hex_of(&mut file)? != sha256 {
        return Ok(Some("its bytes were changed"));
    }
    Ok(None)
}
