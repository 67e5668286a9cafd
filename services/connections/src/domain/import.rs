//! Statements of another node, brought here by one of those whom they join.

use imajin_connections_api::Proven;
use imajin_connections_api::statement::Fact;
use imajin_did::Did;
use imajin_store::{Conn, SealedRow};

use super::find::{standing_lock, statement_lock};
use super::issue::{brought_limits_check, replace, row_insert, row_of};
use super::sequence::sequence_next;
use crate::context::{Context, node_log};
use crate::rows::{StatementRow, json_text, tie_name};
use crate::{ConnectionsError, log};

/// What is stored as the proof of a row that was brought: the documents prove themselves.
pub(crate) const IMPORTED: &str = "import";

/// Documents whose signatures were checked with the signers' keys of their time.
#[derive(Debug, Clone)]
pub(crate) struct Brought {
    pub(crate) proven: Proven,
    pub(crate) fact: Fact,
}

/// Keeps what is new here, and gives it; `None` for what was here already or has been overtaken by something later.
pub(crate) fn statement_import(
    conn: &mut Conn,
    context: &Context,
    by: &Did,
    brought: &Brought,
) -> Result<Option<StatementRow>, ConnectionsError> {
    let fact = &brought.fact;
    if let Some(known) = statement_lock(conn, context, &fact.id())? {
        return end_if_ended(conn, context, by, (known, brought));
    }
    if fact.is_revoked {
        return Ok(None);
    }
    brought_limits_check(conn, by, context.env.now())?;
    let name = tie_name(fact.kind, &fact.from, &fact.to);
    if let Some(standing) = standing_lock(conn, context, &name)? {
        let is_newer = brought.proven.document.timestamp > standing.proven()?.document.timestamp;
        let gives_way = !fact.kind.is_mutual() && is_newer || fact.kind.is_mutual() && !standing.counts();
        if !gives_way {
            return Ok(None);
        }
        replace(conn, context, standing, fact.id())?;
    }
    let body = json_text(&brought.proven)?.into_bytes();
    let object = log::statement_object(&fact.id());
    node_log(conn, context, by, log::IMPORT, object, body)?;
    let document = json_text(&brought.proven.document)?;
    let mut row = row_of(context, fact, document, IMPORTED.to_owned());
    row.brought_by = Some(by.clone());
    row.acceptance = brought.proven.acceptance.as_ref().map(json_text).transpose()?;
    row.accepted_at = row.acceptance.as_ref().map(|_text| context.env.now());
    row_insert(conn, context, row).map(Some)
}

/// What is here already learns that it was ended elsewhere.
fn end_if_ended(
    conn: &mut Conn,
    context: &Context,
    by: &Did,
    (mut known, brought): (StatementRow, &Brought),
) -> Result<Option<StatementRow>, ConnectionsError> {
    if known.digest != brought.fact.digest || !brought.fact.is_revoked || known.deleted_at.is_some() {
        return Ok(None);
    }
    let body = json_text(&brought.proven)?.into_bytes();
    node_log(conn, context, by, log::IMPORT, log::statement_object(&known.id), body)?;
    if known.counts() {
        known.tie_row().delete(conn)?;
    }
    known.revocation = brought.proven.revocation.as_ref().map(json_text).transpose()?;
    IMPORTED.clone_into(&mut known.proof);
    known.tie = None;
    known.deleted_at = Some(context.env.now());
    known.seq = sequence_next(conn, context)?;
    Ok(Some(known.save(conn, &context.sealer)?))
}
