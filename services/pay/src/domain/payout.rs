//! Balances that go to their owners through a rail.
//!
//! What somebody owes is paid first. The rest, in whole coins, leaves the balance at once and is on its way until the
//! rail has made a transfer out of each payment that the money came with; what the rail will not send comes back.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::PayoutId;
use imajin_ledger::{AccountKey, Command, EntryKind, Movement, Posting, Purpose, account_fetch};
use imajin_money::{Amount, Asset, Money};
use imajin_rails::Rail;
use imajin_store::{Conn, Literal, SealedRow, for_update, outbox};
use serde::{Deserialize, Serialize};

use super::address::address_find;
use super::debts::{Moves, debt_repay};
use super::notices::News;
use super::payee::payee_find;
use super::payment::payment_lock;
use super::payout_list::{PayoutView, payout_find, payout_view};
use super::payout_parts::{part_of, parts_allocate};
use super::promised::{promised_refusal, promised_units};
use crate::PayError;
use crate::context::Context;
use crate::rows::{FAILED, PartRow, PayoutRow, SENT, WAITING};
use crate::schema::payout_parts;

/// The outbox topic of transfers that the rail has not made.
pub(crate) const RAIL_TRANSFER: &str = "rail_transfer";
/// In place of a payment, where a rail sends out of one pool.
const POOL: &str = "wallet";

/// What the worker tells the rail.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransferOrder {
    pub(crate) payout: PayoutId,
    pub(crate) part: i64,
}

/// Sends a balance, or a part of it, on its way.
pub(crate) fn payout_make(
    conn: &mut Conn,
    context: &Context,
    rail: &dyn Rail,
    payee: &Did,
    asset: Asset,
    wanted: Option<Money>,
) -> Result<PayoutView, PayError> {
    let account = account_of(conn, context, rail, payee)?;
    let id: PayoutId = context.env.new_id();
    debt_repay(conn, context, payee, asset, &id.to_string())?;
    let takes_all = wanted.is_none();
    let money = payable_now(conn, context, rail, (payee, asset), wanted)?;
    let mut row = PayoutRow {
        id,
        did: payee.canonical().to_string(),
        rail: rail.name().to_owned(),
        account,
        asset: asset.to_string(),
        amount: money.amount.micros(),
        created_at: context.now(),
        row_seal: Vec::new(),
    };
    let (parts, left) = if rail.pools() {
        (vec![part_of(context, &row, 0, POOL.to_owned(), row.amount)], 0)
    } else {
        parts_allocate(conn, context, &row)?
    };
    row.amount = row.amount.saturating_sub(left);
    if row.amount == 0 || (left > 0 && !takes_all) {
        return Err(PayError::State {
            detail: format!(
                "At {} there is {} to send now: the rest came another way.",
                row.rail,
                row.money()?
            ),
            hint: "Ask for at most that much, or for all.",
        });
    }
    let movements = vec![
        Movement::new(
            AccountKey::of(payee, asset, Purpose::Available),
            row.amount.saturating_neg(),
        ),
        Movement::new(AccountKey::rail(&row.rail, asset), row.amount),
    ];
    post(conn, context, EntryKind::Payout, row.ledger_key(), &row, movements)?;
    for part in parts {
        let order = TransferOrder {
            payout: id,
            part: part.part,
        };
        part.insert(conn, &context.sealer)?;
        let key = format!("{id}/{}", order.part);
        outbox::enqueue(conn, &context.sealer, &context.env, RAIL_TRANSFER, &key, &order)?;
    }
    let row = row.insert(conn, &context.sealer)?;
    payout_view(conn, context, &row)
}

/// How much of a balance leaves: what is wanted, or all that may.
fn payable_now(
    conn: &mut Conn,
    context: &Context,
    rail: &dyn Rail,
    (payee, asset): (&Did, Asset),
    wanted: Option<Money>,
) -> Result<Money, PayError> {
    let available = balance(conn, context, payee, asset, Purpose::Available)?;
    // After the balance: what a broker accepts between the two is not in it.
    let promised = promised_units(conn, payee, asset)?;
    let free = available.saturating_sub(promised).max(0);
    let takes_all = wanted.is_none();
    let wanted = wanted.map_or(free, |wanted| wanted.amount.micros());
    let is_too_much = wanted > free;
    let wanted = Money::new(amount(wanted)?, asset);
    let money = rail.payable(wanted);
    if promised > 0 && (is_too_much || (takes_all && money.is_zero())) {
        return Err(promised_refusal(conn, (free, promised), asset)?);
    }
    if rail.pools() && money != wanted && !takes_all {
        return Err(PayError::State {
            detail: format!("At most {money} may leave at once."),
            hint: "Ask for less, or for all: the rest goes with the next payout.",
        });
    }
    if money.is_zero() {
        return Err(PayError::State {
            detail: "There is nothing to pay out: less than one coin is left, or less was asked for.".to_owned(),
            hint: "GET /pay/api/balance shows what you have and what you owe.",
        });
    }
    Ok(money)
}

/// Where somebody is paid at a rail.
fn account_of(conn: &mut Conn, context: &Context, rail: &dyn Rail, payee: &Did) -> Result<String, PayError> {
    let (account, hint) = if rail.pools() {
        let row = address_find(conn, context, payee)?;
        (
            row.map(|row| row.address),
            "Bind an address of yours with PUT /pay/api/connect/solana.",
        )
    } else {
        let row = payee_find(conn, context, rail.name(), payee)?.filter(|row| row.ready);
        (
            row.map(|row| row.account),
            "Set it up with POST /pay/api/connect/onboard, and complete it there.",
        )
    };
    account.ok_or_else(|| PayError::State {
        detail: format!("You have no account at {} that can be paid.", rail.name()),
        hint,
    })
}

pub(crate) fn balance(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
    asset: Asset,
    purpose: Purpose,
) -> Result<i64, PayError> {
    let account = account_fetch(conn, &context.sealer, &AccountKey::of(owner, asset, purpose))?;
    Ok(account.map_or(0, |account| account.balance_units))
}

pub(crate) fn amount(units: i64) -> Result<Amount, PayError> {
    Amount::from_micros(units).map_err(|_negative| PayError::invalid("amount", "must be more than zero"))
}

/// A payout and one of its parts, as they stand.
pub(crate) fn part_find(
    conn: &mut Conn,
    context: &Context,
    id: PayoutId,
    part: i64,
) -> Result<(PayoutRow, PartRow), PayError> {
    let row: PartRow = payout_parts::table
        .find((id, part))
        .select(PartRow::as_select())
        .first(conn)?;
    Ok((payout_find(conn, context, id)?, row.intact(&context.sealer)?))
}

/// The same, with the part locked until the transaction ends.
fn part_lock(conn: &mut Conn, context: &Context, id: PayoutId, part: i64) -> Result<(PayoutRow, PartRow), PayError> {
    let locked: i64 = for_update!(
        &mut *conn,
        payout_parts::table.find((id, part)).select(payout_parts::part) => first
    )?;
    part_find(conn, context, id, locked)
}

/// Notes what became of a transfer: its reference, or why the rail will not make it.
pub(crate) fn part_end(
    conn: &mut Conn,
    context: &Context,
    order: &TransferOrder,
    made: &Result<String, String>,
) -> Result<(), PayError> {
    let (payout, mut part) = part_lock(conn, context, order.payout, order.part)?;
    if part.state != WAITING {
        return Ok(());
    }
    match made {
        Ok(reference) => {
            SENT.clone_into(&mut part.state);
            part.reference = Some(reference.clone());
        }
        Err(problem) => {
            FAILED.clone_into(&mut part.state);
            part.problem = Some(problem.clone());
            let units = part.amount;
            back_book(conn, context, &payout, &mut part, units)?;
            tracing::error!(payout = %payout.id, problem, "a part of a payout came back");
        }
    }
    part.updated_at = context.now();
    part.save(conn, &context.sealer)?;
    let waiting: i64 = payout_parts::table
        .filter(payout_parts::payout_id.eq(payout.id))
        .filter(payout_parts::state.eq(Literal(WAITING)))
        .count()
        .get_result(conn)?;
    if waiting == 0 {
        News::Payout(payout.id).owe(conn, context)?;
    }
    Ok(())
}

/// Whether a transfer that nobody here knows may be one whose answer is still on its way.
pub(crate) fn transfer_is_awaited(conn: &mut Conn, reference: &str) -> Result<bool, PayError> {
    let parts = |conn: &mut Conn, waiting: bool| -> Result<i64, PayError> {
        let all = payout_parts::table.into_boxed();
        let found = if waiting {
            all.filter(payout_parts::state.eq(Literal(WAITING)))
        } else {
            all.filter(payout_parts::reference.eq(reference))
        };
        Ok(found.count().get_result(conn)?)
    };
    Ok(parts(conn, false)? == 0 && parts(conn, true)? > 0)
}

/// Books what the rail says came back of a transfer, in all. `false`: there is no such transfer here.
pub(crate) fn transfer_reversed(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    reference: &str,
    all: Money,
) -> Result<bool, PayError> {
    let found: Option<(PayoutId, i64)> = payout_parts::table
        .filter(payout_parts::reference.eq(reference))
        .select((payout_parts::payout_id, payout_parts::part))
        .first(conn)
        .optional()?;
    let Some((id, part)) = found else { return Ok(false) };
    let (payout, mut part) = part_lock(conn, context, id, part)?;
    if payout.rail != rail || payout.money()?.asset != all.asset {
        return Ok(false);
    }
    let units = all.amount.micros().min(part.amount);
    if units > part.reversed.unwrap_or(0) {
        back_book(conn, context, &payout, &mut part, units)?;
        part.updated_at = context.now();
        part.save(conn, &context.sealer)?;
        News::Payout(id).owe(conn, context)?;
    }
    Ok(true)
}

/// Brings what has come back of a part to `units`: to the payee's balance, and to what the payment still has.
fn back_book(
    conn: &mut Conn,
    context: &Context,
    payout: &PayoutRow,
    part: &mut PartRow,
    units: i64,
) -> Result<(), PayError> {
    let more = units.saturating_sub(part.reversed.unwrap_or(0));
    let asset = payout.money()?.asset;
    let mut moves = Moves::new(asset);
    moves.add(AccountKey::rail(&payout.rail, asset), more.saturating_neg());
    let payee = AccountKey::of(&payout.payee()?, asset, Purpose::Available);
    moves.give(conn, context, &payee, more)?;
    let (key, movements) = (part.back_key(units), moves.finish());
    post(conn, context, EntryKind::Payout, key, payout, movements)?;
    part.reversed = Some(units);
    if let Some(mut payment) = payment_lock(conn, context, &payout.rail, &part.payment)? {
        payment.passed_on = Some(payment.passed_on.unwrap_or(0).saturating_sub(more));
        payment.save(conn, &context.sealer)?;
    }
    Ok(())
}

fn post(
    conn: &mut Conn,
    context: &Context,
    kind: EntryKind,
    key: String,
    payout: &PayoutRow,
    movements: Vec<Movement>,
) -> Result<(), PayError> {
    let posting = Posting {
        key,
        kind,
        reference: payout.id.to_string(),
        movements,
    };
    context.ledger.execute_one(conn, &Command::Post(posting))??;
    Ok(())
}
