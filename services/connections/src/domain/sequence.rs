//! The order of all changes of the graph.

use diesel::prelude::*;
use imajin_store::{Conn, SealedRow, for_update};

use crate::ConnectionsError;
use crate::context::Context;
use crate::rows::SequenceRow;
use crate::schema::sequences;

const GRAPH: &str = "graph";

/// The next number. The row stays locked until the transaction ends: whoever sees a number has seen all before it.
pub(crate) fn sequence_next(conn: &mut Conn, context: &Context) -> Result<i64, ConnectionsError> {
    let row: Option<SequenceRow> =
        for_update!(conn, sequences::table.find(GRAPH).select(SequenceRow::as_select()) => first).optional()?;
    let Some(row) = row else {
        let first = SequenceRow {
            name: GRAPH.to_owned(),
            seq: 1,
            row_seal: Vec::new(),
        };
        first.insert(conn, &context.sealer)?;
        return Ok(1);
    };
    let mut row = row.intact(&context.sealer)?;
    row.seq = row.seq.saturating_add(1);
    Ok(row.save(conn, &context.sealer)?.seq)
}

/// The last number.
pub(crate) fn sequence_last(conn: &mut Conn) -> Result<i64, ConnectionsError> {
    let last: Option<i64> = sequences::table
        .find(GRAPH)
        .select(sequences::seq)
        .first(conn)
        .optional()?;
    Ok(last.unwrap_or(0))
}
