//! Refunds that a person has made, because the rail could not: the operator says so, and the rail is not asked again.

use imajin_kernel::id::{OutboxId, RailMessageId, RefundId};
use imajin_rails::FactKind;
use imajin_store::{Conn, outbox};
use imajin_web::{Authorised, OperatorTier};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::message::message_lock;
use super::reconcile::facts::fact_find;
use super::refund::{RAIL_REFUND, RefundOrder, refund_note};
use super::sale_refund::refund_sent;
use crate::PayError;
use crate::context::Context;
use crate::rows::MessageResult;

/// The action in the mutation log.
const REFUND_BY_HAND: &str = "refund.by_hand";
/// In front of a reference that the rail does not know.
pub(crate) const BY_HAND: &str = "by hand: ";
/// The longest reference.
const REFERENCE_BYTES_MAX: usize = 200;

/// A refund that was made by hand.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ByHand {
    /// The refund of a sale that was split.
    #[schema(value_type = Option<String>)]
    refund: Option<RefundId>,
    /// Or the message of a payment that goes back as it came.
    #[schema(value_type = Option<String>)]
    message: Option<RailMessageId>,
    /// What proves it: the reference of the transfer or of the rail's own refund.
    reference: String,
}

/// A refund that ended by hand.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ByHandNoted {
    /// The refund, or the message of the payment.
    id: String,
    /// How it is referred to: what the rail does not know itself stands after `by hand: `.
    reference: String,
}

/// Ends a refund that the rail was asked for and has not made.
pub(crate) fn refund_by_hand(
    conn: &mut Conn,
    context: &Context,
    verified: &Authorised<OperatorTier>,
    wish: &ByHand,
    body: &[u8],
) -> Result<ByHandNoted, PayError> {
    let reference = wish.reference.trim();
    if reference.is_empty() || reference.len() > REFERENCE_BYTES_MAX || reference.chars().any(char::is_control) {
        let problem = format!("must say what proves it, in at most {REFERENCE_BYTES_MAX} bytes");
        return Err(PayError::invalid("reference", problem));
    }
    let id = match (wish.refund, wish.message) {
        (Some(refund), None) => refund.to_string(),
        (None, Some(message)) => message.to_string(),
        _ => {
            return Err(PayError::invalid(
                "refund",
                "name the refund or the message, one of them",
            ));
        }
    };
    let item = outbox::pending_find(conn, &context.sealer, RAIL_REFUND, &id)?;
    let item = item.ok_or(PayError::NotFound("refund that is under way"))?;
    if item.attempts == 0 {
        return Err(PayError::State {
            detail: "The rail was not asked for this refund yet.".to_owned(),
            hint: "What is sent by hand before the rail has refused would go back twice; wait for its answer.",
        });
    }
    let order: RefundOrder = item
        .parse()
        .map_err(|error| PayError::Fault(format!("a refund cannot be read: {error}")))?;
    let known = fact_find(conn, context, &order.rail, FactKind::Refund, reference)?;
    let reference = match known {
        Some(_at_the_rail) => reference.to_owned(),
        None => format!("{BY_HAND}{reference}"),
    };
    context.signed_append(conn, verified, REFUND_BY_HAND, &format!("by-hand/{id}"), body)?;
    end(conn, context, &order, &reference, item.id)?;
    tracing::warn!(id, reference, "a refund was made by hand");
    Ok(ByHandNoted { id, reference })
}

fn end(
    conn: &mut Conn,
    context: &Context,
    order: &RefundOrder,
    reference: &str,
    item: OutboxId,
) -> Result<(), PayError> {
    if let Some(refund) = order.refund {
        return refund_sent(conn, context, refund, reference, item);
    }
    let message = order.message.ok_or(PayError::NotFound("refund that is under way"))?;
    let row = message_lock(conn, context, message)?;
    if row.result != MessageResult::Refunded.as_str() {
        return Err(PayError::NotFound("refund that is under way"));
    }
    refund_note(conn, context, message, reference, item)
}
