//! Records by their id.

use diesel::prelude::*;
use imajin_fair::{ManifestId, ManifestRecord};
use imajin_kernel::Timestamp;
use imajin_store::{Conn, SealedRow, for_update};

use crate::PublisherError;
use crate::context::Context;
use crate::rows::{ManifestRow, StatementKind, StatementRow};
use crate::schema::{manifests, statements};

/// A record of the library with its row.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) row: ManifestRow,
    pub(crate) record: ManifestRecord,
}

/// A record, if it is in the library.
pub(crate) fn record_find(conn: &mut Conn, context: &Context, id: &ManifestId) -> Result<Option<Kept>, PublisherError> {
    let row: Option<ManifestRow> = manifests::table
        .find(id.as_str())
        .select(ManifestRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let row = row.intact(&context.sealer)?;
    let mut record = ManifestRecord::new(row.manifest()?);
    let statements: Vec<StatementRow> = statements::table
        .filter(statements::manifest_id.eq(id.as_str()))
        .order_by((statements::kind, statements::did))
        .select(StatementRow::as_select())
        .load(conn)?;
    for statement in statements {
        let statement = statement.intact(&context.sealer)?;
        if statement.kind == StatementKind::Acceptance.as_str() {
            record.acceptances.push(statement.message()?);
        } else {
            record.endorsements.push(statement.message()?);
        }
    }
    Ok(Some(Kept { row, record }))
}

/// The records of these manifests that are in the library.
pub(crate) fn records_find(
    conn: &mut Conn,
    context: &Context,
    ids: &[ManifestId],
) -> Result<Vec<Kept>, PublisherError> {
    let mut found = Vec::new();
    for id in ids {
        found.extend(record_find(conn, context, id)?);
    }
    Ok(found)
}

/// A manifest's row, locked.
pub(crate) fn manifest_lock(
    conn: &mut Conn,
    context: &Context,
    id: &ManifestId,
) -> Result<Option<ManifestRow>, PublisherError> {
    let row: Option<ManifestRow> =
        for_update!(conn, manifests::table.find(id.as_str()).select(ManifestRow::as_select()) => first).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A copy whose home is to be asked, as its row says.
pub(crate) type CopyDue = (String, Timestamp, Option<String>);

/// Copies whose homes were asked before `before`, the longest ago first: the next ones after one.
pub(crate) fn copies_due(
    conn: &mut Conn,
    before: Timestamp,
    after: Option<&CopyDue>,
    limit: i64,
) -> Result<Vec<CopyDue>, PublisherError> {
    let mut due = manifests::table
        .filter(manifests::published_by.is_null())
        .filter(manifests::checked_at.lt(before))
        .into_boxed();
    if let Some((id, at, _url)) = after {
        let same = manifests::checked_at.eq(*at).and(manifests::id.gt(id.clone()));
        due = due.filter(manifests::checked_at.gt(*at).or(same));
    }
    Ok(due
        .order_by((manifests::checked_at, manifests::id))
        .limit(limit)
        .select((manifests::id, manifests::checked_at, manifests::source_url))
        .load(conn)?)
}

/// Whether the database answers and has the tables.
pub(crate) fn ready_check(conn: &mut Conn) -> Result<(), PublisherError> {
    let _any: Option<String> = manifests::table.select(manifests::id).first(conn).optional()?;
    Ok(())
}
