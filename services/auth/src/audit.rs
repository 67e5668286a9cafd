//! What `imajin verify` checks in auth's database.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::{Did, Keyring, PublicKey, Sealed, SecretKey};
use imajin_kernel::Env;
use imajin_proof::token::key_id;
use imajin_store::mutation::{self, Logged, Writer};
use imajin_store::{Conn, Finding, SealedRow, Sealer, StoreError};
use serde_json::Value;

use crate::SERVICE;
use crate::attestations::attestations_audit;
use crate::claims::claims_audit;
use crate::custodial::custodial_label;
use crate::handle::Handle;
use crate::handles::{Chosen, chosen_handle, handles_audit};
use crate::identities::CUSTODY_NODE;
use crate::key_log;
use crate::key_log::audit::key_logs_audit;
use crate::registration::{RegisterBody, Registration};
use crate::residents::{settled_find, visitor_or_resident_fits};
use crate::rows::{
    AttestationRow, ChallengeUseRow, CustodialKeyRow, DevelopmentMailRow, DeviceRequestRow, DeviceRow, HandleRow,
    IdentityAliasRow, IdentityClaimRow, IdentityRow, KeyLogEntryRow, KeyLogReceiptRow, MailboxAliasRow,
    MailboxProofRow, MirroredLogRow, NodeRoleRow, SessionKeyRow, SessionRow, SetupTokenRow,
};
use crate::schema::{custodial_keys, identities, node_roles, session_keys};
use crate::session_keys::{public_key_of, seal_label};
use crate::{federation, registration, setup, soft};

const PAGE: i64 = 256;

/// Recomputes everything that auth's database can show about itself: the seal of every row, the mutation log with its
/// proofs, the identities against what was logged, and that each sealed key opens and is the right one.
///
/// Run it in a transaction of a reader to look at one moment.
///
/// # Errors
/// For what stopped the audit; what is wrong with a row is a finding.
pub fn audit(conn: &mut Conn, keyring: &Keyring, env: &Env) -> Result<Vec<Finding>, StoreError> {
    let sealer = Sealer::for_service(keyring, SERVICE);
    let mut findings = Vec::new();
    IdentityRow::audit(conn, &sealer, &mut findings)?;
    HandleRow::audit(conn, &sealer, &mut findings)?;
    IdentityAliasRow::audit(conn, &sealer, &mut findings)?;
    MailboxAliasRow::audit(conn, &sealer, &mut findings)?;
    CustodialKeyRow::audit(conn, &sealer, &mut findings)?;
    SessionKeyRow::audit(conn, &sealer, &mut findings)?;
    SessionRow::audit(conn, &sealer, &mut findings)?;
    ChallengeUseRow::audit(conn, &sealer, &mut findings)?;
    MailboxProofRow::audit(conn, &sealer, &mut findings)?;
    DevelopmentMailRow::audit(conn, &sealer, &mut findings)?;
    SetupTokenRow::audit(conn, &sealer, &mut findings)?;
    NodeRoleRow::audit(conn, &sealer, &mut findings)?;
    KeyLogEntryRow::audit(conn, &sealer, &mut findings)?;
    KeyLogReceiptRow::audit(conn, &sealer, &mut findings)?;
    MirroredLogRow::audit(conn, &sealer, &mut findings)?;
    DeviceRow::audit(conn, &sealer, &mut findings)?;
    DeviceRequestRow::audit(conn, &sealer, &mut findings)?;
    AttestationRow::audit(conn, &sealer, &mut findings)?;
    IdentityClaimRow::audit(conn, &sealer, &mut findings)?;
    crate::rows::PeerRuleRow::audit(conn, &sealer, &mut findings)?;
    crate::rows::NoticeRow::audit(conn, &sealer, &mut findings)?;
    crate::rows::NoticeSettingRow::audit(conn, &sealer, &mut findings)?;
    crate::rows::MoveRow::audit(conn, &sealer, &mut findings)?;
    crate::oidc::audit::rows_audit(conn, &sealer, &mut findings)?;
    crate::passkeys::rows::PasskeyRow::audit(conn, &sealer, &mut findings)?;
    federation::rows::FederationLinkRow::audit(conn, &sealer, &mut findings)?;
    let writer = Writer::new(SERVICE, keyring.clone(), sealer, env.clone());
    // The key that a DID is always counts; the others are in its log.
    let keys = key_log::keys_ever(conn)?;
    let keys_of = |did: &Did| keys.get(did).cloned().unwrap_or_default();
    imajin_store::audit(conn, &writer, &keys_of, &mut findings)?;
    // A row that cannot be read was named above, and would stop the checks below.
    if findings.is_empty() {
        identities_audit(conn, &mut findings)?;
        key_logs_audit(conn, writer.sealer(), env.now(), &mut findings)?;
        roles_audit(conn, &mut findings)?;
        session_keys_audit(conn, keyring, &mut findings)?;
        custodial_keys_audit(conn, keyring, &mut findings)?;
        attestations_audit(conn, &mut findings)?;
        claims_audit(conn, &mut findings)?;
        handles_audit(conn, &mut findings)?;
        crate::peers::peer_rules_audit(conn, &mut findings)?;
        crate::notices::settings_audit(conn, &mut findings)?;
        crate::moves::moves_audit(conn, &mut findings)?;
        crate::oidc::audit::content_audit(conn, keyring, &mut findings)?;
        federation::audit::links_audit(conn, &mut findings)?;
        crate::passkeys::audit::passkeys_audit(conn, &mut findings)?;
    }
    Ok(findings)
}

pub(crate) fn finding(table: &str, row: &str, problem: &str) -> Finding {
    Finding::new(SERVICE, table, row, problem)
}

/// Each identity must be what its registration said.
fn identities_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let mut after = String::new();
    loop {
        let rows: Vec<IdentityRow> = identities::table
            .filter(identities::did.gt(after.clone()))
            .order(identities::did)
            .limit(PAGE)
            .select(IdentityRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        last.did.as_str().clone_into(&mut after);
        for row in rows {
            let logged = mutation::last_body(conn, row.did.as_str())?;
            let chosen = chosen_handle(conn, &row.did)?;
            let came = logged
                .as_ref()
                .filter(|logged| logged.action == federation::arrive::ACTION_LINK);
            let settled = came.map(|_linked| settled_find(conn, &row)).transpose()?.flatten();
            let later = (chosen.as_ref(), settled.as_ref());
            if !logged.is_some_and(|logged| is_as_logged(&row, &logged, later)) {
                findings.push(finding("identities", row.did.as_str(), "it is not what was registered"));
            }
        }
    }
}

fn is_as_logged(row: &IdentityRow, logged: &Logged, (chosen, settled): (Option<&Chosen>, Option<&Logged>)) -> bool {
    let owner_fits = logged.owner_did == row.did.as_str() && row.owner_did == row.did;
    // An erased body leaves nothing to compare with; that it was erased is in the log itself.
    let Some(body) = &logged.body else { return owner_fits };
    match logged.action.as_str() {
        registration::ACTION => {
            let parsed = serde_json::from_slice::<RegisterBody>(body).ok();
            let said = parsed.and_then(|body| Registration::parse(&body).ok());
            owner_fits && said.is_some_and(|said| registration_fits(row, &said, chosen))
        }
        soft::ACTION_CREATE => {
            let said: Option<Value> = serde_json::from_slice(body).ok();
            let said = |name: &str| said.as_ref()?.get(name)?.as_str().map(str::to_owned);
            owner_fits
                && said("did").as_deref() == Some(row.did.as_str())
                && said("type").as_deref() == Some(row.kind.as_str())
                && said("custody").as_deref() == Some(row.custody.as_str())
                && key_is_did(&row.public_key, &row.did)
                && row.handle.is_none()
                && row.name.is_none()
        }
        federation::arrive::ACTION_LINK => owner_fits && visitor_or_resident_fits(row, logged, settled, chosen),
        _ => false,
    }
}

fn registration_fits(row: &IdentityRow, said: &Registration, chosen: Option<&Chosen>) -> bool {
    // Once there is a log of its keys, they are what that says.
    let keys_fit = row.key_state.is_some()
        || (row.public_key == said.key.as_bytes()
            && row.recovery_key == said.recovery_key
            && said.key_log.is_none()
            && row.deleted_at.is_none());
    // The handle can be changed later; the rest of what was said stays.
    let handle_fits = match chosen {
        None => row.handle.as_deref() == said.handle.as_ref().map(Handle::as_str),
        Some(chosen) => chosen.fits(row.handle.as_deref()),
    };
    said.did == row.did
        && keys_fit
        && row.custody != CUSTODY_NODE
        && handle_fits
        && (&row.kind, &row.name) == (&said.kind, &said.name)
}

fn key_is_did(bytes: &[u8], did: &Did) -> bool {
    public_key_of(bytes).is_some_and(|key: PublicKey| key.did() == *did)
}

/// The operator must be whoever signed the claim.
fn roles_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<NodeRoleRow> = node_roles::table.select(NodeRoleRow::as_select()).load(conn)?;
    for row in rows {
        let logged = mutation::last_body(conn, setup::OBJECT)?;
        let fits = logged.is_some_and(|logged| logged.owner_did == row.did.as_str() && logged.action == setup::ACTION);
        if !fits {
            findings.push(finding("node_roles", &row.role, "nobody has signed for it"));
        }
    }
    Ok(())
}

fn opens_to(keyring: &Keyring, label: &str, sealed: Vec<u8>) -> Option<SecretKey> {
    keyring.open_key(label, &Sealed::from_bytes(sealed)).ok()
}

fn session_keys_audit(conn: &mut Conn, keyring: &Keyring, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<SessionKeyRow> = session_keys::table.select(SessionKeyRow::as_select()).load(conn)?;
    for row in rows {
        let key = opens_to(keyring, &seal_label(&row.kid), row.sealed_key);
        let fits = key.is_some_and(|key| {
            key.public().as_bytes().as_slice() == row.public_key && key_id(&key.public()) == row.kid
        });
        if !fits {
            findings.push(finding(
                "session_keys",
                &row.kid,
                "the sealed key does not open, or is another one",
            ));
        }
    }
    Ok(())
}

/// Each soft identity must have its key, and each key its soft identity.
fn custodial_keys_audit(conn: &mut Conn, keyring: &Keyring, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let soft: Vec<Did> = identities::table
        .filter(identities::custody.eq(CUSTODY_NODE))
        .select(identities::did)
        .load(conn)?;
    let rows: Vec<CustodialKeyRow> = custodial_keys::table.select(CustodialKeyRow::as_select()).load(conn)?;
    let mut keys: BTreeMap<Did, Vec<u8>> = rows.into_iter().map(|row| (row.did, row.sealed_key)).collect();
    for did in soft {
        match keys.remove(&did) {
            None => findings.push(finding(
                "custodial_keys",
                did.as_str(),
                "the key of a soft identity is missing",
            )),
            Some(sealed) => {
                let key = opens_to(keyring, &custodial_label(&did), sealed);
                if key.is_none_or(|key| key.did() != did) {
                    let problem = "the sealed key does not open, or is another one";
                    findings.push(finding("custodial_keys", did.as_str(), problem));
                }
            }
        }
    }
    for did in keys.keys() {
        findings.push(finding(
            "custodial_keys",
            did.as_str(),
            "its identity holds its own key",
        ));
    }
    Ok(())
}
