//! Payouts as their payees see them.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::PayoutId;
use imajin_money::Money;
use imajin_store::{Conn, SealedRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::payout::amount;
use crate::PayError;
use crate::context::Context;
use crate::rows::{PartRow, PayoutRow, WAITING};
use crate::schema::{payout_parts, payouts};

/// The most payouts of one list.
const LIST_MAX: i64 = 100;

/// A payout as its payee sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PayoutView {
    /// The payout.
    #[schema(value_type = String)]
    pub(crate) id: PayoutId,
    /// The rail that it goes through.
    pub(crate) rail: String,
    /// What left the balance.
    #[schema(value_type = Object)]
    pub(crate) amount: Money,
    /// `under_way`, `paid`, `failed`: nothing of it was sent; `partly`: some of it came back to the balance.
    pub(crate) state: String,
    /// What came back to the balance.
    #[schema(value_type = Object)]
    pub(crate) returned: Money,
    /// When it was asked for.
    #[schema(value_type = String)]
    pub(crate) created_at: Timestamp,
}

pub(crate) fn payout_view(conn: &mut Conn, context: &Context, row: &PayoutRow) -> Result<PayoutView, PayError> {
    let parts: Vec<PartRow> = payout_parts::table
        .filter(payout_parts::payout_id.eq(row.id))
        .select(PartRow::as_select())
        .load(conn)?;
    let mut returned: i64 = 0;
    let mut waiting = false;
    for part in parts {
        let part = part.intact(&context.sealer)?;
        waiting |= part.state == WAITING;
        returned = returned.saturating_add(part.reversed.unwrap_or(0));
    }
    let state = match (waiting, returned) {
        (true, _) => "under_way",
        (false, 0) => "paid",
        (false, back) if back >= row.amount => "failed",
        (false, _) => "partly",
    };
    let money = row.money()?;
    Ok(PayoutView {
        id: row.id,
        rail: row.rail.clone(),
        amount: money,
        state: state.to_owned(),
        returned: Money::new(amount(returned)?, money.asset),
        created_at: row.created_at,
    })
}

/// A payout, its seal checked.
pub(crate) fn payout_find(conn: &mut Conn, context: &Context, id: PayoutId) -> Result<PayoutRow, PayError> {
    let row: PayoutRow = payouts::table.find(id).select(PayoutRow::as_select()).first(conn)?;
    Ok(row.intact(&context.sealer)?)
}

/// A payout as it stands.
pub(crate) fn payout_fetch(conn: &mut Conn, context: &Context, id: PayoutId) -> Result<PayoutView, PayError> {
    let row = payout_find(conn, context, id)?;
    payout_view(conn, context, &row)
}

/// Somebody's payouts, newest first.
pub(crate) fn payout_list(conn: &mut Conn, context: &Context, payee: &Did) -> Result<Vec<PayoutView>, PayError> {
    let rows: Vec<PayoutRow> = payouts::table
        .filter(payouts::did.eq(payee.canonical().to_string()))
        .order_by(payouts::id.desc())
        .limit(LIST_MAX)
        .select(PayoutRow::as_select())
        .load(conn)?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row.intact(&context.sealer)?;
        views.push(payout_view(conn, context, &row)?);
    }
    Ok(views)
}
