//! What rails say: stored as it came, then processed once.

use diesel::prelude::*;
use imajin_kernel::Env;
use imajin_kernel::id::{CheckoutId, HoldId, RailMessageId};
use imajin_ledger::{AccountKey, Command, EntryKind, HoldPlace, Movement, Outcome, Owner, Posting, Purpose};
use imajin_pay_api::CheckoutState;
use imajin_rails::{Confirmed, RailEvent, RailFee, RailOutcome};
use imajin_store::{Conn, SealedRow, Sealer, for_update, is_unique_violation, outbox};

use super::checkout_lock;
use super::dispute::dispute_apply;
use super::notices::sale_owe;
use super::payee::payee_note;
use super::payment::{fee_note, payment_is_booked, payment_keep};
use super::payout::{transfer_is_awaited, transfer_reversed};
use super::refund::{self, Refund};
use super::sale_refund::{refund_is_awaited, refund_returned};
use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, MessageResult, MessageRow};
use crate::schema::rail_messages;

/// The outbox topic of goods that are paid and not delivered.
pub(crate) const DELIVER: &str = "deliver";

/// The outbox topic of goods that nobody pays for any more.
pub(crate) const RELEASE: &str = "release";

/// Longer identifiers and references are not stored.
const TEXT_BYTES_MAX: usize = 255;

/// Whether a message was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) id: RailMessageId,
    pub(crate) is_new: bool,
}

/// Stores a verified message, or finds the one that came with this event before.
pub(crate) fn message_store(
    conn: &mut Conn,
    env: &Env,
    sealer: &Sealer,
    rail: &str,
    event: &RailEvent,
    body: &[u8],
) -> Result<Stored, PayError> {
    for (member, text) in [("id", &event.id), ("reference", &event.reference)] {
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return Err(PayError::invalid(
                member,
                format!("must have 1 to {TEXT_BYTES_MAX} bytes"),
            ));
        }
    }
    if let Some(id) = event_find(conn, rail, &event.id)? {
        return Ok(Stored { id, is_new: false });
    }
    let row = MessageRow {
        id: env.new_id(),
        rail: rail.to_owned(),
        event_id: event.id.clone(),
        body: body.to_vec(),
        received_at: env.now(),
        checkout_id: event.checkout.map(|checkout| checkout.to_string()).unwrap_or_default(),
        outcome: event.outcome.as_str().to_owned(),
        asset: event.amount.asset.to_string(),
        amount: event.amount.amount.micros(),
        reference: event.reference.clone(),
        occurred_at: event.time,
        result: MessageResult::Stored.as_str().to_owned(),
        processed_at: None,
        hold_id: None,
        refund_reference: None,
        row_seal: Vec::new(),
    };
    let id = row.id;
    // Another process may store the same event at this moment.
    match conn.transaction(|conn| row.insert(conn, sealer)) {
        Ok(_row) => Ok(Stored { id, is_new: true }),
        Err(error) if is_unique_violation(&error) => {
            let id = event_find(conn, rail, &event.id)?.ok_or(error)?;
            Ok(Stored { id, is_new: false })
        }
        Err(error) => Err(error.into()),
    }
}

fn event_find(conn: &mut Conn, rail: &str, event_id: &str) -> Result<Option<RailMessageId>, PayError> {
    let id = rail_messages::table
        .filter(rail_messages::rail.eq(rail))
        .filter(rail_messages::event_id.eq(event_id))
        .select(rail_messages::id)
        .first(conn)
        .optional()?;
    Ok(id)
}

/// A page of the messages that were stored and not processed, oldest first.
pub(crate) fn unprocessed_list(
    conn: &mut Conn,
    after: RailMessageId,
    limit: i64,
) -> Result<Vec<RailMessageId>, PayError> {
    let ids = rail_messages::table
        .filter(rail_messages::processed_at.is_null())
        .filter(rail_messages::id.gt(after))
        .order_by(rail_messages::id)
        .limit(limit)
        .select(rail_messages::id)
        .load(conn)?;
    Ok(ids)
}

/// A message, locked until the transaction ends, its seal checked.
pub(crate) fn message_lock(conn: &mut Conn, context: &Context, id: RailMessageId) -> Result<MessageRow, PayError> {
    let row: Option<MessageRow> = for_update!(
        conn,
        rail_messages::table.find(id).select(MessageRow::as_select()) => first
    )
    .optional()?;
    Ok(row.ok_or(PayError::NotFound("message"))?.intact(&context.sealer)?)
}

/// A message, its seal checked.
pub(crate) fn message_find(conn: &mut Conn, context: &Context, id: RailMessageId) -> Result<MessageRow, PayError> {
    let row: Option<MessageRow> = rail_messages::table
        .find(id)
        .select(MessageRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.ok_or(PayError::NotFound("message"))?.intact(&context.sealer)?)
}

/// A stored message that waits to be processed, its seal checked.
pub(crate) fn message_waiting(
    conn: &mut Conn,
    context: &Context,
    id: RailMessageId,
) -> Result<Option<MessageRow>, PayError> {
    let row: Option<MessageRow> = rail_messages::table
        .find(id)
        .filter(rail_messages::processed_at.is_null())
        .select(MessageRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Processes a message, unless that has happened; in one transaction with everything that follows from it. What counts
/// is what the rail has confirmed; without that, nothing happens for the message. `false`: it has to wait for something
/// else first.
pub(crate) fn message_process(
    conn: &mut Conn,
    context: &Context,
    id: RailMessageId,
    confirmed: Option<&Confirmed>,
) -> Result<bool, PayError> {
    let mut message = message_lock(conn, context, id)?;
    if message.processed_at.is_some() {
        return Ok(true);
    }
    let result = match confirmed {
        Some(confirmed) => {
            message.event_set(&confirmed.event);
            if confirmed.event.outcome == RailOutcome::Disputed {
                let Some(result) = dispute_apply(conn, context, &message, confirmed)? else {
                    // It waits for the split of its payment.
                    return Ok(false);
                };
                result
            } else if confirmed.event.outcome == RailOutcome::TransferReversed
                && transfer_is_awaited(conn, &message.reference)?
            {
                // It came back before the rail's answer to the transfer arrived: nobody knows yet whose it was.
                return Ok(false);
            } else if confirmed.event.outcome == RailOutcome::RefundFailed
                && refund_is_awaited(conn, &message.rail, &message.reference)?
            {
                // It failed before the rail's answer to the refund arrived.
                return Ok(false);
            } else {
                message_apply(conn, context, &mut message, confirmed)?
            }
        }
        None => MessageResult::Ignored,
    };
    result.as_str().clone_into(&mut message.result);
    message.processed_at = Some(context.now());
    message.save(conn, &context.sealer)?;
    Ok(true)
}

fn message_apply(
    conn: &mut Conn,
    context: &Context,
    message: &mut MessageRow,
    confirmed: &Confirmed,
) -> Result<MessageResult, PayError> {
    let checkout: Option<CheckoutId> = message.checkout_id.parse().ok();
    let checkout = match checkout {
        Some(checkout) => checkout_lock(conn, context, checkout)?.filter(|row| row.rail == message.rail),
        None => None,
    };
    match (confirmed.event.outcome, checkout) {
        (RailOutcome::Paid, checkout) => {
            if payment_is_booked(conn, context, message, confirmed)? {
                return Ok(MessageResult::Ignored);
            }
            let result = match checkout {
                Some(checkout) => paid(conn, context, message, checkout)?,
                None => unmatched(conn, context, message)?,
            };
            if result != MessageResult::Ignored {
                payment_keep(conn, context, message, confirmed.fee)?;
            }
            Ok(result)
        }
        (RailOutcome::FeeKnown, _) => match confirmed.fee {
            RailFee::Known(fee) if fee_note(conn, context, &message.rail, &message.reference, fee)? => {
                Ok(MessageResult::Noted)
            }
            _ => Ok(MessageResult::Ignored),
        },
        (RailOutcome::Failed, Some(checkout)) => failed(conn, context, checkout),
        (RailOutcome::Cancelled, Some(checkout)) => cancelled(conn, context, checkout),
        (RailOutcome::PayeeChanged, _) => match confirmed.payee_ready {
            Some(ready) if payee_note(conn, context, &message.rail, &message.reference, ready)? => {
                Ok(MessageResult::Noted)
            }
            _ => Ok(MessageResult::Ignored),
        },
        (RailOutcome::TransferReversed, _) => {
            let all = message.money()?;
            let known = transfer_reversed(conn, context, &message.rail, &message.reference, all)?;
            Ok(if known {
                MessageResult::Noted
            } else {
                MessageResult::Ignored
            })
        }
        (RailOutcome::RefundFailed, _) => {
            let reference = &message.reference;
            let known = refund_returned(conn, context, &message.rail, reference)?
                || refund::payment_returned(conn, context, &message.rail, reference)?;
            Ok(if known {
                MessageResult::Noted
            } else {
                MessageResult::Ignored
            })
        }
        (RailOutcome::PayoutFailed, _) => {
            let ready = confirmed.payee_ready.unwrap_or(false);
            let known = payee_note(conn, context, &message.rail, &message.reference, ready)?;
            tracing::error!(account = message.reference, "a payee's bank did not take a payout");
            Ok(if known {
                MessageResult::Noted
            } else {
                MessageResult::Ignored
            })
        }
        (RailOutcome::Failed | RailOutcome::Cancelled, None) | (RailOutcome::Disputed, _) => Ok(MessageResult::Ignored),
    }
}

/// Money came in for a checkout.
fn paid(
    conn: &mut Conn,
    context: &Context,
    message: &mut MessageRow,
    mut checkout: CheckoutRow,
) -> Result<MessageResult, PayError> {
    let amount = message.money()?;
    if amount.is_zero() {
        return Ok(MessageResult::Ignored);
    }
    let outcome = hold_place(conn, context, message, &checkout)?;
    let hold = outcome
        .hold
        .map(|hold| hold.id)
        .ok_or_else(|| PayError::Fault("a hold without a hold".to_owned()))?;
    message.hold_id = Some(hold);
    let now = context.now();
    let price = checkout.price()?;
    let refund = |reason: String| Refund {
        hold,
        message: message.id,
        reason,
    };
    if amount != price {
        let reason = format!("{amount} arrived instead of {price}; it was sent back.");
        let open = checkout.state()? == CheckoutState::Open;
        if open {
            checkout.state_set(CheckoutState::Refunded, now);
            checkout.reason = Some(reason.clone());
            checkout = checkout.save(conn, &context.sealer)?;
        }
        refund::payment_refund(conn, context, &checkout, message, &refund(reason))?;
        return Ok(MessageResult::Refunded);
    }
    if matches!(checkout.state()?, CheckoutState::Paid | CheckoutState::Settled) {
        let reason = "It was paid before; the second payment was sent back.".to_owned();
        refund::payment_refund(conn, context, &checkout, message, &refund(reason))?;
        return Ok(MessageResult::Refunded);
    }
    // Open, or ended without goods: the seller says whether they can still be had.
    checkout.state_set(CheckoutState::Paid, now);
    checkout.hold_id = Some(hold);
    checkout.message_id = Some(message.id);
    checkout.rail_reference = Some(message.reference.clone());
    checkout.receipt_id = Some(context.env.new_id());
    // A rail's clock may be ahead: what is signed from now on must not govern this payment.
    checkout.paid_at = Some(message.occurred_at.min(now));
    checkout.reason = None;
    let checkout = checkout.save(conn, &context.sealer)?;
    outbox::enqueue(
        conn,
        &context.sealer,
        &context.env,
        DELIVER,
        &checkout.id.to_string(),
        &checkout.id,
    )?;
    sale_owe(conn, context, &checkout)?;
    Ok(MessageResult::Booked)
}

/// Books the money from the rail into the payer's held account, with a hold.
fn hold_place(
    conn: &mut Conn,
    context: &Context,
    message: &MessageRow,
    checkout: &CheckoutRow,
) -> Result<Outcome, PayError> {
    let money = message.money()?;
    let id: HoldId = context.env.new_id();
    let place = HoldPlace {
        id,
        key: message.ledger_key(),
        source: AccountKey::rail(&message.rail, money.asset),
        owner: Owner::Did(checkout.buyer()?),
        amount: money.amount,
        reference: checkout.id.to_string(),
        expires_at: None,
    };
    Ok(context.ledger.execute_one(conn, &Command::Place(place))??)
}

/// Money came in for no checkout of ours: it is booked as nobody's, and the operator sees it.
fn unmatched(conn: &mut Conn, context: &Context, message: &MessageRow) -> Result<MessageResult, PayError> {
    let money = message.money()?;
    if money.is_zero() {
        return Ok(MessageResult::Ignored);
    }
    let units = money.amount.micros();
    let posting = Posting {
        key: message.ledger_key(),
        kind: EntryKind::Unmatched,
        reference: message.id.to_string(),
        movements: vec![
            Movement::new(AccountKey::rail(&message.rail, money.asset), units.saturating_neg()),
            Movement::new(AccountKey::new(Owner::Node, money.asset, Purpose::Unmatched), units),
        ],
    };
    context.ledger.execute_one(conn, &Command::Post(posting))??;
    tracing::error!(message = %message.id, rail = message.rail, "money arrived for an unknown checkout");
    Ok(MessageResult::Unmatched)
}

fn failed(conn: &mut Conn, context: &Context, mut checkout: CheckoutRow) -> Result<MessageResult, PayError> {
    if checkout.state()? != CheckoutState::Open {
        return Ok(MessageResult::Ignored);
    }
    checkout.failures = checkout.failures.saturating_add(1);
    checkout.updated_at = context.now();
    checkout.save(conn, &context.sealer)?;
    Ok(MessageResult::Failed)
}

fn cancelled(conn: &mut Conn, context: &Context, mut checkout: CheckoutRow) -> Result<MessageResult, PayError> {
    if checkout.state()? != CheckoutState::Open {
        return Ok(MessageResult::Ignored);
    }
    checkout.state_set(CheckoutState::Cancelled, context.now());
    checkout.reason = Some("The buyer left.".to_owned());
    let checkout = checkout.save(conn, &context.sealer)?;
    outbox::enqueue(
        conn,
        &context.sealer,
        &context.env,
        RELEASE,
        &checkout.id.to_string(),
        &checkout.goods(),
    )?;
    Ok(MessageResult::Cancelled)
}
