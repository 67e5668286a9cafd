use diesel::prelude::*;
use imajin_kernel::id::ReceiptId;
use imajin_pay_api::CheckoutState;
use imajin_store::{Conn, one_of};

use crate::rows::{TAKEN, state_text};
use crate::schema::checkouts;

/// Goods whose money is held or split: what the seller's books must agree with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidGoods {
    /// The seller's identifier.
    pub goods_id: String,
    /// The receipt that exists, or will.
    pub receipt: Option<ReceiptId>,
    /// Whether the money is split: then the goods must have been handed over.
    pub settled: bool,
}

/// Paid goods of one kind in the order of their identifiers, after `after`.
///
/// # Errors
/// Diesel's.
pub fn paid_goods_list(conn: &mut Conn, goods_kind: &str, after: &str, limit: i64) -> QueryResult<Vec<PaidGoods>> {
    let settled = state_text(CheckoutState::Settled);
    let rows: Vec<(String, Option<ReceiptId>, String)> = checkouts::table
        .filter(checkouts::goods_kind.eq(goods_kind))
        .filter(checkouts::goods_id.gt(after))
        .filter(one_of(checkouts::state, &TAKEN))
        .order_by(checkouts::goods_id)
        .limit(limit)
        .select((checkouts::goods_id, checkouts::receipt_id, checkouts::state))
        .load(conn)?;
    let paid = |(goods_id, receipt, state): (String, Option<ReceiptId>, String)| PaidGoods {
        goods_id,
        receipt,
        settled: state == settled,
    };
    Ok(rows.into_iter().map(paid).collect())
}
