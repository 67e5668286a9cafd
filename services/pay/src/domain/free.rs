//! Goods that cost nothing: nobody pays, they are handed over at once, and there is a receipt all the same, with its
//! place in the ledger.

use diesel::prelude::*;
use imajin_ledger::{Command, EntryKind, Note};
use imajin_pay_api::CheckoutState;
use imajin_store::{Conn, Literal, SealedRow, one_of, outbox};

use super::checkout::NewCheckout;
use super::message::DELIVER;
use super::notices::sale_owe;
use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, TAKEN};
use crate::schema::checkouts;

/// What stands in the place of a rail when there is nothing to pay.
pub(crate) const FREE: &str = "free";

/// What the ledger books for a checkout of nothing.
pub(crate) fn free_command(row: &CheckoutRow, key: String) -> Command {
    Command::Note(Note {
        key,
        kind: EntryKind::Settlement,
        reference: row.id.to_string(),
    })
}

/// The checkout with which somebody has got these goods for nothing already.
pub(crate) fn free_find(
    conn: &mut Conn,
    context: &Context,
    new: &NewCheckout,
) -> Result<Option<CheckoutRow>, PayError> {
    let row: Option<CheckoutRow> = checkouts::table
        .filter(checkouts::rail.eq(Literal(FREE)))
        .filter(checkouts::goods_kind.eq(&new.goods.kind))
        .filter(checkouts::goods_id.eq(&new.goods.id))
        .filter(checkouts::owner_did.eq(new.buyer.canonical().to_string()))
        .filter(one_of(checkouts::state, &TAKEN))
        .select(CheckoutRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Makes a checkout, which is not stored yet, one that has nothing to wait for.
pub(crate) fn free_pay(row: &mut CheckoutRow, context: &Context) {
    let now = context.now();
    row.state_set(CheckoutState::Paid, now);
    row.rail_reference = Some(row.id.to_string());
    row.receipt_id = Some(context.env.new_id());
    row.paid_at = Some(now);
}

/// Has the goods of such a checkout handed over.
pub(crate) fn free_deliver(conn: &mut Conn, context: &Context, row: &CheckoutRow) -> Result<(), PayError> {
    let (sealer, id) = (&context.sealer, row.id);
    outbox::enqueue(conn, sealer, &context.env, DELIVER, &id.to_string(), &id)?;
    sale_owe(conn, context, row)
}

/// The goods cannot be had; there is no money that could go back.
pub(crate) fn free_end(conn: &mut Conn, context: &Context, mut row: CheckoutRow, reason: &str) -> Result<(), PayError> {
    row.state_set(CheckoutState::Refunded, context.now());
    row.reason = Some(reason.to_owned());
    row.receipt_id = None;
    row.save(conn, &context.sealer)?;
    Ok(())
}
