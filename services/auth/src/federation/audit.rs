//! What `imajin verify` checks about visitors.

use diesel::prelude::*;
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Finding};

use super::arrive::{ACTION_LINK, Linked};
use super::rows::FederationLinkRow;
use crate::SERVICE;
use crate::identities::CUSTODY_HOME;
use crate::rows::IdentityRow;
use crate::schema::federation_links;

fn said(logged: &Logged) -> Option<Linked> {
    serde_json::from_slice(logged.body.as_deref()?).ok()
}

/// Whether a visitor is who was linked.
pub(crate) fn visitor_fits(row: &IdentityRow, logged: &Logged) -> bool {
    said(logged).is_some_and(|said| {
        row.did == said.did
            && row.custody == CUSTODY_HOME
            && (&row.kind, &row.name) == (&said.kind, &said.name)
            && row.handle.is_none()
            && (row.key_state.is_some() || has_first_key(row))
    })
}

/// As long as nothing was seen of a log.
fn has_first_key(row: &IdentityRow) -> bool {
    let key = row.did.public_key();
    row.recovery_key.is_none()
        && row.deleted_at.is_none()
        && key.is_some_and(|key| key.as_bytes().as_slice() == row.public_key)
}

/// Each link must be what was logged when its visitor came first.
pub(crate) fn links_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<FederationLinkRow> = federation_links::table
        .order(federation_links::did)
        .select(FederationLinkRow::as_select())
        .load(conn)?;
    for row in rows {
        let logged = mutation::last_body(conn, row.did.as_str())?;
        let fits = logged.is_some_and(|logged| {
            let erased = logged.body.is_none();
            logged.action == ACTION_LINK
                && (erased
                    || said(&logged).is_some_and(|said| said.home == row.home_did && said.home_url == row.home_url))
        });
        if !fits {
            findings.push(Finding::new(
                SERVICE,
                "federation_links",
                row.did.as_str(),
                "nobody came from there",
            ));
        }
    }
    Ok(())
}
