use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_money::Money;
use imajin_pay_api::SalesSummary;
use imajin_store::{Conn, Literal, SealedRow, for_update, intact_all, row_insert_missing};

use crate::PayError;
use crate::context::Context;
use crate::rows::{SalesDayRow, SalesRow, money};
use crate::schema::{checkouts, sales_days, sales_totals};

/// More rows than the days of a chart have.
const DAYS_MAX: i64 = 2_000;
/// More assets than anyone sells in.
const ASSETS_MAX: i64 = 1_000;

/// The sums of an asset, locked until the transaction ends; made when they are missing.
fn sales_lock(conn: &mut Conn, context: &Context, asset: &str) -> Result<SalesRow, PayError> {
    if let Some(row) = sales_find(conn, context, asset)? {
        return Ok(row);
    }
    let empty = SalesRow {
        asset: asset.to_owned(),
        gross: 0,
        receipts: 0,
        refunds: 0,
        row_seal: Vec::new(),
    };
    let empty = empty.sealed(&context.sealer)?;
    // Another process may make it at this moment.
    row_insert_missing!(conn, sales_totals, &empty)?;
    sales_find(conn, context, asset)?.ok_or_else(|| PayError::Fault("the sums of an asset are not there".to_owned()))
}

fn sales_find(conn: &mut Conn, context: &Context, asset: &str) -> Result<Option<SalesRow>, PayError> {
    let row: Option<SalesRow> = for_update!(
        conn,
        sales_totals::table.find(asset).select(SalesRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Adds receipts: per asset the sum of the gross and how many there are.
pub(crate) fn sales_add(
    conn: &mut Conn,
    context: &Context,
    sums: &BTreeMap<String, (i64, i64)>,
) -> Result<(), PayError> {
    for (asset, (gross, receipts)) in sums {
        let mut row = sales_lock(conn, context, asset)?;
        let overflow = || PayError::Fault("the sum of all sales is too large".to_owned());
        row.gross = row.gross.checked_add(*gross).ok_or_else(overflow)?;
        row.receipts = row.receipts.saturating_add(*receipts);
        row.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// Adds what a batch of receipts sums up to, day by day.
pub(crate) fn days_add(
    conn: &mut Conn,
    context: &Context,
    days: &BTreeMap<(i64, String), SalesDayRow>,
) -> Result<(), PayError> {
    for ((day, asset), more) in days {
        let empty = SalesDayRow::empty(*day, asset.clone()).sealed(&context.sealer)?;
        // Another process may make it at this moment.
        row_insert_missing!(conn, sales_days, &empty)?;
        let row: SalesDayRow = for_update!(
            &mut *conn,
            sales_days::table.find((day, asset)).select(SalesDayRow::as_select()) => first
        )?;
        let mut row = row.intact(&context.sealer)?;
        row.merge(more);
        row.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// The days from one on, oldest first: as many rows as days and currencies, whatever was sold.
pub(crate) fn days_since(conn: &mut Conn, context: &Context, day: i64) -> Result<Vec<SalesDayRow>, PayError> {
    let rows: Vec<SalesDayRow> = sales_days::table
        .filter(sales_days::day.ge(day))
        .order_by((sales_days::day, sales_days::asset))
        .limit(DAYS_MAX)
        .select(SalesDayRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// Counts a refund.
pub(crate) fn refund_count(conn: &mut Conn, context: &Context, asset: &str) -> Result<(), PayError> {
    let mut row = sales_lock(conn, context, asset)?;
    row.refunds = row.refunds.saturating_add(1);
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// Sales of the node, for its operator.
pub(crate) fn sales_summary(conn: &mut Conn, context: &Context) -> Result<SalesSummary, PayError> {
    let rows: Vec<SalesRow> = sales_totals::table
        .order_by(sales_totals::asset)
        .limit(ASSETS_MAX)
        .select(SalesRow::as_select())
        .load(conn)?;
    let mut summary = SalesSummary::default();
    for row in rows {
        let row = row.intact(&context.sealer)?;
        let gross: Money = money(SalesRow::TABLE, &row.asset, row.gross, &row.asset)?;
        if !gross.is_zero() {
            summary.gross.push(gross);
        }
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        summary.receipts = summary.receipts.saturating_add(count(row.receipts));
        summary.refunded = summary.refunded.saturating_add(count(row.refunds));
    }
    let in_progress: i64 = checkouts::table
        .filter(checkouts::state.eq(Literal("paid")))
        .count()
        .get_result(conn)?;
    summary.in_progress = u64::try_from(in_progress).unwrap_or(0);
    Ok(summary)
}
