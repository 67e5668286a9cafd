//! What `imajin verify` checks in the database of profile.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_did::{Did, Keyring};
use imajin_kernel::Env;
use imajin_profile_api::ProfileSet;
use imajin_proof::digest::sha256_hex;
use imajin_store::mutation::{self, Keys, Logged, Writer};
use imajin_store::{Conn, Finding, SealedRow, Sealer, StoreError};

use crate::domain::draft::ProfileDraft;
use crate::domain::terms::terms_of;
use crate::rows::{AvatarRow, ProfileRow, TermRow};
use crate::schema::{avatars, profiles, search_terms};
use crate::{SERVICE, log};

/// How many rows are looked at together: the memory does not grow with the tables.
const PAGE: i64 = 256;

/// Recomputes everything that the database of profile can show about itself:
///
/// - the seal of every row, and the mutation log with its proofs;
/// - each profile against what its owner last signed, and what it is found by;
/// - that each picture has the hash that is its address, and is there only while its owner wants it.
///
/// `keys` gives the keys that a DID has or had; one that the DID itself contains need not be among them. Run it in a
/// transaction of a reader to look at one moment.
///
/// # Errors
/// For what stopped the audit; what is wrong with a row is a finding.
pub fn audit(conn: &mut Conn, keyring: &Keyring, env: &Env, keys: Keys<'_>) -> Result<Vec<Finding>, StoreError> {
    let sealer = Sealer::for_service(keyring, SERVICE);
    let mut findings = Vec::new();
    ProfileRow::audit(conn, &sealer, &mut findings)?;
    AvatarRow::audit(conn, &sealer, &mut findings)?;
    TermRow::audit(conn, &sealer, &mut findings)?;
    let writer = Writer::new(SERVICE, keyring.clone(), sealer, env.clone());
    imajin_store::audit(conn, &writer, keys, &mut findings)?;
    // A row that was changed is named above; one that cannot be read would stop what follows.
    if findings.is_empty() {
        profiles_check(conn, &mut findings)?;
        avatars_check(conn, &mut findings)?;
        log_check(conn, &mut findings)?;
    }
    Ok(findings)
}

fn finding(table: &str, row: &Did, problem: &str) -> Finding {
    Finding::new(SERVICE, table, row.to_string(), problem)
}

fn profiles_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = profiles::table
            .filter(profiles::did.gt(&after))
            .order_by(profiles::did)
            .limit(PAGE);
        let rows: Vec<ProfileRow> = query.select(ProfileRow::as_select()).load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.did.to_string();
        for row in rows {
            match mutation::last_body(conn, &log::profile_object(&row.did))? {
                Some(logged) if profile_agrees(&row, &logged) => {}
                _ => findings.push(finding(
                    "profiles",
                    &row.did,
                    "it does not say what its owner last signed",
                )),
            }
            terms_check(conn, &row, findings)?;
        }
    }
}

fn profile_agrees(row: &ProfileRow, logged: &Logged) -> bool {
    let owner_fits = row.owner_did == row.did && logged.owner_did == row.did.as_str();
    let is_empty = row.display_name.is_empty() && row.bio.is_none() && row.links == "[]" && row.contact == "{}";
    let fits = match logged.action.as_str() {
        log::PROFILE_DELETE => row.deleted_at.is_some() && is_empty && row.handle.is_none(),
        log::PROFILE_SET => row.deleted_at.is_none() && text_agrees(row, logged),
        _ => false,
    };
    owner_fits && fits
}

fn text_agrees(row: &ProfileRow, logged: &Logged) -> bool {
    // An erased body leaves nothing to compare with; that it was erased is in the log itself.
    let Some(body) = &logged.body else { return true };
    let said = serde_json::from_slice::<ProfileSet>(body).ok();
    let Some(draft) = said.and_then(|said| ProfileDraft::of(said).ok()) else {
        return false;
    };
    row.display_name == draft.display_name
        && row.bio == draft.bio
        && row.version == i64::from(draft.version).saturating_add(1)
        && row.links().is_ok_and(|links| links == draft.links)
        && row.contact().is_ok_and(|contact| contact == draft.contact)
}

fn terms_check(conn: &mut Conn, row: &ProfileRow, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let query = search_terms::table.filter(search_terms::did.eq(&row.did));
    let kept: Vec<String> = query.select(search_terms::term).load(conn)?;
    let due = terms_of(row.handle.as_deref(), &row.display_name);
    if kept.into_iter().collect::<BTreeSet<_>>() != due {
        findings.push(finding(
            "profiles",
            &row.did,
            "it is not found by its own name and handle",
        ));
    }
    Ok(())
}

fn avatars_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = avatars::table
            .filter(avatars::did.gt(&after))
            .order_by(avatars::did)
            .limit(16);
        let rows: Vec<AvatarRow> = query.select(AvatarRow::as_select()).load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.did.to_string();
        for row in rows {
            let last = mutation::last_body(conn, &log::avatar_object(&row.did))?;
            let Some(last) = last.filter(|last| last.owner_did == row.did.as_str() && row.owner_did == row.did) else {
                findings.push(finding("avatars", &row.did, "nobody has signed for it"));
                continue;
            };
            // With the profile went the picture, whatever was written since.
            let profile = mutation::history(conn, &log::profile_object(&row.did))?;
            let gone = profile.iter().any(|change| {
                change.action == log::PROFILE_DELETE && (change.logged_at, change.seq) > (last.logged_at, last.seq)
            });
            let wanted = last.action == log::AVATAR_SET && !gone;
            if wanted != row.deleted_at.is_none() {
                findings.push(finding("avatars", &row.did, "it is not as its owner last wanted it"));
            }
            if row.deleted_at.is_none() && row.hash != sha256_hex(&row.large) {
                findings.push(finding(
                    "avatars",
                    &row.did,
                    "its address is not the hash of the picture",
                ));
            }
        }
    }
}

/// Each profile and picture that somebody signed for is there.
fn log_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    for (prefix, action, table) in [
        ("profile/", log::PROFILE_SET, "profiles"),
        ("avatar/", log::AVATAR_SET, "avatars"),
    ] {
        let mut after: Option<String> = None;
        loop {
            let page = mutation::last_bodies(conn, prefix, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.object.clone());
            for logged in page.iter().filter(|logged| logged.action == action) {
                let did = logged.object.strip_prefix(prefix).unwrap_or_default();
                let count: i64 = match table {
                    "profiles" => profiles::table.filter(profiles::did.eq(did)).count().get_result(conn)?,
                    _ => avatars::table.filter(avatars::did.eq(did)).count().get_result(conn)?,
                };
                if count == 0 {
                    findings.push(Finding::new(SERVICE, table, did.to_owned(), "the row is missing"));
                }
            }
        }
    }
    Ok(())
}
