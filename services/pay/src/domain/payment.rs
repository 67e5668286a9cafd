//! Payments at rails that take something for themselves, and how much that is.

use diesel::prelude::*;
use imajin_ledger::{AccountKey, Movement};
use imajin_money::{Amount, Money};
use imajin_rails::{Confirmed, RailFee};
use imajin_store::{Conn, SealedRow, for_update, outbox};

use super::message::DELIVER;
use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, MessageRow, PaymentRow};
use crate::schema::rail_payments;

/// A payment, its seal checked.
pub(crate) fn payment_find(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    reference: &str,
) -> Result<Option<PaymentRow>, PayError> {
    let row: Option<PaymentRow> = rail_payments::table
        .find((rail, reference))
        .select(PaymentRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A payment, locked until the transaction ends, its seal checked.
pub(crate) fn payment_lock(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    reference: &str,
) -> Result<Option<PaymentRow>, PayError> {
    let row: Option<PaymentRow> = for_update!(
        conn,
        rail_payments::table.find((rail, reference)).select(PaymentRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Whether the money of a message was booked with another message: a rail may tell twice about one payment.
pub(crate) fn payment_is_booked(
    conn: &mut Conn,
    context: &Context,
    message: &MessageRow,
    confirmed: &Confirmed,
) -> Result<bool, PayError> {
    if confirmed.fee == RailFee::Free {
        return Ok(false);
    }
    Ok(payment_find(conn, context, &message.rail, &message.reference)?.is_some())
}

/// Keeps a payment whose money is booked, with what the rail takes of it. A second one with this reference is refused
/// by the database, and with it everything that was booked for it.
pub(crate) fn payment_keep(
    conn: &mut Conn,
    context: &Context,
    message: &MessageRow,
    fee: RailFee,
) -> Result<(), PayError> {
    let fee = match fee {
        RailFee::Free => return Ok(()),
        RailFee::Unknown => None,
        RailFee::Known(fee) => Some(fee.micros()),
    };
    let row = PaymentRow {
        rail: message.rail.clone(),
        reference: message.reference.clone(),
        message_id: message.id,
        checkout_id: message.checkout_id.clone(),
        asset: message.asset.clone(),
        amount: message.amount,
        fee,
        fee_known_at: fee.map(|_known| context.now()),
        passed_on: None,
        paid_at: message.occurred_at,
        row_seal: Vec::new(),
    };
    row.insert(conn, &context.sealer)?;
    Ok(())
}

/// Notes what a rail has taken of a payment, once; a split that waited for it goes on. `false`: there is no such
/// payment here.
pub(crate) fn fee_note(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    reference: &str,
    fee: Amount,
) -> Result<bool, PayError> {
    let Some(mut row) = payment_lock(conn, context, rail, reference)? else {
        return Ok(false);
    };
    if row.fee.is_none() {
        row.fee = Some(fee.micros());
        row.fee_known_at = Some(context.now());
        let checkout = row.checkout_id.clone();
        row.save(conn, &context.sealer)?;
        outbox::expedite_key(conn, &context.sealer, DELIVER, &checkout, context.now())?;
    }
    Ok(true)
}

/// What the rail takes of the payment that counts for a checkout.
pub(crate) fn fee_of(conn: &mut Conn, context: &Context, checkout: &CheckoutRow) -> Result<RailFee, PayError> {
    // The one rail that is always there takes nothing: its settlements ask no table.
    if context.rail(&checkout.rail).is_ok_and(|rail| !rail.is_remote()) {
        return Ok(RailFee::Free);
    }
    let reference = checkout.rail_reference.as_deref().unwrap_or_default();
    let Some(row) = payment_find(conn, context, &checkout.rail, reference)? else {
        return Ok(RailFee::Free);
    };
    Ok(row.fee()?.map_or(RailFee::Unknown, RailFee::Known))
}

/// What is left of a price for the split, and what the rail keeps of it: never more than the price.
pub(crate) fn net_of(price: Money, fee: RailFee) -> Result<(Money, Option<Amount>), PayError> {
    match fee {
        RailFee::Free => Ok((price, None)),
        RailFee::Unknown => Err(PayError::State {
            detail: "The rail has not said yet what it takes of this payment.".to_owned(),
            hint: "It is split as soon as that is known.",
        }),
        RailFee::Known(fee) => {
            let fee = fee.min(price.amount);
            let net = price.amount.checked_sub(fee);
            let net = net.map_err(|error| PayError::Fault(error.to_string()))?;
            Ok((Money::new(net, price.asset), Some(fee)))
        }
    }
}

/// The movement of what a rail keeps: it has that much less of our money.
pub(crate) fn fee_movement(rail: &str, price: Money, fee: Option<Amount>) -> Option<Movement> {
    let fee = fee.filter(|fee| !fee.is_zero())?;
    Some(Movement::new(AccountKey::rail(rail, price.asset), fee.micros()))
}
