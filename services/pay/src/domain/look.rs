//! What the operator looks at, one thing or one page at a time. Every query has an index and a bound.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::{CheckoutId, EntryId, PayoutId, RailMessageId, ReceiptId};
use imajin_kernel::{Span, Timestamp};
use imajin_ledger::{
    Account, AccountId, Entry, Owner, StatementLine, account_find, account_list, entry_fetch, entry_find,
    statement_list,
};
use imajin_money::Money;
use imajin_store::{Conn, Literal, SealedRow, intact_all, one_of};

use super::checkout_find;
use super::payout_list::{PayoutView, payout_view};
use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, DisputeRow, MessageRow, PayoutRow, ReceiptRow, TAKEN};
use crate::schema::{
    checkouts, disputes, payout_parts, payouts, rail_messages, rail_payments, receipt_parties, receipts,
};

/// More than one thing has.
const FEW: i64 = 100;

/// An account and a page of its statement.
pub(crate) fn account(
    conn: &mut Conn,
    context: &Context,
    id: AccountId,
    before: Option<i64>,
    limit: i64,
) -> Result<Option<(Account, Vec<StatementLine>)>, PayError> {
    let Some(account) = account_find(conn, &context.sealer, id)? else {
        return Ok(None);
    };
    let lines = statement_list(conn, &context.sealer, &account.key, before, limit)?;
    Ok(Some((account, lines)))
}

/// The accounts of an entry's legs, in their order; `None` where one is missing.
pub(crate) type LegAccounts = Vec<Option<Account>>;

/// An entry, and the accounts of its legs in their order.
pub(crate) fn entry(conn: &mut Conn, context: &Context, id: EntryId) -> Result<Option<(Entry, LegAccounts)>, PayError> {
    let Some(entry) = entry_fetch(conn, &context.sealer, id)? else {
        return Ok(None);
    };
    let mut accounts = Vec::with_capacity(entry.legs.len());
    for leg in &entry.legs {
        accounts.push(account_find(conn, &context.sealer, leg.account())?);
    }
    Ok(Some((entry, accounts)))
}

/// A checkout with everything that followed.
pub(crate) struct Order {
    pub(crate) checkout: CheckoutRow,
    pub(crate) messages: Vec<MessageRow>,
    pub(crate) entries: Vec<Entry>,
}

pub(crate) fn order(conn: &mut Conn, context: &Context, id: CheckoutId) -> Result<Option<Order>, PayError> {
    let Some(checkout) = checkout_find(conn, context, id)? else {
        return Ok(None);
    };
    let rows: Vec<MessageRow> = rail_messages::table
        .filter(rail_messages::checkout_id.eq(id.to_string()))
        .order_by(rail_messages::id)
        .limit(FEW)
        .select(MessageRow::as_select())
        .load(conn)?;
    let mut messages = Vec::with_capacity(rows.len());
    for row in rows {
        messages.push(row.intact(&context.sealer)?);
    }
    // Everything that is booked for an order has a key that follows from what it is booked for.
    let mut keys: Vec<String> = Vec::new();
    for message in &messages {
        keys.extend([message.ledger_key(), format!("refund/{}", message.id)]);
    }
    keys.push(format!("settle/{id}"));
    let disputed: Vec<DisputeRow> = match &checkout.rail_reference {
        Some(payment) => disputes::table
            .filter(disputes::rail.eq(&checkout.rail))
            .filter(disputes::payment.eq(payment))
            .limit(FEW)
            .select(DisputeRow::as_select())
            .load(conn)?,
        None => Vec::new(),
    };
    for dispute in &disputed {
        keys.extend([dispute.taken_key(), dispute.given_back_key()]);
    }
    let mut entries = Vec::new();
    for key in keys {
        entries.extend(entry_find(conn, &context.sealer, &key)?);
    }
    Ok(Some(Order {
        checkout,
        messages,
        entries,
    }))
}

/// The checkouts of goods, by the seller's own identifier.
pub(crate) fn orders_of_goods(conn: &mut Conn, context: &Context, goods: &str) -> Result<Vec<CheckoutRow>, PayError> {
    let rows: Vec<CheckoutRow> = checkouts::table
        .filter(checkouts::goods_kind.eq("order"))
        .filter(checkouts::goods_id.eq(goods))
        .filter(one_of(checkouts::state, &TAKEN))
        .limit(FEW)
        .select(CheckoutRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// Checkouts that a rail's reference of a payment, a refund, a dispute or a transfer is about.
pub(crate) fn orders_of_reference(conn: &mut Conn, reference: &str) -> Result<Vec<String>, PayError> {
    let mut found: Vec<String> = rail_messages::table
        .filter(rail_messages::reference.eq(reference))
        .limit(FEW)
        .select(rail_messages::checkout_id)
        .load(conn)?;
    found.extend::<Vec<String>>(
        rail_messages::table
            .filter(rail_messages::refund_reference.eq(reference))
            .limit(FEW)
            .select(rail_messages::checkout_id)
            .load(conn)?,
    );
    found.extend::<Vec<String>>(
        rail_payments::table
            .filter(rail_payments::reference.eq(reference))
            .limit(FEW)
            .select(rail_payments::checkout_id)
            .load(conn)?,
    );
    found.sort_unstable();
    found.dedup();
    found.retain(|id| !id.is_empty());
    Ok(found)
}

/// Payouts that a transfer belongs to.
pub(crate) fn payout_of_transfer(conn: &mut Conn, reference: &str) -> Result<Option<PayoutId>, PayError> {
    let id = payout_parts::table
        .filter(payout_parts::reference.eq(reference))
        .select(payout_parts::payout_id)
        .first(conn)
        .optional()?;
    Ok(id)
}

/// All accounts of somebody.
pub(crate) fn accounts_of(conn: &mut Conn, context: &Context, owner: &Owner) -> Result<Vec<Account>, PayError> {
    Ok(account_list(conn, &context.sealer, owner)?)
}

/// Which receipts.
#[derive(Debug, Clone)]
pub(crate) enum ReceiptsOf {
    /// A payer or payee.
    Party(Did),
    /// A day that begins at this moment.
    Day(Timestamp),
    /// What was paid, exactly.
    Gross(Money),
}

/// A page of receipts, newest first.
pub(crate) fn receipts_of(
    conn: &mut Conn,
    context: &Context,
    of: &ReceiptsOf,
    before: Option<ReceiptId>,
    limit: i64,
) -> Result<Vec<ReceiptRow>, PayError> {
    let before = before.map_or_else(|| "rcp_~".to_owned(), |id| id.to_string());
    let query = receipts::table
        .order_by(receipts::id.desc())
        .limit(limit)
        .select(ReceiptRow::as_select());
    let rows: Vec<ReceiptRow> = match of {
        ReceiptsOf::Gross(money) => query
            .filter(receipts::id.lt(before))
            .filter(receipts::asset.eq(money.asset.to_string()))
            .filter(receipts::gross.eq(money.amount.micros()))
            .load(conn)?,
        ReceiptsOf::Day(start) => {
            // Receipts are named by the time at which they were reserved, a moment before they were issued.
            let bound = |at: Timestamp| ReceiptId::generate(at, [0; 10]).to_string();
            let end = bound(start.plus(Span::days(1)));
            query
                .filter(receipts::id.ge(bound(*start)))
                .filter(receipts::id.lt(before.min(end)))
                .load(conn)?
        }
        ReceiptsOf::Party(did) => {
            let ids: Vec<String> = receipt_parties::table
                .filter(receipt_parties::did.eq(did.canonical().to_string()))
                .filter(receipt_parties::receipt_id.lt(before))
                .order_by(receipt_parties::receipt_id.desc())
                .limit(limit)
                .select(receipt_parties::receipt_id)
                .load(conn)?;
            query.filter(receipts::id.eq_any(ids)).load(conn)?
        }
    };
    Ok(intact_all(rows, &context.sealer)?)
}

/// A page of everybody's payouts, newest first.
pub(crate) fn payout_page(
    conn: &mut Conn,
    context: &Context,
    before: Option<PayoutId>,
    limit: i64,
) -> Result<Vec<(PayoutRow, PayoutView)>, PayError> {
    let before = before.map_or_else(|| "pyo_~".to_owned(), |id| id.to_string());
    let rows: Vec<PayoutRow> = payouts::table
        .filter(payouts::id.lt(before))
        .order_by(payouts::id.desc())
        .limit(limit)
        .select(PayoutRow::as_select())
        .load(conn)?;
    let mut page = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row.intact(&context.sealer)?;
        let view = payout_view(conn, context, &row)?;
        page.push((row, view));
    }
    Ok(page)
}

/// Disputes: the open ones first, then the latest.
pub(crate) fn dispute_page(conn: &mut Conn, context: &Context) -> Result<Vec<DisputeRow>, PayError> {
    let mut rows: Vec<DisputeRow> = disputes::table
        .filter(disputes::state.eq(Literal("open")))
        .order_by(disputes::opened_at)
        .limit(FEW)
        .select(DisputeRow::as_select())
        .load(conn)?;
    let closed: Vec<DisputeRow> = disputes::table
        .filter(disputes::closed_at.is_not_null())
        .order_by(disputes::closed_at.desc())
        .limit(FEW)
        .select(DisputeRow::as_select())
        .load(conn)?;
    rows.extend(closed);
    Ok(intact_all(rows, &context.sealer)?)
}

/// A page of what rails have said, newest first; the unprocessed ones only, if wanted.
pub(crate) fn message_page(
    conn: &mut Conn,
    context: &Context,
    before: Option<RailMessageId>,
    waiting: bool,
    limit: i64,
) -> Result<Vec<MessageRow>, PayError> {
    let before = before.map_or_else(|| "rlm_~".to_owned(), |id| id.to_string());
    let query = rail_messages::table
        .filter(rail_messages::id.lt(before))
        .order_by(rail_messages::id.desc())
        .limit(limit)
        .select(MessageRow::as_select());
    let rows: Vec<MessageRow> = if waiting {
        query.filter(rail_messages::processed_at.is_null()).load(conn)?
    } else {
        query.load(conn)?
    };
    Ok(intact_all(rows, &context.sealer)?)
}
