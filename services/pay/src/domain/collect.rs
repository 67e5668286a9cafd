//! What a broker says about its promises, and what follows.

use diesel::prelude::*;
use imajin_kernel::Code;
use imajin_kernel::id::{CheckoutId, OutboxId};
use imajin_ledger::{Command, EntryKind, Posting};
use imajin_store::outbox::{self, OutboxRow};
use imajin_store::{Conn, Literal, SealedRow, intact_all};

use super::checkout_lock;
use super::debts::{Debts, income_of};
use super::goods_back::goods_unpaid_owe;
use super::reversal::{Walk, sale_take};
use super::sale::Sale;
use super::visa::{capture_find, capture_lock, pledge_movements, receivable};
use crate::PayError;
use crate::brokers::wire::{Redeemed, RedemptionState};
use crate::context::Context;
use crate::rows::{CaptureRow, CaptureState, CheckoutRow, PLEDGE_ENDED, PLEDGE_OPEN, PledgeRow};
use crate::schema::pledges;

/// The longest text of a broker that is kept.
const TEXT_LETTERS_MAX: usize = 200;

/// Books what a broker has said about promises, each by itself: what goes wrong with one is tried again, and stops none
/// of the others.
///
/// # Errors
/// When the database does not work.
pub(crate) fn answers_book(
    conn: &mut Conn,
    context: &Context,
    items: &[(OutboxRow, CheckoutId)],
    answers: &[Redeemed],
) -> Result<(), PayError> {
    for (item, checkout) in items {
        let booked = conn.transaction(|conn| answer_book(conn, context, item.id, *checkout, answers));
        let reason = match booked {
            Ok(true) => continue,
            Ok(false) => "The broker has not decided yet.".to_owned(),
            Err(error) if error.code() == Code::Unavailable => return Err(error),
            Err(error) => {
                tracing::error!(%checkout, %error, "what a broker says about its promise was not booked");
                error.to_string()
            }
        };
        outbox::retry(conn, &context.sealer, &item.id, context.now(), &reason)?;
    }
    Ok(())
}

/// Books the answer about one promise, if there is one. `false`: it is asked again.
fn answer_book(
    conn: &mut Conn,
    context: &Context,
    item: OutboxId,
    checkout: CheckoutId,
    answers: &[Redeemed],
) -> Result<bool, PayError> {
    let missing = || PayError::NotFound("payment by visa");
    let capture = capture_find(conn, context, checkout)?.ok_or_else(missing)?;
    let receipt = capture.receipt_id.to_string();
    let is_it = |answer: &&Redeemed| answer.jti == capture.jti && answer.receipt == receipt;
    match answers.iter().find(is_it) {
        Some(said) => redeemed_apply(conn, context, checkout, said, item),
        None if matches!(capture.state()?, CaptureState::Owed | CaptureState::Accepted) => Ok(false),
        None => {
            outbox::done(conn, &context.sealer, &item, context.now())?;
            Ok(true)
        }
    }
}

/// Books what a broker has said about one promise. `false`: it has not decided, and is asked again.
fn redeemed_apply(
    conn: &mut Conn,
    context: &Context,
    id: CheckoutId,
    said: &Redeemed,
    item: OutboxId,
) -> Result<bool, PayError> {
    let mut capture = capture_lock(conn, context, id)?;
    let state = capture.state()?;
    if !matches!(state, CaptureState::Owed | CaptureState::Accepted) {
        outbox::done(conn, &context.sealer, &item, context.now())?;
        return Ok(true);
    }
    if capture.money()? != said.amount {
        let detail = format!("it says {} of a promise of {}", said.amount, capture.money()?);
        return Err(PayError::Fault(format!("{}: {detail}", capture.issuer)));
    }
    let now = context.now();
    if let Some(reference) = &said.reference {
        capture.reference = Some(shortened(reference));
    }
    let is_promised = matches!(said.state, RedemptionState::Accepted | RedemptionState::Credited);
    if is_promised && state == CaptureState::Owed {
        pledges_end(conn, context, &capture, true)?;
        capture.accepted_at = Some(now);
        capture.state_set(CaptureState::Accepted);
    }
    match said.state {
        RedemptionState::Accepted => {
            capture.save(conn, &context.sealer)?;
            return Ok(false);
        }
        RedemptionState::Credited => capture.state_set(CaptureState::Paid),
        RedemptionState::Reversed | RedemptionState::Refused => {
            if state == CaptureState::Owed {
                pledges_end(conn, context, &capture, false)?;
            }
            unpaid_book(conn, context, &capture)?;
            let reason = said.reason.as_deref().unwrap_or("The broker gives no reason.");
            capture.problem = Some(shortened(reason));
            capture.state_set(CaptureState::Unpaid);
            tracing::error!(checkout = %id, broker = capture.issuer, "a broker does not pay what it has promised");
        }
    }
    capture.ended_at = Some(now);
    capture.save(conn, &context.sealer)?;
    outbox::done(conn, &context.sealer, &item, now)?;
    Ok(true)
}

fn shortened(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(TEXT_LETTERS_MAX)
        .collect()
}

/// Gives the shares to their owners; what these owe is paid from them, if the money has come.
fn pledges_end(conn: &mut Conn, context: &Context, capture: &CaptureRow, is_paid: bool) -> Result<(), PayError> {
    let waiting = pledges_of_capture(conn, context, capture.checkout_id)?;
    if waiting.is_empty() {
        return Ok(());
    }
    let (key, reference) = (capture.collect_key(), capture.checkout_id.to_string());
    let posting = Posting {
        key: key.clone(),
        kind: EntryKind::Collection,
        reference: reference.clone(),
        movements: pledge_movements(&waiting, 1)?,
    };
    let mut commands = vec![Command::Post(posting)];
    if is_paid {
        let repayment = {
            let mut debts = Debts::load(conn, context, income_of(&commands))?;
            debts.repayment(&key, &reference, income_of(&commands))
        };
        commands.extend(repayment);
    }
    let booked = context.ledger.execute_linked(conn, &[commands])?;
    booked.into_iter().collect::<Result<Vec<_>, _>>()?;
    for mut pledge in waiting {
        PLEDGE_ENDED.clone_into(&mut pledge.state);
        pledge.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// The shares of a payment that wait, their seals checked.
fn pledges_of_capture(conn: &mut Conn, context: &Context, id: CheckoutId) -> Result<Vec<PledgeRow>, PayError> {
    let rows: Vec<PledgeRow> = pledges::table
        .filter(pledges::checkout_id.eq(id))
        .filter(pledges::state.eq(Literal(PLEDGE_OPEN)))
        .order_by((pledges::did, pledges::purpose))
        .select(PledgeRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, &context.sealer)?)
}

/// Walks the split back, and has the goods taken back: the broker owes nothing any more.
fn unpaid_book(conn: &mut Conn, context: &Context, capture: &CaptureRow) -> Result<(), PayError> {
    let missing = || PayError::damaged(CheckoutRow::TABLE, capture.checkout_id.as_str(), "the row is missing");
    let checkout = checkout_lock(conn, context, capture.checkout_id)?.ok_or_else(missing)?;
    let sale = Sale::load(conn, context, checkout)?;
    let walk = Walk {
        key: capture.unpaid_key(),
        kind: EntryKind::Unpaid,
        with: receivable(&capture.issuer, sale.asset()),
        may_owe: true,
    };
    let units = sale.left_units();
    sale_take(conn, context, &sale, walk, units, 0)?;
    goods_unpaid_owe(conn, context, &sale)
}
