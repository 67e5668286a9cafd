use diesel::QueryResult;

use crate::idempotency::IdempotencyRow;
use crate::mutation::{self, Keys, Writer};
use crate::nonce::NonceRow;
use crate::outbox::OutboxRow;
use crate::{Conn, Finding, SealedRow};

/// Audits the tables that every service's database holds: the mutation log with its heads and checkpoints, nonces,
/// outbox, idempotency. Returns how many rows of the log were checked. The service audits its own tables beside it,
/// in the same transaction of a reader.
///
/// # Errors
/// Diesel's, for what stopped the audit; what is wrong with a row is a finding.
pub fn audit(conn: &mut Conn, writer: &Writer, keys: Keys<'_>, findings: &mut Vec<Finding>) -> QueryResult<u64> {
    NonceRow::audit(conn, writer.sealer(), findings)?;
    OutboxRow::audit(conn, writer.sealer(), findings)?;
    IdempotencyRow::audit(conn, writer.sealer(), findings)?;
    mutation::audit(conn, writer, keys, findings)
}
