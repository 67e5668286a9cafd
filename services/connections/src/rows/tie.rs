use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_kernel::id::StatementId;
use imajin_store::sealed_row;
use imajin_trust_graph::Edge;
use serde::Serialize;

use super::statement::tie_of;
use crate::ConnectionsError;
use crate::schema::ties;

/// What counts of a statement: the row that a start reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = ties, primary_key(statement))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub(crate) struct TieRow {
    pub(crate) statement: StatementId,
    pub(crate) kind: String,
    pub(crate) from_did: String,
    pub(crate) to_did: String,
    pub(crate) number: i64,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) row_seal: Vec<u8>,
}

sealed_row!(TieRow, ties, "ties", key = (statement));

impl TieRow {
    /// The tie as the graph has it. `person` gives whom a DID names.
    pub(crate) fn edge<P>(&self, mut person: impl FnMut(&str) -> P) -> Result<Edge<P>, ConnectionsError> {
        let damaged = || ConnectionsError::damaged("ties", &self.statement, "it cannot be read");
        Ok(Edge {
            from: person(&self.from_did),
            to: person(&self.to_did),
            tie: tie_of(&self.kind, self.number).ok_or_else(damaged)?,
            until: self.expires_at,
            statement: imajin_trust_graph::StatementId(*self.statement.as_bytes()),
        })
    }
}
