//! The other signs as well.

use imajin_connections_api::Proven;
use imajin_connections_api::statement::{ACCEPT, AcceptTerms, id_of, payload};
use imajin_proof::SignedMessage;
use imajin_store::{Conn, SealedRow};

use super::find::statement_lock;
use super::sequence::sequence_next;
use crate::context::{Change, Context};
use crate::rows::StatementRow;
use crate::{ConnectionsError, log};

/// An acceptance whose signature was checked.
#[derive(Debug, Clone)]
pub(crate) struct NewAcceptance {
    pub(crate) change: Change,
    pub(crate) acceptance: SignedMessage,
}

/// Completes what somebody has asked for. Sent again, it is complete already.
pub(crate) fn statement_accept(
    conn: &mut Conn,
    context: &Context,
    new: &NewAcceptance,
) -> Result<StatementRow, ConnectionsError> {
    let unknown = ConnectionsError::NotFound("request");
    let terms: AcceptTerms = payload(&new.acceptance, ACCEPT)?;
    let Some(mut row) = statement_lock(conn, context, &id_of(&terms.statement))? else {
        return Err(unknown);
    };
    // To anybody else it is as if it were not there.
    if row.digest != terms.statement || row.subject_did != *new.change.verified.did() || row.deleted_at.is_some() {
        return Err(unknown);
    }
    let proven = Proven {
        document: row.proven()?.document,
        acceptance: Some(new.acceptance.clone()),
        revocation: None,
    };
    proven.read()?;
    if row.acceptance.is_some() {
        new.change.spend(conn, context)?;
        return Ok(row);
    }
    row.proof = new
        .change
        .log(conn, context, log::ACCEPT, log::statement_object(&row.id))?;
    row.acceptance = Some(new.change.text()?);
    row.accepted_at = Some(context.env.now());
    row.seq = sequence_next(conn, context)?;
    let row = row.save(conn, &context.sealer)?;
    row.tie_row().insert(conn, &context.sealer)?;
    Ok(row)
}
