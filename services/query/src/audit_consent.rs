//! What `imajin verify` checks of consent.

use diesel::prelude::*;
use imajin_store::mutation::{self, Keys};
use imajin_store::{Conn, Finding, StoreError};

use crate::audit::{PAGE, finding, known};
use crate::domain::grants::{GRANT_GIVE, GRANT_REVOKE, grant_object};
use crate::rows::GrantRow;
use crate::schema::grants;

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
