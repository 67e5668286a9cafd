//! What `imajin verify` checks in the database of publisher.

use diesel::prelude::*;
use imajin_did::{Did, Keyring, PublicKey};
use imajin_fair::{Acceptance, Endorsement, Manifest};
use imajin_kernel::Env;
use imajin_store::mutation::{self, Keys, Logged, Writer, unproven_text};
use imajin_store::{Conn, Finding, SealedRow, Sealer, StoreError};

use crate::rows::{
    AccessRow, ChainRow, ChargeRow, ClaimRow, DisputeRow, FeedbackRow, HeadRow, ManifestRow, RecordRow, StatementKind,
    StatementRow, VersionRow, WorkRow,
};
use crate::schema::{manifests, statements};
use crate::{PublisherError, SERVICE, audit_gate, audit_works, log};

/// How many rows are looked at together: the memory does not grow with the tables.
const PAGE: i64 = 64;

/// Recomputes everything that the database of publisher can show about itself:
///
/// - the seal of every row, and the mutation log with its proofs;
/// - each manifest against its id, its digest, its author's signature, and who brought it;
/// - each countersignature and endorsement against the manifest that it is for;
/// - that every manifest that somebody published is there;
/// - the records of each gate, against their hashes and what the node has signed, and what was paid there;
/// - each work, each of its versions and each payment for it against the log. The bytes of works are in files:
///   [`crate::files_audit`].
///
/// `keys` gives the keys that a DID has or had; one that the DID itself contains need not be among them. What
/// somebody without a known key has signed, a `did:web` of elsewhere, is covered by its seal alone. Run it in a
/// transaction of a reader to look at one moment.
///
/// # Errors
/// For what stopped the audit; what is wrong with a row is a finding.
pub fn audit(conn: &mut Conn, keyring: &Keyring, env: &Env, keys: Keys<'_>) -> Result<Vec<Finding>, StoreError> {
    let sealer = Sealer::for_service(keyring, SERVICE);
    let mut findings = Vec::new();
    ManifestRow::audit(conn, &sealer, &mut findings)?;
    StatementRow::audit(conn, &sealer, &mut findings)?;
    WorkRow::audit(conn, &sealer, &mut findings)?;
    VersionRow::audit(conn, &sealer, &mut findings)?;
    AccessRow::audit(conn, &sealer, &mut findings)?;
    ChargeRow::audit(conn, &sealer, &mut findings)?;
    ChainRow::audit(conn, &sealer, &mut findings)?;
    HeadRow::audit(conn, &sealer, &mut findings)?;
    RecordRow::audit(conn, &sealer, &mut findings)?;
    ClaimRow::audit(conn, &sealer, &mut findings)?;
    DisputeRow::audit(conn, &sealer, &mut findings)?;
    FeedbackRow::audit(conn, &sealer, &mut findings)?;
    let writer = Writer::new(SERVICE, keyring.clone(), sealer, env.clone());
    imajin_store::audit(conn, &writer, keys, &mut findings)?;
    // A row that was changed is named above; one that cannot be read would stop what follows.
    if findings.is_empty() {
        manifests_check(conn, keys, &mut findings)?;
        log_check(conn, &mut findings)?;
        audit_works::works_check(conn, &mut findings)?;
        audit_gate::gates_check(conn, keyring, &mut findings)?;
    }
    Ok(findings)
}

pub(crate) fn finding(table: &str, row: &str, problem: &str) -> Finding {
    Finding::new(SERVICE, table, row.to_owned(), problem)
}

fn manifests_check(conn: &mut Conn, keys: Keys<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = manifests::table
            .filter(manifests::id.gt(&after))
            .order_by(manifests::id)
            .limit(PAGE);
        let rows: Vec<ManifestRow> = query.select(ManifestRow::as_select()).load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after.clone_from(&last.id);
        for row in rows {
            let Ok(manifest) = row.manifest() else {
                findings.push(finding("manifests", &row.id, "its document cannot be read"));
                continue;
            };
            if let Some(problem) = manifest_problem(&row, &manifest, keys) {
                findings.push(finding("manifests", &row.id, &problem));
            }
            let logged = mutation::history(conn, &log::manifest_object(&manifest.id))?;
            if !publication_agrees(&row, &logged) {
                findings.push(finding("manifests", &row.id, "the log does not say who published it"));
            }
            statements_check(conn, &manifest, keys, findings)?;
        }
    }
}

fn manifest_problem(row: &ManifestRow, manifest: &Manifest, keys: Keys<'_>) -> Option<String> {
    let differs = if manifest.id.as_str() != row.id || !manifest.is_pinned() {
        Some("its content does not give its id")
    } else if manifest.digest_hex().ok().as_ref() != Some(&row.digest) {
        Some("its digest is another document's")
    } else if manifest.title != row.title || manifest.kind != row.kind {
        Some("it is listed as something else")
    } else if manifest.signer().map(Did::canonical).as_ref() != Some(&row.author_did) {
        Some("its author is not who signed it")
    } else {
        None
    };
    let unproven = || signature_problem(&row.author_did, keys, |key| manifest.verify_signature(key).is_ok());
    differs.map(str::to_owned).or_else(unproven)
}

/// What is said of a signature that no known key of `did` has made. Of somebody without a known key nothing is said.
fn signature_problem(did: &Did, keys: Keys<'_>, holds: impl Fn(&PublicKey) -> bool) -> Option<String> {
    let signers = keys_of(did, keys);
    let is_signed = signers.is_empty() || signers.iter().any(holds);
    (!is_signed).then(|| unproven_text(did))
}

fn publication_agrees(row: &ManifestRow, logged: &[Logged]) -> bool {
    let first = logged.iter().find(|entry| entry.action == log::FAIR_PUBLISH);
    match (&row.published_by, first) {
        (None, None) => true,
        (Some(by), Some(entry)) => entry.owner_did == by.as_str(),
        _ => false,
    }
}

fn statements_check(
    conn: &mut Conn,
    manifest: &Manifest,
    keys: Keys<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let rows: Vec<StatementRow> = statements::table
        .filter(statements::manifest_id.eq(manifest.id.as_str()))
        .select(StatementRow::as_select())
        .load(conn)?;
    for row in rows {
        let problem = statement_problem(&row, manifest, keys);
        let problem = problem.unwrap_or_else(|_unreadable| Some("it cannot be read".to_owned()));
        if let Some(problem) = problem {
            findings.push(finding("statements", &row.key_text(), &problem));
        }
    }
    Ok(())
}

fn statement_problem(
    row: &StatementRow,
    manifest: &Manifest,
    keys: Keys<'_>,
) -> Result<Option<String>, PublisherError> {
    let is_acceptance = row.kind == StatementKind::Acceptance.as_str();
    let (by, unproven) = if is_acceptance {
        let acceptance: Acceptance = row.message()?;
        let holds = |key: &PublicKey| acceptance.verify(manifest, key).is_ok();
        let unproven = signature_problem(&row.did, keys, holds);
        (acceptance.contributor().canonical(), unproven)
    } else {
        let endorsement: Endorsement = row.message()?;
        let holds = |key: &PublicKey| endorsement.verify(manifest, key).is_ok();
        let unproven = signature_problem(&row.did, keys, holds);
        (endorsement.endorser().canonical(), unproven)
    };
    if by != row.did {
        return Ok(Some("somebody else has signed it".to_owned()));
    }
    Ok(unproven)
}

/// The keys of a DID: those that the caller knows, and the one that the DID contains.
fn keys_of(did: &Did, keys: Keys<'_>) -> Vec<PublicKey> {
    let mut all = keys(did);
    all.extend(did.public_key());
    all
}

/// Each manifest that somebody published is there.
fn log_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after: Option<String> = None;
    loop {
        let page = mutation::last_bodies(conn, log::MANIFEST_PREFIX, after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.object.clone());
        for logged in &page {
            let id = logged.object.strip_prefix(log::MANIFEST_PREFIX).unwrap_or_default();
            let count: i64 = manifests::table.find(id).count().get_result(conn)?;
            if count == 0 {
                findings.push(finding("manifests", id, "the row is missing"));
            }
        }
    }
}
