//! What `imajin verify` checks about handles.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_store::{Conn, Finding, mutation};

use super::{ACTION, HandleBody, object_of};
use crate::audit::finding;
use crate::rows::HandleRow;
use crate::schema::{handles, identities};

/// What somebody has signed about their handle since the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// This one, or none any more.
    Said(Option<String>),
    /// What it was has been erased from the log.
    Erased,
    /// Somebody else has signed, or something else.
    Unreadable,
}

impl Chosen {
    /// Whether a handle can be what was chosen.
    pub(crate) fn fits(&self, handle: Option<&str>) -> bool {
        match self {
            Self::Said(said) => said.as_deref() == handle,
            Self::Erased => true,
            Self::Unreadable => false,
        }
    }
}

/// What somebody has signed about their handle; `None` for whoever has what they registered with.
pub(crate) fn chosen_handle(conn: &mut Conn, did: &Did) -> QueryResult<Option<Chosen>> {
    let Some(logged) = mutation::last_body(conn, &object_of(did))? else {
        return Ok(None);
    };
    if logged.action != ACTION || logged.owner_did != did.as_str() {
        return Ok(Some(Chosen::Unreadable));
    }
    let Some(body) = logged.body else {
        return Ok(Some(Chosen::Erased));
    };
    let said = serde_json::from_slice::<HandleBody>(&body).ok();
    let said = said.and_then(|body| body.parse().ok());
    Ok(Some(said.map_or(Chosen::Unreadable, |said| {
        Chosen::Said(said.text().map(str::to_owned))
    })))
}

/// Each handle that was not given up must be its identity's.
pub(crate) fn handles_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<HandleRow> = handles::table
        .filter(handles::left_at.is_null())
        .order(handles::handle)
        .select(HandleRow::as_select())
        .load(conn)?;
    for row in rows {
        let handle: Option<Option<String>> = identities::table
            .find(row.did)
            .select(identities::handle)
            .first(conn)
            .optional()?;
        if handle.flatten().as_deref() != Some(row.handle.as_str()) {
            findings.push(finding("handles", &row.handle, "it is not the handle of its identity"));
        }
    }
    Ok(())
}
