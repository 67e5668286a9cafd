//! Refunds as they are looked up and shown.

use diesel::prelude::*;
use imajin_kernel::id::{CheckoutId, ReceiptId, RefundId};
use imajin_money::Money;
use imajin_pay_api::{Reader, RefundSheet, RefundView};
use imajin_store::{Conn, SealedRow, intact_all};

use super::checkout_find;
use super::payout::amount;
use super::sale::Sale;
use super::sale_refund::{REFUNDS_MAX, SaleRef, checkout_of};
use crate::PayError;
use crate::context::Context;
use crate::rows::{RefundRow, RefundState};
use crate::schema::refunds;

/// A refund, its seal checked.
pub(crate) fn refund_find(conn: &mut Conn, context: &Context, id: RefundId) -> Result<Option<RefundRow>, PayError> {
    let row: Option<RefundRow> = refunds::table
        .find(id)
        .select(RefundRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Whether the rail has not answered yet about a refund of a sale.
pub(crate) fn refund_is_under_way(conn: &mut Conn, checkout: CheckoutId) -> Result<bool, PayError> {
    let waiting: i64 = refunds::table
        .filter(refunds::checkout_id.eq(checkout))
        .filter(refunds::state.eq(RefundState::Waiting.as_str()))
        .count()
        .get_result(conn)?;
    Ok(waiting > 0)
}

/// The refunds of a sale, oldest first.
pub(crate) fn refunds_of(conn: &mut Conn, context: &Context, checkout: CheckoutId) -> Result<Vec<RefundRow>, PayError> {
    let rows: Vec<RefundRow> = refunds::table
        .filter(refunds::checkout_id.eq(checkout))
        .order_by(refunds::id)
        .limit(REFUNDS_MAX)
        .select(RefundRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// What has gone back of a sale through its rail, or is on its way.
pub(crate) fn refunded_units(rows: &[RefundRow]) -> i64 {
    let gone = rows.iter().filter(|row| !row.is(RefundState::Failed));
    gone.map(|row| row.amount).fold(0, i64::saturating_add)
}

impl RefundRow {
    pub(crate) fn view(&self) -> Result<RefundView, PayError> {
        Ok(RefundView {
            id: self.id,
            receipt: self.receipt_id,
            checkout: self.checkout_id,
            amount: self.money()?,
            state: self.state.clone(),
            reason: self.reason.clone(),
            problem: self.problem.clone(),
            rail_reference: self.reference.clone(),
            created_at: self.created_at,
        })
    }
}

/// What went back of a receipt, and what can; none for somebody who may not see the receipt.
pub(crate) fn refund_sheet(
    conn: &mut Conn,
    context: &Context,
    receipt: ReceiptId,
    reader: &Reader,
) -> Result<Option<RefundSheet>, PayError> {
    if super::lists::receipt_fetch(conn, context, receipt, reader)?.is_none() {
        return Ok(None);
    }
    let id = checkout_of(conn, SaleRef::Receipt(receipt))?;
    let checkout = checkout_find(conn, context, id)?.ok_or(PayError::NotFound("checkout"))?;
    let is_seller = checkout.seller_did == reader.did.canonical().as_str();
    let sale = Sale::load(conn, context, checkout)?;
    let rows = refunds_of(conn, context, id)?;
    let money = |units: i64| Ok::<_, PayError>(Money::new(amount(units)?, sale.asset()));
    Ok(Some(RefundSheet {
        refunded: money(refunded_units(&rows))?,
        left: money(sale.left_units())?,
        may_refund: is_seller || reader.operator,
        refunds: rows.iter().map(RefundRow::view).collect::<Result<_, _>>()?,
    }))
}
