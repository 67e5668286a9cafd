//! What rails say that they have done, kept: whatever was listed once can be compared at any time.

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{RailMessageId, RefundId};
use imajin_money::{Amount, Money};
use imajin_rails::{FACT_DONE, FACT_FAILED, FactKind, FactPage, Rail, RailFact, RailOutcome};
use imajin_store::{Conn, SealedRow, for_update, intact_all, row_insert_missing};

use crate::PayError;
use crate::context::Context;
use crate::rows::{FactRow, MessageRow, RefundRow, SumRow, money};
use crate::schema::{rail_facts, rail_messages, rail_sums, refunds};

/// Messages that one page of a rail without lists of its own looks at.
const MESSAGES: i64 = 200;

/// A fact, its seal checked.
pub(crate) fn fact_find(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    kind: FactKind,
    reference: &str,
) -> Result<Option<FactRow>, PayError> {
    let row: Option<FactRow> = rail_facts::table
        .find((rail, kind.as_str(), reference))
        .select(FactRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Keeps what a rail says now, and what that changes in the sum.
pub(crate) fn fact_keep(conn: &mut Conn, context: &Context, rail: &str, fact: &RailFact) -> Result<(), PayError> {
    let before = fact_find(conn, context, rail, fact.kind, &fact.reference)?;
    let row = FactRow {
        rail: rail.to_owned(),
        kind: fact.kind.as_str().to_owned(),
        reference: fact.reference.clone(),
        about: fact.about.clone(),
        happened_at: fact.time,
        asset: fact.amount.asset.to_string(),
        amount: fact.amount.amount.micros(),
        extra: fact.extra.map(Amount::micros),
        state: fact.state.to_owned(),
        seen_at: context.now(),
        row_seal: Vec::new(),
    };
    let (held, withdrawn) = match &before {
        Some(old) if is_same(old, &row) => return Ok(()),
        Some(old) => sums_with(old, fact.kind)?,
        None => (0, 0),
    };
    let mut sum = sum_lock(conn, context, rail, &row.asset)?;
    sum.held = sum.held.saturating_add(fact.held_units()).saturating_sub(held);
    sum.withdrawn = sum.withdrawn.saturating_add(fact.withdrawn_units());
    sum.withdrawn = sum.withdrawn.saturating_sub(withdrawn);
    sum.save(conn, &context.sealer)?;
    if before.is_some() {
        row.save(conn, &context.sealer)?;
    } else {
        row.insert(conn, &context.sealer)?;
    }
    Ok(())
}

fn is_same(old: &FactRow, new: &FactRow) -> bool {
    (&old.about, old.happened_at, &old.asset, old.amount) == (&new.about, new.happened_at, &new.asset, new.amount)
        && (old.extra, &old.state) == (new.extra, &new.state)
}

/// What a kept fact adds to the sums of its rail: to what is held, and to what went without the ledger.
pub(crate) fn sums_with(row: &FactRow, kind: FactKind) -> Result<(i64, i64), PayError> {
    let damaged = || PayError::damaged(FactRow::TABLE, &row.row_key(), "an amount is impossible");
    let fact = RailFact {
        kind,
        reference: String::new(),
        about: String::new(),
        time: row.happened_at,
        amount: money(FactRow::TABLE, &row.row_key(), row.amount, &row.asset)?,
        extra: row
            .extra
            .map(Amount::from_micros)
            .transpose()
            .map_err(|_negative| damaged())?,
        state: if row.state == FACT_FAILED {
            FACT_FAILED
        } else {
            FACT_DONE
        },
    };
    Ok((fact.held_units(), fact.withdrawn_units()))
}

/// The sum of a rail, locked until the transaction ends; made when it is missing.
fn sum_lock(conn: &mut Conn, context: &Context, rail: &str, asset: &str) -> Result<SumRow, PayError> {
    let empty = SumRow {
        rail: rail.to_owned(),
        asset: asset.to_owned(),
        held: 0,
        withdrawn: 0,
        row_seal: Vec::new(),
    };
    // Another process may make it at this moment.
    let empty = empty.sealed(&context.sealer)?;
    row_insert_missing!(conn, rail_sums, &empty)?;
    let row: SumRow = for_update!(
        conn,
        rail_sums::table.find((rail, asset)).select(SumRow::as_select()) => first
    )?;
    Ok(row.intact(&context.sealer)?)
}

/// The sums of a rail, by asset.
pub(crate) fn sums_of(conn: &mut Conn, context: &Context, rail: &str) -> Result<Vec<SumRow>, PayError> {
    let rows: Vec<SumRow> = rail_sums::table
        .filter(rail_sums::rail.eq(rail))
        .order_by(rail_sums::asset)
        .select(SumRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// In front of the places in the second of the two lists.
const OF_SALES: &str = "sales|";

/// What the test money's rail has done: it has no books of its own but the messages that it signed. Each is verified
/// again before it counts. What was sent back of a sale follows after them.
pub(crate) fn signed_facts(
    conn: &mut Conn,
    context: &Context,
    rail: &dyn Rail,
    since: Timestamp,
    cursor: Option<&str>,
) -> Result<FactPage, PayError> {
    if let Some(last) = cursor.and_then(|cursor| cursor.strip_prefix(OF_SALES)) {
        return sales_back(conn, context, rail, last);
    }
    // Messages are named by the time of their arrival, refunds by that of their asking.
    let first = RailMessageId::generate(since, [0; 10]).to_string();
    let rows: Vec<MessageRow> = rail_messages::table
        .filter(rail_messages::id.gt(cursor.map_or(first, str::to_owned)))
        .filter(rail_messages::processed_at.is_not_null())
        .order_by(rail_messages::id)
        .limit(MESSAGES)
        .select(MessageRow::as_select())
        .load(conn)?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == MESSAGES);
    let first_of_sales = || format!("{OF_SALES}{}", RefundId::generate(since, [0; 10]));
    let cursor = rows.last().filter(|_| is_full).map(|row| row.id.to_string());
    let cursor = cursor.or_else(|| Some(first_of_sales()));
    let mut facts = Vec::new();
    for row in rows.into_iter().filter(|row| row.rail == rail.name()) {
        let row = row.intact(&context.sealer)?;
        let Some(event) = rail
            .verify(&row.body, &[])?
            .filter(|event| event.outcome == RailOutcome::Paid)
        else {
            continue;
        };
        let payment = RailFact {
            kind: FactKind::Payment,
            reference: event.reference.clone(),
            about: event.checkout.map(|checkout| checkout.to_string()).unwrap_or_default(),
            time: row.received_at,
            amount: event.amount,
            extra: None,
            state: FACT_DONE,
        };
        let sent_back = row.refund_reference.as_ref().map(|reference| RailFact {
            kind: FactKind::Refund,
            reference: reference.clone(),
            about: event.reference.clone(),
            ..payment.clone()
        });
        facts.extend(sent_back);
        // A message that brought nothing was a repetition of one that did.
        facts.extend(Some(payment).filter(|_| crate::rows::MessageResult::is_money(&row.result)));
    }
    Ok(FactPage {
        facts,
        cursor,
        cut: None,
    })
}

/// What went back of sales through a rail that has no books of its own.
fn sales_back(conn: &mut Conn, context: &Context, rail: &dyn Rail, last: &str) -> Result<FactPage, PayError> {
    let rows: Vec<RefundRow> = refunds::table
        .filter(refunds::id.gt(last))
        .filter(refunds::rail.eq(rail.name()))
        .filter(refunds::reference.is_not_null())
        .order_by(refunds::id)
        .limit(MESSAGES)
        .select(RefundRow::as_select())
        .load(conn)?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == MESSAGES);
    let cursor = rows.last().filter(|_| is_full);
    let cursor = cursor.map(|row| format!("{OF_SALES}{}", row.id));
    let mut facts = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row.intact(&context.sealer)?;
        facts.push(RailFact {
            kind: FactKind::Refund,
            amount: row.money()?,
            time: row.ended_at.unwrap_or(row.created_at),
            about: row.payment,
            reference: row.reference.unwrap_or_default(),
            extra: None,
            state: FACT_DONE,
        });
    }
    Ok(FactPage {
        facts,
        cursor,
        cut: None,
    })
}

/// An amount of a row, for a sentence.
pub(crate) fn amount_text(units: i64, asset: &str) -> String {
    money("", "", units, asset).map_or_else(
        |_impossible| format!("{units} {asset}"),
        |money: Money| money.to_string(),
    )
}
