//! What a buyer's bank takes back walks the split backwards.
//!
//! Each payee gives back their part of what is disputed: from what they have, and what they have not any more becomes
//! a debt that everybody can see. What nobody was split, such as the rail's own fee for the dispute, is the seller's.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_ledger::{
    Account, AccountKey, Command, EntryKind, Leg, Movement, Owner, Posting, Purpose, account_fetch, account_find,
    entry_find,
};
use imajin_money::Asset;
use imajin_pay_api::CheckoutState;
use imajin_rails::{Confirmed, DisputeState, RailDispute};
use imajin_store::{Conn, SealedRow, for_update};

use super::checkout_find;
use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, DisputeRow, MessageResult, MessageRow};
use crate::schema::disputes;

/// Brings a dispute to where the rail says that it stands. `None`: it must wait, because its payment is not split yet.
pub(crate) fn dispute_apply(
    conn: &mut Conn,
    context: &Context,
    message: &MessageRow,
    confirmed: &Confirmed,
) -> Result<Option<MessageResult>, PayError> {
    let (Some(said), Some(id)) = (&confirmed.dispute, confirmed.event.checkout) else {
        return Ok(Some(MessageResult::Ignored));
    };
    let checkout = checkout_find(conn, context, id)?.filter(|row| row.rail == message.rail);
    let Some(checkout) = checkout else {
        return Ok(Some(MessageResult::Ignored));
    };
    if !matches!(checkout.state()?, CheckoutState::Settled | CheckoutState::Refunded) {
        return Ok(None);
    }
    let found = dispute_lock(conn, context, &message.rail, &message.reference)?;
    let row = match found {
        Some(row) => row,
        // An enquiry of a bank that has taken nothing is not booked.
        None if said.taken.is_zero() => return Ok(Some(MessageResult::Ignored)),
        None => dispute_open(conn, context, message, &checkout, said)?,
    };
    dispute_close(conn, context, &checkout, row, said)?;
    Ok(Some(MessageResult::Noted))
}

fn dispute_lock(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    reference: &str,
) -> Result<Option<DisputeRow>, PayError> {
    let row: Option<DisputeRow> = for_update!(
        conn,
        disputes::table.find((rail, reference)).select(DisputeRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

fn dispute_open(
    conn: &mut Conn,
    context: &Context,
    message: &MessageRow,
    checkout: &CheckoutRow,
    said: &RailDispute,
) -> Result<DisputeRow, PayError> {
    // What went back to the buyer already is booked; only what the rail took besides is not.
    let booked = if checkout.state()? == CheckoutState::Refunded {
        message.amount
    } else {
        0
    };
    let row = DisputeRow {
        rail: message.rail.clone(),
        reference: message.reference.clone(),
        payment: said.payment.clone(),
        checkout_id: checkout.id.to_string(),
        asset: message.asset.clone(),
        amount: message.amount,
        taken: said.taken.micros().saturating_sub(booked).max(0),
        given_back: None,
        state: DisputeState::Open.as_str().to_owned(),
        opened_at: context.now(),
        closed_at: None,
        row_seal: Vec::new(),
    };
    let row = row.insert(conn, &context.sealer)?;
    if row.taken == 0 {
        return Ok(row);
    }
    let asset = message.money()?.asset;
    let mut left = row.taken;
    let mut movements = vec![Movement::new(AccountKey::rail(&row.rail, asset), row.taken)];
    if checkout.state()? == CheckoutState::Settled {
        for (account, units) in split_back(conn, context, checkout, row.amount.min(row.taken))? {
            left = left.saturating_sub(units);
            take(&mut movements, &account, units, asset);
        }
    }
    let seller = did_read(&checkout.seller_did)?;
    if left > 0 {
        let available = AccountKey::of(&seller, asset, Purpose::Available);
        let account = account_fetch(conn, &context.sealer, &available)?;
        let has = account.map_or(0, |account| account.balance_units);
        take_of(&mut movements, &available, has, left, asset);
    }
    post(conn, context, row.taken_key(), checkout, merged(movements))?;
    tracing::error!(checkout = %checkout.id, dispute = row.reference, "a payment is disputed");
    Ok(row)
}

/// The parts of the settlement that go back, out of the accounts that they went to.
fn split_back(
    conn: &mut Conn,
    context: &Context,
    checkout: &CheckoutRow,
    amount: i64,
) -> Result<Vec<(Account, i64)>, PayError> {
    let missing = || {
        PayError::damaged(
            CheckoutRow::TABLE,
            &checkout.id.to_string(),
            "its settlement is missing",
        )
    };
    let entry = entry_find(conn, &context.sealer, &format!("settle/{}", checkout.id))?.ok_or_else(missing)?;
    let mut parts = Vec::new();
    for leg in entry.legs.iter().filter(|leg| leg.units() > 0) {
        let account = account_find(conn, &context.sealer, leg.account())?.ok_or_else(missing)?;
        // What the rail kept stays with it.
        if !matches!(account.key.owner, Owner::Rail(_)) {
            parts.push((account, leg));
        }
    }
    let gross = i128::from(checkout.price);
    let cut = |sum: i128| {
        sum.saturating_mul(i128::from(amount))
            .checked_div(gross)
            .unwrap_or_default()
    };
    // Of the running sums, so that no unit is lost between the parts.
    let mut sum: i128 = 0;
    let part = |leg: &Leg, sum: &mut i128| {
        let before = cut(*sum);
        *sum = sum.saturating_add(i128::from(leg.units()));
        i64::try_from(cut(*sum).saturating_sub(before)).unwrap_or_default()
    };
    Ok(parts
        .into_iter()
        .map(|(account, leg)| {
            let units = part(leg, &mut sum);
            (account, units)
        })
        .collect())
}

/// Takes units out of an account as far as they are there; the rest becomes its owner's debt.
fn take(movements: &mut Vec<Movement>, account: &Account, units: i64, asset: Asset) {
    // Earlier parts of the same entry may have taken from the same account.
    let taken: i64 = movements
        .iter()
        .filter(|each| each.account == account.key)
        .map(|each| each.units)
        .sum();
    let has = account.balance_units.saturating_add(taken);
    take_of(movements, &account.key, has, units, asset);
}

fn take_of(movements: &mut Vec<Movement>, key: &AccountKey, has: i64, units: i64, asset: Asset) {
    let there = units.min(has.max(0));
    movements.push(Movement::new(key.clone(), there.saturating_neg()));
    let debt = AccountKey::new(key.owner.clone(), asset, Purpose::Debt);
    movements.push(Movement::new(debt, there.saturating_sub(units)));
}

/// A won dispute gives back what it took; a lost one leaves everything as it is.
fn dispute_close(
    conn: &mut Conn,
    context: &Context,
    checkout: &CheckoutRow,
    mut row: DisputeRow,
    said: &RailDispute,
) -> Result<(), PayError> {
    if row.state != DisputeState::Open.as_str() || said.state == DisputeState::Open {
        return Ok(());
    }
    let given_back = said.given_back.micros().min(row.taken);
    if given_back > 0 {
        let movements = back_movements(conn, context, &row, given_back)?;
        post(conn, context, row.given_back_key(), checkout, movements)?;
    }
    said.state.as_str().clone_into(&mut row.state);
    row.given_back = Some(given_back);
    row.closed_at = Some(context.now());
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// Everybody gets their part of what came back: first what they owe, then what they may spend.
fn back_movements(
    conn: &mut Conn,
    context: &Context,
    row: &DisputeRow,
    given_back: i64,
) -> Result<Vec<Movement>, PayError> {
    let missing = || PayError::damaged(DisputeRow::TABLE, &row.row_key(), "what it took is not in the ledger");
    let entry = entry_find(conn, &context.sealer, &row.taken_key())?.ok_or_else(missing)?;
    let mut movements = Vec::new();
    let (mut sum, taken) = (0_i128, i128::from(row.taken));
    let cut = |sum: i128| {
        sum.saturating_mul(i128::from(given_back))
            .checked_div(taken)
            .unwrap_or_default()
    };
    for leg in &entry.legs {
        let account = account_find(conn, &context.sealer, leg.account())?.ok_or_else(missing)?;
        if leg.units() > 0 {
            movements.push(Movement::new(account.key, given_back.saturating_neg()));
            continue;
        }
        let before = cut(sum);
        sum = sum.saturating_add(i128::from(leg.units().saturating_neg()));
        let part = i64::try_from(cut(sum).saturating_sub(before)).unwrap_or_default();
        if account.key.purpose == Purpose::Debt {
            // The debt may have been paid meanwhile.
            let owed = part.min(account.balance_units.saturating_neg().max(0));
            let spendable = AccountKey::new(account.key.owner.clone(), account.key.asset, Purpose::Available);
            movements.push(Movement::new(account.key, owed));
            movements.push(Movement::new(spendable, part.saturating_sub(owed)));
        } else {
            movements.push(Movement::new(account.key, part));
        }
    }
    Ok(merged(movements))
}

/// One movement for each account, and none of nothing.
fn merged(movements: Vec<Movement>) -> Vec<Movement> {
    let mut all: Vec<Movement> = Vec::with_capacity(movements.len());
    for movement in movements {
        match all.iter_mut().find(|each| each.account == movement.account) {
            Some(each) => each.units = each.units.saturating_add(movement.units),
            None => all.push(movement),
        }
    }
    all.retain(|movement| movement.units != 0);
    all
}

fn post(
    conn: &mut Conn,
    context: &Context,
    key: String,
    checkout: &CheckoutRow,
    movements: Vec<Movement>,
) -> Result<(), PayError> {
    let posting = Posting {
        key,
        kind: EntryKind::Dispute,
        reference: checkout.id.to_string(),
        movements,
    };
    context.ledger.execute_one(conn, &Command::Post(posting))??;
    Ok(())
}

fn did_read(text: &str) -> Result<Did, PayError> {
    text.parse()
        .map_err(|_unreadable| PayError::damaged(CheckoutRow::TABLE, text, "the seller is no DID"))
}
