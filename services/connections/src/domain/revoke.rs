//! Somebody takes back what they have signed.

use imajin_connections_api::statement::{REVOKE, RevokeTerms, id_of, payload, revocation_check};
use imajin_proof::SignedMessage;
use imajin_store::{Conn, SealedRow};

use super::find::statement_lock;
use super::sequence::sequence_next;
use crate::context::{Change, Context};
use crate::rows::StatementRow;
use crate::{ConnectionsError, log};

/// A revocation whose signature was checked.
#[derive(Debug, Clone)]
pub(crate) struct NewRevocation {
    pub(crate) change: Change,
    pub(crate) revocation: SignedMessage,
}

/// Ends a statement. Sent again, it has ended already.
pub(crate) fn statement_revoke(
    conn: &mut Conn,
    context: &Context,
    new: &NewRevocation,
) -> Result<StatementRow, ConnectionsError> {
    let unknown = ConnectionsError::NotFound("statement");
    let terms: RevokeTerms = payload(&new.revocation, REVOKE)?;
    let Some(mut row) = statement_lock(conn, context, &id_of(&terms.statement))? else {
        return Err(unknown);
    };
    let by = new.change.verified.did();
    // To anybody else it is as if it were not there.
    if row.digest != terms.statement || ![&row.owner_did, &row.subject_did].contains(&by) {
        return Err(unknown);
    }
    if row.deleted_at.is_some() {
        new.change.spend(conn, context)?;
        return Ok(row);
    }
    let mut fact = row.fact()?;
    fact.is_revoked = true;
    revocation_check(&fact, &new.revocation)?;
    if row.counts() {
        row.tie_row().delete(conn)?;
    }
    row.proof = new
        .change
        .log(conn, context, log::REVOKE, log::statement_object(&row.id))?;
    row.revocation = Some(new.change.text()?);
    row.tie = None;
    row.deleted_at = Some(context.env.now());
    row.seq = sequence_next(conn, context)?;
    Ok(row.save(conn, &context.sealer)?)
}
