//! Refunds of sales that were split: whole or in part, by the seller or the operator, never more than was paid.
//!
//! The split is walked back and the rail's order is written in one transaction. When the rail has taken the refund, the
//! credit note is signed and the selling service is told. What the rail refuses is undone; what the buyer's bank does
//! not take afterwards goes to the buyer's balance.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::{CheckoutId, OutboxId, ReceiptId, RefundId};
use imajin_ledger::{AccountKey, Command, EntryKind, Posting, Purpose};
use imajin_money::{Asset, Money};
use imajin_pay_api::{CheckoutState, Reader};
use imajin_store::{Conn, Literal, SealedRow, for_update, outbox};

use super::balance::BALANCE;
use super::credit_note::note_make;
use super::debts::{Moves, debt_repay};
use super::dispute::dispute_standing;
use super::goods_back::goods_back_owe;
use super::notices::News;
use super::payout::amount;
use super::receipt::parties_of;
use super::refund::{RAIL_REFUND, RefundOrder};
use super::refund_list::refunds_of;
use super::reversal::{Walk, sale_give, sale_take};
use super::sale::Sale;
use super::visa::VISA;
use super::{checkout_find, checkout_lock, sales};
use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, MessageResult, ReceiptRow, RefundRow, RefundState};
use crate::schema::{rail_messages, receipts, refunds};

/// The longest reason.
pub(crate) const REASON_BYTES_MAX: usize = 500;
/// The most refunds of one sale: so many the rail lists when it is asked whether it has made one of them.
pub(crate) const REFUNDS_MAX: i64 = 100;

/// Which sale.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SaleRef {
    Receipt(ReceiptId),
    Checkout(CheckoutId),
}

/// A refund that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct RefundWish {
    pub(crate) sale: SaleRef,
    /// All that is left, if not said.
    pub(crate) amount: Option<Money>,
    pub(crate) reason: Option<String>,
}

/// The checkout of a sale.
pub(crate) fn checkout_of(conn: &mut Conn, sale: SaleRef) -> Result<CheckoutId, PayError> {
    let found: Option<CheckoutId> = match sale {
        SaleRef::Checkout(id) => Some(id),
        SaleRef::Receipt(id) => receipts::table
            .find(id)
            .select(receipts::checkout_id)
            .first(conn)
            .optional()?,
    };
    found.ok_or(PayError::NotFound("sale of yours"))
}

/// Walks a split back, and has the rail send the money back.
pub(crate) fn refund_make(
    conn: &mut Conn,
    context: &Context,
    caller: &Reader,
    wish: &RefundWish,
) -> Result<RefundRow, PayError> {
    let id = checkout_of(conn, wish.sale)?;
    let unknown = PayError::NotFound("sale of yours");
    let Some(checkout) = checkout_lock(conn, context, id)? else {
        return Err(unknown);
    };
    let is_seller = checkout.seller_did == caller.did.canonical().as_str();
    if !is_seller && !caller.operator {
        let is_party = is_party(conn, context, &checkout, &caller.did)?;
        return Err(if is_party {
            PayError::Forbidden("Only the seller and the operator of the node send a payment back.")
        } else {
            unknown
        });
    }
    if checkout.state()? != CheckoutState::Settled {
        return Err(PayError::State {
            detail: format!("There is nothing to send back: this checkout is {}.", checkout.state),
            hint: "A payment can be sent back once it is split; before that, it goes back by itself if need be.",
        });
    }
    if checkout.rail == VISA {
        return Err(PayError::State {
            detail: "This was paid with a visa: its broker, and not this node, holds the money of the agent."
                .to_owned(),
            hint: "The agent disputes it at the broker; the split goes back when the broker decides so.",
        });
    }
    let payment = checkout.rail_reference.clone().unwrap_or_default();
    if let Some(state) = dispute_standing(conn, &checkout.rail, &payment)? {
        return Err(PayError::State {
            detail: format!("The buyer's bank disputes this payment ({state}): it has taken the money itself."),
            hint: "A payment that is disputed is not sent back a second time; answer the dispute at the rail.",
        });
    }
    let before: i64 = refunds::table
        .filter(refunds::checkout_id.eq(id))
        .count()
        .get_result(conn)?;
    if before >= REFUNDS_MAX {
        return Err(PayError::State {
            detail: format!("This payment was sent back in {before} parts already."),
            hint: "No payment is sent back in more than 100 parts.",
        });
    }
    let sale = Sale::load(conn, context, checkout)?;
    let money = amount_of(context, &sale, wish.amount)?;
    refund_book(conn, context, &sale, caller, wish, money)
}

/// Whether somebody may see the receipt of a sale.
fn is_party(conn: &mut Conn, context: &Context, checkout: &CheckoutRow, did: &Did) -> Result<bool, PayError> {
    let Some(id) = checkout.receipt_id else {
        return Ok(false);
    };
    let row: Option<ReceiptRow> = receipts::table
        .find(id)
        .select(ReceiptRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(false) };
    let message = row.intact(&context.sealer)?.message()?;
    let did = did.canonical().to_string();
    Ok(parties_of(&message).iter().any(|party| party.did == did))
}

fn amount_of(context: &Context, sale: &Sale, wanted: Option<Money>) -> Result<Money, PayError> {
    let asset = sale.asset();
    let left = Money::new(amount(sale.left_units())?, asset);
    if left.is_zero() {
        return Err(PayError::State {
            detail: "Everything that was paid has gone back already.".to_owned(),
            hint: "GET /pay/api/refunds/{receipt} shows what went back, and when.",
        });
    }
    let money = wanted.unwrap_or(left);
    if money.asset != asset {
        return Err(PayError::invalid(
            "amount",
            format!("must be in {asset}, as it was paid"),
        ));
    }
    if money.is_zero() {
        return Err(PayError::invalid("amount", "must be more than zero"));
    }
    if money.amount > left.amount {
        return Err(PayError::State {
            detail: format!("{money} is more than what is left of this payment: {left}."),
            hint: "Never more goes back than was paid, less what went back before.",
        });
    }
    let is_whole = match sale.checkout.rail.as_str() {
        BALANCE => true,
        rail => context.rail(rail)?.payable(money) == money,
    };
    if !is_whole {
        return Err(PayError::invalid(
            "amount",
            "must be whole coins: the rail sends nothing smaller",
        ));
    }
    Ok(money)
}

fn refund_book(
    conn: &mut Conn,
    context: &Context,
    sale: &Sale,
    caller: &Reader,
    wish: &RefundWish,
    money: Money,
) -> Result<RefundRow, PayError> {
    let checkout = &sale.checkout;
    let row = RefundRow {
        id: context.env.new_id(),
        checkout_id: checkout.id,
        receipt_id: sale.body.id,
        seller_did: checkout.seller_did.clone(),
        owner_did: caller.did.canonical().to_string(),
        rail: checkout.rail.clone(),
        payment: checkout.rail_reference.clone().unwrap_or_default(),
        asset: money.asset.to_string(),
        amount: money.amount.micros(),
        reason: wish.reason.clone(),
        state: RefundState::Waiting.as_str().to_owned(),
        reference: None,
        problem: None,
        created_at: context.now(),
        ended_at: None,
        document: None,
        row_seal: Vec::new(),
    };
    let walk = Walk {
        key: row.ledger_key(),
        kind: EntryKind::Refund,
        with: counterpart(checkout, money.asset)?,
        may_owe: caller.operator,
    };
    sale_take(conn, context, sale, walk, row.amount, 0)?;
    if checkout.rail == BALANCE {
        debt_repay(conn, context, &checkout.buyer()?, money.asset, &row.ledger_key())?;
    }
    let order = RefundOrder {
        message: None,
        refund: Some(row.id),
        rail: row.rail.clone(),
        checkout: row.checkout_id,
        reference: row.payment.clone(),
        amount: money,
    };
    let key = row.id.to_string();
    outbox::enqueue(conn, &context.sealer, &context.env, RAIL_REFUND, &key, &order)?;
    tracing::info!(refund = %row.id, checkout = %row.checkout_id, "a sale is sent back");
    Ok(row.insert(conn, &context.sealer)?)
}

/// Where the money goes: back to the rail that it came through, or to the balance that paid.
fn counterpart(checkout: &CheckoutRow, asset: Asset) -> Result<AccountKey, PayError> {
    Ok(match checkout.rail.as_str() {
        BALANCE => AccountKey::of(&checkout.buyer()?, asset, Purpose::Available),
        rail => AccountKey::rail(rail, asset),
    })
}

/// A refund, locked until the transaction ends, its seal checked.
pub(crate) fn refund_lock(conn: &mut Conn, context: &Context, id: RefundId) -> Result<RefundRow, PayError> {
    let row: Option<RefundRow> = for_update!(
        conn,
        refunds::table.find(id).select(RefundRow::as_select()) => first
    )
    .optional()?;
    Ok(row.ok_or(PayError::NotFound("refund"))?.intact(&context.sealer)?)
}

/// A refund, its seal checked.
pub(crate) fn refund_find(conn: &mut Conn, context: &Context, id: RefundId) -> Result<RefundRow, PayError> {
    let row: RefundRow = refunds::table.find(id).select(RefundRow::as_select()).first(conn)?;
    Ok(row.intact(&context.sealer)?)
}

/// The rail has taken a refund: the credit note is signed, and the selling service will be told.
pub(crate) fn refund_sent(
    conn: &mut Conn,
    context: &Context,
    id: RefundId,
    reference: &str,
    item: OutboxId,
) -> Result<(), PayError> {
    let mut row = refund_lock(conn, context, id)?;
    if row.is(RefundState::Waiting) {
        let checkout = checkout_lock(conn, context, row.checkout_id)?.ok_or(PayError::NotFound("checkout"))?;
        let sale = Sale::load(conn, context, checkout)?;
        row.reference = Some(reference.to_owned());
        RefundState::Sent.as_str().clone_into(&mut row.state);
        row.ended_at = Some(context.now());
        let before = refunds_of(conn, context, row.checkout_id)?;
        let sent =
            |other: &&RefundRow| other.id != id && (other.is(RefundState::Sent) || other.is(RefundState::Returned));
        let total = before.iter().filter(sent).map(|other| other.amount);
        let total = total.fold(row.amount, i64::saturating_add);
        let refunded = Money::new(amount(total)?, sale.asset());
        row.document = Some(note_make(conn, context, &sale, &row, refunded)?);
        goods_back_owe(conn, context, &sale, id, refunded)?;
        sales::refund_count(conn, context, &row.asset)?;
        row.save(conn, &context.sealer)?;
        News::Refund(id).owe(conn, context)?;
    }
    outbox::done(conn, &context.sealer, &item, context.now())?;
    Ok(())
}

/// The rail will not make a refund: everybody has again what was taken for it.
pub(crate) fn refund_refused(
    conn: &mut Conn,
    context: &Context,
    id: RefundId,
    problem: &str,
    item: OutboxId,
) -> Result<(), PayError> {
    let mut row = refund_lock(conn, context, id)?;
    if row.is(RefundState::Waiting) {
        let checkout = checkout_lock(conn, context, row.checkout_id)?.ok_or(PayError::NotFound("checkout"))?;
        let sale = Sale::load(conn, context, checkout)?;
        let walk = Walk {
            key: row.back_key(),
            kind: EntryKind::Refund,
            with: counterpart(&sale.checkout, sale.asset())?,
            may_owe: true,
        };
        sale_give(conn, context, &sale, walk, &[row.ledger_key()], row.amount)?;
        RefundState::Failed.as_str().clone_into(&mut row.state);
        row.problem = Some(problem.to_owned());
        row.ended_at = Some(context.now());
        tracing::error!(refund = %id, problem, "the rail refuses a refund; the split is as it was");
        row.save(conn, &context.sealer)?;
    }
    outbox::done(conn, &context.sealer, &item, context.now())?;
    Ok(())
}

/// Whether a refund of this reference is not known here, and one that the rail has not answered may be it: that it did
/// not arrive can be told before the answer is heard.
pub(crate) fn refund_is_awaited(conn: &mut Conn, rail: &str, reference: &str) -> Result<bool, PayError> {
    let of_sales = || refunds::table.filter(refunds::rail.eq(rail));
    let whole = || rail_messages::table.filter(rail_messages::rail.eq(rail));
    let known: i64 = of_sales()
        .filter(refunds::reference.eq(reference))
        .count()
        .get_result(conn)?;
    let known_whole: i64 = whole()
        .filter(rail_messages::refund_reference.eq(reference))
        .count()
        .get_result(conn)?;
    if known > 0 || known_whole > 0 {
        return Ok(false);
    }
    let waiting: i64 = of_sales()
        .filter(refunds::state.eq(RefundState::Waiting.as_str()))
        .count()
        .get_result(conn)?;
    let waiting_whole: i64 = whole()
        .filter(rail_messages::result.eq(Literal(MessageResult::Refunded.as_str())))
        .filter(rail_messages::refund_reference.is_null())
        .count()
        .get_result(conn)?;
    Ok(waiting > 0 || waiting_whole > 0)
}

/// The buyer's bank did not take a refund: the money is back at the rail, and is the buyer's here. `false`: there is no
/// such refund.
pub(crate) fn refund_returned(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    reference: &str,
) -> Result<bool, PayError> {
    let found: Option<RefundId> = refunds::table
        .filter(refunds::rail.eq(rail))
        .filter(refunds::reference.eq(reference))
        .select(refunds::id)
        .first(conn)
        .optional()?;
    let Some(id) = found else { return Ok(false) };
    let mut row = refund_lock(conn, context, id)?;
    if !row.is(RefundState::Sent) {
        return Ok(true);
    }
    let checkout = checkout_find(conn, context, row.checkout_id)?.ok_or(PayError::NotFound("checkout"))?;
    returned_book(conn, context, &checkout, row.back_key(), row.money()?)?;
    RefundState::Returned.as_str().clone_into(&mut row.state);
    row.problem = Some("The buyer's bank did not take it: the money is in the buyer's balance here.".to_owned());
    tracing::error!(refund = %id, "the buyer's bank did not take a refund; the money is in the buyer's balance");
    row.save(conn, &context.sealer)?;
    News::RefundReturned(id).owe(conn, context)?;
    Ok(true)
}

/// Money that came back to the rail goes to the buyer's balance.
pub(crate) fn returned_book(
    conn: &mut Conn,
    context: &Context,
    checkout: &CheckoutRow,
    key: String,
    money: Money,
) -> Result<(), PayError> {
    let units = money.amount.micros();
    let mut moves = Moves::new(money.asset);
    moves.add(AccountKey::rail(&checkout.rail, money.asset), units.saturating_neg());
    let buyer = AccountKey::of(&checkout.buyer()?, money.asset, Purpose::Available);
    moves.give(conn, context, &buyer, units)?;
    let posting = Posting {
        key,
        kind: EntryKind::Refund,
        reference: checkout.id.to_string(),
        movements: moves.finish(),
    };
    context.ledger.execute_one(conn, &Command::Post(posting))??;
    Ok(())
}
