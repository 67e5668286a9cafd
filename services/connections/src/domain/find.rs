//! Rows by their keys: to read, and locked to change. Each is refused when it was changed outside the node.

use diesel::prelude::*;
use imajin_kernel::id::StatementId;
use imajin_store::{Conn, SealedRow, for_update, intact_all};

use crate::ConnectionsError;
use crate::context::Context;
use crate::rows::{StatementRow, TieRow};
use crate::schema::{statements, ties};

/// So many rows are read at a time.
const PAGE: i64 = 10_000;
/// So many changes are followed at a time.
const CHANGES: i64 = 500;

pub(crate) fn statement_find(
    conn: &mut Conn,
    context: &Context,
    id: &StatementId,
) -> Result<Option<StatementRow>, ConnectionsError> {
    let query = statements::table.find(id).select(StatementRow::as_select());
    let row: Option<StatementRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

pub(crate) fn statement_lock(
    conn: &mut Conn,
    context: &Context,
    id: &StatementId,
) -> Result<Option<StatementRow>, ConnectionsError> {
    let row: Option<StatementRow> =
        for_update!(conn, statements::table.find(id).select(StatementRow::as_select()) => first).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// The standing statement of a tie.
pub(crate) fn standing_lock(
    conn: &mut Conn,
    context: &Context,
    tie: &str,
) -> Result<Option<StatementRow>, ConnectionsError> {
    let row: Option<StatementRow> = for_update!(
        conn,
        statements::table.filter(statements::tie.eq(tie)).select(StatementRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// The rows that have changed since, in the order in which they did: at most as many as are followed at a time.
pub(crate) fn changes_since(
    conn: &mut Conn,
    context: &Context,
    seq: i64,
) -> Result<Vec<StatementRow>, ConnectionsError> {
    let query = statements::table
        .filter(statements::seq.gt(seq))
        .order_by(statements::seq)
        .limit(CHANGES)
        .select(StatementRow::as_select());
    let rows: Vec<StatementRow> = query.load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// A page of all that counts, behind a statement.
pub(crate) fn ties_page(conn: &mut Conn, context: &Context, after: &str) -> Result<Vec<TieRow>, ConnectionsError> {
    let query = ties::table
        .filter(ties::statement.gt(after))
        .order_by(ties::statement)
        .limit(PAGE)
        .select(TieRow::as_select());
    let rows: Vec<TieRow> = query.load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}
