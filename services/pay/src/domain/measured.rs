//! Goods whose price is known only once they are handed over: the most is held, what was used is taken, and the rest
//! goes back in the same transaction.

use std::sync::Arc;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_ledger::{Command, HoldRelease, Release};
use imajin_money::Money;
use imajin_pay_api::{ANSWER_GOODS, CheckoutState, GoodsRef};
use imajin_store::outbox::OutboxRow;
use imajin_store::{Conn, SealedRow, outbox};

use super::balance::{HeldQuote, balance_hold, held_write, quote_lock};
use super::checkout::{CHECKOUT_OPEN, CheckoutOpened};
use super::message::DELIVER;
use super::plan::Split;
use super::visa::{VISA, visa_hold, visa_rest};
use crate::PayError;
use crate::brokers::Visa;
use crate::context::Context;
use crate::rows::{CheckoutRow, json_text, state_text};
use crate::schema::checkouts;

/// The action in the mutation log.
const GOODS_HOLD: &str = "goods.hold";

/// What goods have cost in the end, and how that is split.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) price: Money,
    pub(crate) split: Arc<Split>,
}

/// The ledger's key of what was held and not used.
pub(crate) fn rest_key(id: CheckoutId) -> String {
    format!("rest/{id}")
}

/// What a buyer has signed elsewhere, and what pays.
#[derive(Debug, Clone)]
pub(crate) struct HoldOrder {
    pub(crate) checkout: CheckoutId,
    pub(crate) buyer: Did,
    pub(crate) visa: Option<Visa>,
    pub(crate) max: Money,
    pub(crate) evidence: String,
    pub(crate) due_at: Timestamp,
}

/// Sets what goods cost at most aside, if the buyer has agreed to so much.
pub(crate) fn goods_hold(conn: &mut Conn, context: &Context, order: &HoldOrder) -> Result<CheckoutRow, PayError> {
    let row = quote_lock(conn, context, &order.buyer, order.checkout)?;
    most_check(row.price()?, order.max)?;
    let held: HeldQuote = match &order.visa {
        Some(visa) => visa_hold(conn, context, &order.buyer, row, visa, visa.digest.clone())?,
        None => balance_hold(conn, context, &order.buyer, row)?,
    };
    let (row, _item) = held_write(conn, context, held, order.due_at)?;
    let object = format!("{}/hold", row.id);
    let evidence = order.evidence.clone().into_bytes();
    context.node_append(conn, &order.buyer.canonical(), GOODS_HOLD, &object, evidence)?;
    Ok(row)
}

fn most_check(price: Money, max: Money) -> Result<(), PayError> {
    if price.is_at_most(max) {
        return Ok(());
    }
    let detail = format!("It costs {price}, and at most {max} was offered.");
    let problem = Problem::new(Code::PaymentRequired, detail).hint("Offer more, in the currency of the price.");
    Err(problem.into())
}

/// The checkout of goods for which money was set aside. Of measured goods, whatever became of it; others may be bought
/// again when they were handed over or the money went back.
pub(crate) fn held_find(
    conn: &mut Conn,
    context: &Context,
    goods: &GoodsRef,
    buyer: &Did,
) -> Result<Option<CheckoutRow>, PayError> {
    let mut states = vec![CheckoutState::Paid];
    if goods.kind == ANSWER_GOODS {
        states.extend([CheckoutState::Settled, CheckoutState::Refunded]);
    }
    let row: Option<CheckoutRow> = checkouts::table
        .filter(checkouts::goods_kind.eq(&goods.kind))
        .filter(checkouts::goods_id.eq(&goods.id))
        .filter(checkouts::owner_did.eq(buyer.canonical().to_string()))
        .filter(checkouts::state.eq_any(states.into_iter().map(state_text)))
        .select(CheckoutRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// The delivery of a checkout that has not ended.
pub(crate) fn delivery_find(conn: &mut Conn, context: &Context, id: CheckoutId) -> Result<Option<OutboxRow>, PayError> {
    Ok(outbox::pending_find(conn, &context.sealer, DELIVER, &id.to_string())?)
}

/// Whether goods are of the kind that is measured.
pub(crate) fn is_measured(row: &CheckoutRow) -> bool {
    row.goods_kind == ANSWER_GOODS
}

/// The command that gives back what was not used.
pub(crate) fn rest_command(row: &CheckoutRow, used: Money) -> Result<Option<Command>, PayError> {
    let missing = || {
        PayError::damaged(
            CheckoutRow::TABLE,
            &row.id.to_string(),
            "it is paid, and names no payment",
        )
    };
    let release = HoldRelease {
        hold: row.hold_id.ok_or_else(missing)?,
        key: rest_key(row.id),
        why: Release::Void,
        reference: row.id.to_string(),
    };
    Ok((used.amount.micros() < row.price).then_some(Command::Release(release)))
}

impl Measured {
    /// From now on this is the price of a checkout, and how it is split.
    pub(crate) fn apply(&self, row: &mut CheckoutRow) -> Result<(), PayError> {
        row.price = self.price.amount.micros();
        row.split_id = self.split.name()?;
        Ok(())
    }
}

/// Writes down what goods have cost, of which `held` units were set aside.
pub(crate) fn measured_write(
    conn: &mut Conn,
    context: &Context,
    row: &CheckoutRow,
    held: i64,
    measured: &Measured,
) -> Result<(), PayError> {
    if row.rail == VISA && row.price < held {
        visa_rest(conn, context, row.id, row.price)?;
    }
    measured.split.store(conn, context)?;
    let body = json_text(&CheckoutOpened::of(row, measured.price))?.into_bytes();
    context.node_append(
        conn,
        &row.buyer()?.canonical(),
        CHECKOUT_OPEN,
        &row.id.to_string(),
        body,
    )
}
