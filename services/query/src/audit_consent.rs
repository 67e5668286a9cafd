//! What `imajin verify` checks of consent.

use diesel::prelude::*;
use imajin_consent::{ConsentProfile, Declaration};
use imajin_did::PublicKey;
use imajin_mjn::Evidence;
use imajin_query_api::{UseReceipt, UseRecord};
use imajin_store::mutation::{self, Keys};
use imajin_store::{Conn, Finding, StoreError};

use crate::audit::{PAGE, finding, known};
use crate::domain::disclose::{USE_MAKE, use_object};
use crate::domain::grants::{GRANT_GIVE, GRANT_REVOKE, grant_object};
use crate::domain::profiles::{PROFILE_SET, profile_object};
use crate::domain::records::{LOG_READ, RECORD_COPY, RECORD_KEEP, digest_of, reading_object, record_object};
use crate::rows::{GrantRow, ProfileRow, ReadingRow, RecordRow, UseRow};
use crate::schema::{grants, profiles, readings, records, uses};

/// Grants against what their subjects have signed: each document by its name and signature, each revocation by the
/// grant that it names.
pub(crate) fn grants_check(conn: &mut Conn, keys: Keys<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = grants::table.filter(grants::digest.gt(&after));
        let rows: Vec<GrantRow> = query
            .order_by(grants::digest)
            .limit(PAGE)
            .select(GrantRow::as_select())
            .load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        after.clone_from(&end.digest);
        for row in rows {
            if !is_signed(&row, keys) {
                let problem = "it is not what its subject has signed";
                findings.push(finding("grants", &row.digest, problem));
            }
            let logged = mutation::history(conn, &grant_object(&row.digest))?;
            let is_own = logged.iter().all(|entry| entry.owner_did == row.owner_did.as_str());
            let is_given = logged.first().is_some_and(|entry| entry.action == GRANT_GIVE);
            let is_revoked = logged.iter().any(|entry| entry.action == GRANT_REVOKE);
            if !is_own || !is_given || is_revoked != row.revoked_at.is_some() {
                let problem = "it is not as its subject last wanted it";
                findings.push(finding("grants", &row.digest, problem));
            }
        }
    }
}

fn is_signed(row: &GrantRow, keys: Keys<'_>) -> bool {
    let (Ok(grant), Ok(revocation)) = (row.grant(), row.revocation()) else {
        return false;
    };
    let keys = known(keys, &row.owner_did);
    let is_named = grant.digest().is_ok_and(|digest| digest == row.digest);
    let is_own = grant.payload().subject.is_equivalent(&row.owner_did);
    let is_ended = revocation.is_some() == row.revoked_at.is_some();
    let is_valid = keys.is_empty()
        || grant.verify(&keys).is_ok() && revocation.is_none_or(|revocation| revocation.verify(&grant, &keys).is_ok());
    is_named && is_own && is_ended && is_valid
}

/// Profiles against what their owners have signed last.
pub(crate) fn profiles_check(conn: &mut Conn, keys: Keys<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = profiles::table.filter(profiles::owner_did.gt(&after));
        let rows: Vec<ProfileRow> = query
            .order_by(profiles::owner_did)
            .limit(PAGE)
            .select(ProfileRow::as_select())
            .load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        after = end.owner_did.to_string();
        for row in rows {
            let keys = known(keys, &row.owner_did);
            let said = row.profile().ok();
            let is_signed = said.as_ref().is_some_and(|said| {
                said.0.from.is_equivalent(&row.owner_did) && (keys.is_empty() || said.verify(&keys).is_ok())
            });
            let last = mutation::last_body(conn, &profile_object(&row.owner_did))?;
            let is_last = last.is_some_and(|last| {
                let logged = |body: Vec<u8>| serde_json::from_slice::<ConsentProfile>(&body).ok();
                last.action == PROFILE_SET
                    && last.owner_did == row.owner_did.as_str()
                    && last.body.is_none_or(|body| logged(body) == said)
            });
            if !is_signed || !is_last {
                let problem = "it is not the profile that was signed last";
                findings.push(finding("profiles", &row.owner_did, problem));
            }
        }
    }
}

/// Uses against their receipts, the log, what the askers have signed, and the grants that have allowed them.
pub(crate) fn uses_check(
    conn: &mut Conn,
    keys: Keys<'_>,
    node: &PublicKey,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = uses::table.filter(uses::id.gt(&after)).order_by(uses::id);
        let rows: Vec<UseRow> = query.limit(PAGE).select(UseRow::as_select()).load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        after = end.id.to_string();
        for row in rows {
            let last = mutation::last_body(conn, &use_object(&row.id))?;
            let is_logged = last.is_some_and(|last| {
                last.action == USE_MAKE
                    && last.owner_did == row.owner_did.as_str()
                    && last.body.is_none_or(|body| body == row.receipt.as_bytes())
            });
            if !is_logged || !is_receipted(&row, node) || !is_declared(&row, keys) {
                findings.push(finding("uses", &row.id, "it is not the use of its receipt"));
            }
            if !is_granted(conn, &row)? {
                findings.push(finding("uses", &row.id, "no grant has allowed it"));
            }
        }
    }
}

/// Whether the node has signed the receipt for this very use.
fn is_receipted(row: &UseRow, node: &PublicKey) -> bool {
    row.receipt().is_ok_and(|receipt| {
        let said = &receipt.payload;
        receipt.verify(UseReceipt::KIND, node).is_ok()
            && said.id == row.id
            && said.subject == row.owner_did
            && said.asker == row.asker_did
            && said.used_at == row.created_at
    })
}

/// Whether the asker has declared this use.
fn is_declared(row: &UseRow, keys: Keys<'_>) -> bool {
    let evidence: Option<Evidence> = serde_json::from_str(&row.evidence).ok();
    let declared = evidence.and_then(|evidence| Declaration::from_value(evidence.consent).ok());
    let (Some(declared), Ok(receipt)) = (declared, row.receipt()) else {
        return false;
    };
    let keys = known(keys, &row.asker_did);
    if keys.is_empty() {
        return true;
    }
    declared.verify_stored(&keys).is_ok_and(|verified| {
        verified.consumer() == row.asker_did
            && verified.declaration().scope() == Some(receipt.payload.purpose.as_str())
            && hex::encode(verified.digest()) == receipt.payload.declaration
    })
}

/// Whether the grants of the receipt are the person's, to be used so, and were not revoked before.
fn is_granted(conn: &mut Conn, row: &UseRow) -> Result<bool, StoreError> {
    let Ok(receipt) = row.receipt() else { return Ok(false) };
    let said = receipt.payload;
    let mut granted = Vec::new();
    for digest in &said.grants {
        let found: Option<GrantRow> = grants::table
            .find(digest)
            .select(GrantRow::as_select())
            .first(conn)
            .optional()?;
        let in_force = found.filter(|grant| {
            grant.owner_did == row.owner_did && grant.revoked_at.is_none_or(|revoked| revoked >= said.used_at)
        });
        granted.extend(in_force.and_then(|grant| grant.grant().ok()));
    }
    let covers = |field: &imajin_consent::FieldPath| {
        granted.iter().any(|grant| {
            let payload = grant.payload();
            payload.purpose == said.purpose && payload.fields.iter().any(|one| one.covers(field))
        })
    };
    Ok(granted.len() == said.grants.len() && said.fields.iter().all(covers))
}

/// Records of askers against what they have signed, and the log.
pub(crate) fn records_check(conn: &mut Conn, keys: Keys<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = records::table.filter(records::digest.gt(&after));
        let rows: Vec<RecordRow> = query
            .order_by(records::digest)
            .limit(PAGE)
            .select(RecordRow::as_select())
            .load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        after.clone_from(&end.digest);
        for row in rows {
            let keys = known(keys, &row.owner_did);
            let is_signed = row.record().is_ok_and(|record| {
                let said = &record.payload;
                digest_of(&record).is_ok_and(|digest| digest == row.digest)
                    && record.from.is_equivalent(&row.owner_did)
                    && said.subject.is_equivalent(&row.subject_did)
                    && said.node.is_equivalent(&row.node_did)
                    && (keys.is_empty() || record.verify_any(UseRecord::KIND, &keys).is_ok())
            });
            let logged = mutation::history(conn, &record_object(&row.digest))?;
            let is_own = logged.iter().all(|entry| entry.owner_did == row.owner_did.as_str());
            let has = |action: &str| logged.iter().any(|entry| entry.action == action);
            let is_kept = match &row.read_from {
                None => has(RECORD_KEEP),
                Some(_) => has(RECORD_COPY) && !has(RECORD_KEEP),
            };
            if !is_signed || !is_own || !is_kept {
                let problem = "it is not what its asker has signed and kept";
                findings.push(finding("records", &row.digest, problem));
            }
        }
    }
}

/// Readings of others' logs against the requests that wanted them.
pub(crate) fn readings_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let rows: Vec<ReadingRow> = readings::table.select(ReadingRow::as_select()).load(conn)?;
    for row in rows {
        let last = mutation::last_body(conn, &reading_object(&row.owner_did, &row.asker_did))?;
        let is_wanted = last.is_some_and(|last| last.action == LOG_READ && last.owner_did == row.owner_did.as_str());
        if !is_wanted {
            let key = format!("{}/{}", row.owner_did, row.asker_did);
            findings.push(finding("readings", &key, "nobody has asked for it"));
        }
    }
    Ok(())
}

/// Whether the row that an object of the log is about is there.
pub(crate) fn is_there(conn: &mut Conn, table: &str, key: &str) -> Result<bool, StoreError> {
    let count: i64 = match table {
        "grants" => grants::table.find(key).count().get_result(conn)?,
        "profiles" => profiles::table.find(key).count().get_result(conn)?,
        "records" => records::table.find(key).count().get_result(conn)?,
        "readings" => {
            let (owner, asker) = key.split_once('/').unwrap_or_default();
            readings::table.find((owner, asker)).count().get_result(conn)?
        }
        _ => uses::table.find(key).count().get_result(conn)?,
    };
    Ok(count > 0)
}
