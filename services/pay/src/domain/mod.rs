//! What pay does, as synchronous functions over one connection; the caller holds the transaction.

pub(crate) mod address;
pub(crate) mod balance;
pub(crate) mod checkout;
pub(crate) mod claims;
pub(crate) mod collect;
pub(crate) mod contract;
pub(crate) mod credit_note;
pub(crate) mod debts;
pub(crate) mod direct;
pub(crate) mod dispute;
pub(crate) mod distribute;
pub(crate) mod fees;
pub(crate) mod free;
pub(crate) mod goods_back;
pub(crate) mod holds;
pub(crate) mod home;
pub(crate) mod limits;
pub(crate) mod lists;
pub(crate) mod look;
pub(crate) mod measured;
pub(crate) mod message;
pub(crate) mod notices;
pub(crate) mod overview;
pub(crate) mod payee;
pub(crate) mod payer;
pub(crate) mod payment;
pub(crate) mod payout;
pub(crate) mod payout_list;
pub(crate) mod payout_parts;
pub(crate) mod peers;
pub(crate) mod plan;
pub(crate) mod promised;
pub(crate) mod receipt;
pub(crate) mod reconcile;
pub(crate) mod refund;
pub(crate) mod refund_by_hand;
pub(crate) mod refund_list;
pub(crate) mod remit_home;
pub(crate) mod remit_in;
pub(crate) mod remit_out;
pub(crate) mod reversal;
pub(crate) mod sale;
pub(crate) mod sale_refund;
pub(crate) mod sales;
pub(crate) mod settle;
pub(crate) mod settle_prepare;
pub(crate) mod share_backfill;
pub(crate) mod share_list;
pub(crate) mod shares;
pub(crate) mod solana;
pub(crate) mod statements;
pub(crate) mod visa;

use diesel::prelude::*;
use imajin_kernel::id::CheckoutId;
use imajin_store::{Conn, SealedRow, for_update};

use crate::PayError;
use crate::context::Context;
use crate::rows::CheckoutRow;
use crate::schema::checkouts;

/// A checkout, locked until the transaction ends, its seal checked.
pub(crate) fn checkout_lock(
    conn: &mut Conn,
    context: &Context,
    id: CheckoutId,
) -> Result<Option<CheckoutRow>, PayError> {
    let row: Option<CheckoutRow> = for_update!(
        conn,
        checkouts::table.find(id).select(CheckoutRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A checkout, its seal checked.
pub(crate) fn checkout_find(
    conn: &mut Conn,
    context: &Context,
    id: CheckoutId,
) -> Result<Option<CheckoutRow>, PayError> {
    let row: Option<CheckoutRow> = checkouts::table
        .find(id)
        .select(CheckoutRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}
