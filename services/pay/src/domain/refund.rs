//! Payments that go back as they came, because nothing was sold for them: the amount was wrong, the goods are gone.
//! What goes back after it was split is in `sale_refund`; the rail is told about both in the same way.

use diesel::prelude::*;
use imajin_kernel::id::{CheckoutId, HoldId, OutboxId, RailMessageId, RefundId};
use imajin_ledger::{Command, HoldRelease, Release, entry_find};
use imajin_money::Money;
use imajin_pay_api::CheckoutState;
use imajin_store::{Conn, SealedRow, outbox};
use serde::{Deserialize, Serialize};

use super::balance::{balance_return, is_paid_here};
use super::free::{FREE, free_end};
use super::message::message_lock;
use super::notices::News;
use super::sale_refund::returned_book;
use super::{checkout_find, checkout_lock, direct, sales};
use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, MessageResult, MessageRow};
use crate::schema::rail_messages;

/// The outbox topic of refunds that the ledger has booked and the rail has not made.
pub(crate) const RAIL_REFUND: &str = "rail_refund";

/// A payment that goes back, and why.
#[derive(Debug, Clone)]
pub(crate) struct Refund {
    pub(crate) hold: HoldId,
    pub(crate) message: RailMessageId,
    pub(crate) reason: String,
}

/// What the worker tells the rail.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundOrder {
    /// The payment that goes back as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<RailMessageId>,
    /// The refund of a sale that was split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refund: Option<RefundId>,
    pub(crate) rail: String,
    pub(crate) checkout: CheckoutId,
    pub(crate) reference: String,
    pub(crate) amount: Money,
}

/// Books a payment back to its rail, and tells the worker to have the rail do it. The caller saves the message.
pub(crate) fn payment_refund(
    conn: &mut Conn,
    context: &Context,
    checkout: &CheckoutRow,
    message: &MessageRow,
    refund: &Refund,
) -> Result<(), PayError> {
    let release = HoldRelease {
        hold: refund.hold,
        key: format!("refund/{}", refund.message),
        why: Release::Refund,
        reference: checkout.id.to_string(),
    };
    context.ledger.execute_one(conn, &Command::Release(release))??;
    // What payees have received themselves, only they can send back.
    let amount = direct::received(&context.keyring, message)?;
    let order = RefundOrder {
        message: Some(message.id),
        refund: None,
        rail: message.rail.clone(),
        checkout: checkout.id,
        reference: message.reference.clone(),
        amount,
    };
    if !amount.is_zero() {
        let key = message.id.to_string();
        outbox::enqueue(conn, &context.sealer, &context.env, RAIL_REFUND, &key, &order)?;
    }
    sales::refund_count(conn, context, &message.asset)?;
    let news = News::Back {
        checkout: checkout.id,
        amount: message.money()?,
        reason: refund.reason.clone(),
    };
    news.owe(conn, context)?;
    tracing::info!(checkout = %checkout.id, reason = refund.reason, "a payment goes back");
    Ok(())
}

/// Sends the money of a paid checkout back, because the goods cannot be had; once, however often it is asked.
pub(crate) fn checkout_refund(
    conn: &mut Conn,
    context: &Context,
    id: CheckoutId,
    reason: &str,
    item: OutboxId,
) -> Result<(), PayError> {
    let mut checkout = checkout_lock(conn, context, id)?.ok_or(PayError::NotFound("checkout"))?;
    if checkout.state()? == CheckoutState::Paid && is_paid_here(&checkout.rail) {
        balance_return(conn, context, checkout, reason)?;
    } else if checkout.state()? == CheckoutState::Paid && checkout.rail == FREE {
        free_end(conn, context, checkout, reason)?;
    } else if checkout.state()? == CheckoutState::Paid {
        let missing = || PayError::damaged(CheckoutRow::TABLE, &id.to_string(), "it is paid, and names no payment");
        let (hold, message) = checkout.hold_id.zip(checkout.message_id).ok_or_else(missing)?;
        let mut message = message_lock(conn, context, message)?;
        let refund = Refund {
            hold,
            message: message.id,
            reason: reason.to_owned(),
        };
        payment_refund(conn, context, &checkout, &message, &refund)?;
        MessageResult::Refunded.as_str().clone_into(&mut message.result);
        message.save(conn, &context.sealer)?;
        checkout.state_set(CheckoutState::Refunded, context.now());
        checkout.reason = Some(reason.to_owned());
        checkout.receipt_id = None;
        checkout.save(conn, &context.sealer)?;
    }
    outbox::done(conn, &context.sealer, &item, context.now())?;
    Ok(())
}

/// Notes that the rail has sent the money back, unless somebody has done so by hand.
pub(crate) fn refund_note(
    conn: &mut Conn,
    context: &Context,
    message: RailMessageId,
    reference: &str,
    item: OutboxId,
) -> Result<(), PayError> {
    let mut message = message_lock(conn, context, message)?;
    if let Some(by_hand) = &message.refund_reference {
        tracing::error!(message = %message.id, by_hand, reference, "it went back twice: by hand, and through its rail");
    } else {
        message.refund_reference = Some(reference.to_owned());
        message.save(conn, &context.sealer)?;
    }
    outbox::done(conn, &context.sealer, &item, context.now())?;
    Ok(())
}

/// The ledger's key of a payment that went back as it came and did not arrive.
pub(crate) fn returned_key(id: RailMessageId) -> String {
    format!("refund/{id}/back")
}

/// The buyer's bank did not take a payment that went back as it came: the money is at the rail again, and the buyer's
/// here. `false`: there is no such refund.
pub(crate) fn payment_returned(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    reference: &str,
) -> Result<bool, PayError> {
    let found: Option<RailMessageId> = rail_messages::table
        .filter(rail_messages::rail.eq(rail))
        .filter(rail_messages::refund_reference.eq(reference))
        .select(rail_messages::id)
        .first(conn)
        .optional()?;
    let Some(id) = found else { return Ok(false) };
    let message = message_lock(conn, context, id)?;
    let Ok(checkout) = message.checkout_id.parse() else {
        return Ok(false);
    };
    let Some(checkout) = checkout_find(conn, context, checkout)? else {
        return Ok(false);
    };
    let key = returned_key(id);
    if entry_find(conn, &context.sealer, &key)?.is_none() {
        returned_book(conn, context, &checkout, key, message.money()?)?;
        tracing::error!(message = %id, "the buyer's bank did not take a refund; the money is in the buyer's balance");
    }
    Ok(true)
}
