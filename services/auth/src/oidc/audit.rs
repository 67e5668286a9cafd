//! What `imajin verify` checks in the tables of the OpenID Provider.

use diesel::prelude::*;
use imajin_did::Keyring;
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Finding, SealedRow, Sealer};
use serde_json::json;

use super::clients::{ACTION_ADD, ACTION_REMOVE};
use super::grants::{ACTION_ALLOW, ACTION_REVOKE, ConsentBody};
use super::keys::key_fits;
use super::metadata::ClientMetadata;
use super::rows::{OidcClientRow, OidcCodeRow, OidcGrantRow, OidcKeyRow, OidcTokenRow};
use crate::SERVICE;
use crate::schema::{oidc_clients, oidc_grants, oidc_keys};

const PAGE: i64 = 256;

/// The seal of every row.
pub(crate) fn rows_audit(conn: &mut Conn, sealer: &Sealer, findings: &mut Vec<Finding>) -> QueryResult<()> {
    OidcKeyRow::audit(conn, sealer, findings)?;
    OidcClientRow::audit(conn, sealer, findings)?;
    OidcGrantRow::audit(conn, sealer, findings)?;
    OidcCodeRow::audit(conn, sealer, findings)?;
    OidcTokenRow::audit(conn, sealer, findings)
}

/// The rows against the log and the keys against their seals; once every row can be read.
pub(crate) fn content_audit(conn: &mut Conn, keyring: &Keyring, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let keys: Vec<OidcKeyRow> = oidc_keys::table.select(OidcKeyRow::as_select()).load(conn)?;
    for row in keys.iter().filter(|row| !key_fits(keyring, row)) {
        let problem = "the sealed key does not open, or is another one";
        findings.push(Finding::new(SERVICE, "oidc_keys", &row.kid, problem));
    }
    clients_audit(conn, findings)?;
    grants_audit(conn, findings)
}

fn clients_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<OidcClientRow> = oidc_clients::table.select(OidcClientRow::as_select()).load(conn)?;
    for row in rows {
        let logged = mutation::last_body(conn, &row.client_id.to_string())?;
        if !logged.is_some_and(|logged| client_fits(&row, &logged)) {
            let id = row.client_id.to_string();
            findings.push(Finding::new(
                SERVICE,
                "oidc_clients",
                &id,
                "it is not what was registered",
            ));
        }
    }
    Ok(())
}

fn client_fits(row: &OidcClientRow, logged: &Logged) -> bool {
    match logged.action.as_str() {
        ACTION_REMOVE => row.deleted_at.is_some(),
        ACTION_ADD if row.deleted_at.is_none() && logged.owner_did == row.owner_did.as_str() => {
            // An erased body leaves nothing to compare with.
            let Some(body) = &logged.body else { return true };
            let said = serde_json::from_slice::<ClientMetadata>(body).ok();
            let said = said.and_then(|metadata| metadata.check().ok());
            said.is_some_and(|said| {
                let redirects = json!(said.redirect_uris).to_string();
                let logouts = json!(said.logout_uris).to_string();
                row.name == said.name
                    && (&row.redirect_uris, &row.logout_uris) == (&redirects, &logouts)
                    && row.auth_method == said.auth_method
                    && row.algorithm == said.algorithm.name()
            })
        }
        _ => false,
    }
}

fn grants_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let mut after = String::new();
    loop {
        let rows: Vec<OidcGrantRow> = oidc_grants::table
            .filter(oidc_grants::id.gt(after.clone()))
            .order(oidc_grants::id)
            .limit(PAGE)
            .select(OidcGrantRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id.to_string();
        for row in rows {
            let id = row.id.to_string();
            let logged = mutation::last_body(conn, &id)?;
            if !logged.is_some_and(|logged| grant_fits(&row, &logged)) {
                findings.push(Finding::new(SERVICE, "oidc_grants", &id, "it is not what was signed"));
            }
        }
    }
}

fn grant_fits(row: &OidcGrantRow, logged: &Logged) -> bool {
    if logged.owner_did != row.owner_did.as_str() || row.owner_did != row.did {
        return false;
    }
    match logged.action.as_str() {
        ACTION_REVOKE => row.deleted_at.is_some(),
        ACTION_ALLOW if row.deleted_at.is_none() => {
            let Some(body) = &logged.body else { return true };
            let said = serde_json::from_slice::<ConsentBody>(body).ok();
            said.is_some_and(|said| {
                said.client_id == row.client_id.to_string() && said.asked == row.asked && said.scope == row.scope
            })
        }
        _ => false,
    }
}
