//! Whether an agent wants its money back for an access: then it is not handed over once more.

use diesel::prelude::*;
use imajin_imagxp::Feedback;
use imajin_kernel::Span;
use imajin_store::{Conn, SealedRow};

use super::feedback::feedback_find;
use crate::PublisherError;
use crate::context::Context;
use crate::rows::feedback::REFUSED;
use crate::rows::{ChargeRow, DisputeRow, FeedbackRow};
use crate::schema::gate_disputes;

/// The state of a dispute after which the money stays with the publisher.
const RELEASED: &str = "released";
/// How far the clock of a broker may be behind ours.
const CLOCKS_DIFFER: Span = Span::minutes(5);

/// Whether the agent objects to what was paid for an access, or has done so with success: what the broker tells of it
/// counts, and until then what the agent has said here. An access may have been paid for again since.
pub(crate) fn is_objected(conn: &mut Conn, context: &Context, row: &ChargeRow) -> Result<bool, PublisherError> {
    let Some(paid_at) = row.paid_at else { return Ok(false) };
    let told: Option<DisputeRow> = gate_disputes::table
        .filter(gate_disputes::access_id.eq(row.id))
        .filter(gate_disputes::said_at.ge(paid_at.minus(CLOCKS_DIFFER)))
        .order_by(gate_disputes::said_at.desc())
        .select(DisputeRow::as_select())
        .first(conn)
        .optional()?;
    if let Some(told) = told {
        return Ok(told.intact(&context.sealer)?.state != RELEASED);
    }
    let said = feedback_find(conn, context, row.id)?;
    match said.filter(|said| said.said_at >= paid_at && said.state != REFUSED) {
        Some(said) => Ok(!read(&said)?.is_release()),
        None => Ok(false),
    }
}

fn read(row: &FeedbackRow) -> Result<Feedback, PublisherError> {
    let damaged = |_error| PublisherError::damaged(FeedbackRow::TABLE, &row.access_id, "what was said cannot be read");
    serde_json::from_str(&row.document).map_err(damaged)
}
