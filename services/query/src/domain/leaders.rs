//! The terms of leaders.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_query_api::TermsView;
use imajin_store::{Conn, SealedRow, for_update};

use super::documents::document_count;
use crate::QueryError;
use crate::context::{Change, Context};
use crate::rows::LeaderRow;
use crate::schema::leaders;

/// The action in the mutation log.
pub(crate) const TERMS_SET: &str = "terms.set";

/// The name of somebody's terms in the log.
pub(crate) fn terms_object(did: &Did) -> String {
    format!("terms/{did}")
}

/// Somebody's terms, if they have ever said any.
pub(crate) fn leader_find(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<LeaderRow>, QueryError> {
    let row: Option<LeaderRow> = leaders::table
        .find(did.canonical())
        .select(LeaderRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Somebody's terms as anybody reads them.
pub(crate) fn terms_of(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<TermsView>, QueryError> {
    let Some(row) = leader_find(conn, context, did)? else {
        return Ok(None);
    };
    Ok(Some(TermsView {
        terms: row.message()?,
        documents: document_count(conn, &row.owner_did)?,
        leader: row.owner_did,
    }))
}

/// Says under which terms the signer's questions are answered from now on. The document is the body of the change.
pub(crate) fn terms_set(conn: &mut Conn, context: &Context, change: &Change) -> Result<(), QueryError> {
    let did = change.did();
    let proof = change.log(conn, context, TERMS_SET, terms_object(&did))?;
    let known: Option<LeaderRow> =
        for_update!(conn, leaders::table.find(&did).select(LeaderRow::as_select()) => first).optional()?;
    let now = context.now();
    let document = String::from_utf8(change.body.clone())
        .map_err(|_error| QueryError::Fault("a parsed body is no text".to_owned()))?;
    let row = LeaderRow {
        owner_did: did,
        document,
        proof,
        created_at: known.as_ref().map_or(now, |known| known.created_at),
        updated_at: now,
        row_seal: Vec::new(),
    };
    match known {
        Some(_) => row.save(conn, &context.sealer)?,
        None => row.insert(conn, &context.sealer)?,
    };
    Ok(())
}
