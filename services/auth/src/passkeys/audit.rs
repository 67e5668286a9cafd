//! What `imajin verify` checks about passkeys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Finding};

use super::authenticator::{Attestation, AuthenticatorData};
use super::rows::PasskeyRow;
use super::store::{ACTION_ADD, ACTION_REMOVE, AddBody};
use crate::SERVICE;
use crate::schema::passkeys;

const PAGE: i64 = 256;

/// Each passkey must be what its owner has signed for.
pub(crate) fn passkeys_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let mut after = String::new();
    loop {
        let rows: Vec<PasskeyRow> = passkeys::table
            .filter(passkeys::id.gt(after.clone()))
            .order(passkeys::id)
            .limit(PAGE)
            .select(PasskeyRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after.clone_from(&last.id);
        for row in rows {
            let logged = mutation::last_body(conn, &row.id)?;
            if !logged.is_some_and(|logged| is_as_signed(&row, &logged)) {
                findings.push(Finding::new(SERVICE, "passkeys", &row.id, "it is not what was signed"));
            }
        }
    }
}

fn is_as_signed(row: &PasskeyRow, logged: &Logged) -> bool {
    if logged.owner_did != row.owner_did.as_str() || row.owner_did != row.did {
        return false;
    }
    match logged.action.as_str() {
        ACTION_REMOVE => row.deleted_at.is_some(),
        ACTION_ADD if row.deleted_at.is_none() => match &logged.body {
            // An erased body leaves nothing to compare with.
            None => true,
            Some(body) => {
                said_key(body).is_some_and(|(name, key)| (name, key) == (row.name.clone(), row.public_key.clone()))
            }
        },
        _ => false,
    }
}

fn said_key(body: &[u8]) -> Option<(String, Vec<u8>)> {
    let said: AddBody = serde_json::from_slice(body).ok()?;
    let attestation = URL_SAFE_NO_PAD
        .decode(said.credential.response.attestation_object)
        .ok()?;
    let data = AuthenticatorData::read(&Attestation::read(&attestation)?.data)?;
    Some((said.name.trim().to_owned(), data.credential?.public_key))
}
