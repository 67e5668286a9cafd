//! Held shares of receipts that are older than the table of held shares.

use diesel::prelude::*;
use imajin_store::{Conn, SealedRow};

use super::checkout_find;
use super::shares::shares_of;
use crate::PayError;
use crate::context::Context;
use crate::rows::{ReceiptRow, ShareRow};
use crate::schema::{held_shares, receipts};

/// Receipts per transaction.
const BACKFILL_ROWS: i64 = 50;

/// Writes down held shares of receipts from before the table of held shares, a batch at a time: those older than the
/// oldest that has its rows. Zero means that none is left.
pub(crate) fn shares_backfill(conn: &mut Conn, context: &Context) -> Result<usize, PayError> {
    let oldest: Option<String> = held_shares::table
        .select(diesel::dsl::min(held_shares::receipt_id))
        .first(conn)?;
    let mut older = receipts::table
        .filter(receipts::document.like("%\"held\":true%"))
        .order_by(receipts::id.desc())
        .limit(BACKFILL_ROWS)
        .into_boxed();
    if let Some(oldest) = oldest {
        older = older.filter(receipts::id.lt(oldest));
    }
    let rows: Vec<ReceiptRow> = older.select(ReceiptRow::as_select()).load(conn)?;
    let mut written: usize = 0;
    for row in rows {
        let body = row.intact(&context.sealer)?.message()?.payload;
        let checkout = checkout_find(conn, context, body.checkout)?.ok_or(PayError::NotFound("checkout"))?;
        let split = context.splits.fetch(conn, context, &checkout.split_id)?;
        let shares = shares_of(&body, &split);
        written = written.saturating_add(shares.len());
        ShareRow::insert_all(shares, conn, &context.sealer)?;
    }
    Ok(written)
}
