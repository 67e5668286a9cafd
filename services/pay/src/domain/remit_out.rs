//! Money of people who are at home at another node: collected from their balances, offered to that node, passed on by
//! a broker, and acknowledged.
//!
//! What can be sent is what a broker has paid to this node: a remittance takes from what the broker owes. It is signed
//! before anything moves, and each step is booked once, however often it is asked.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::{OutboxId, ReceiptId, RemittanceId};
use imajin_ledger::{AccountKey, Command, EntryKind, Movement, Posting, Purpose, account_fetch};
use imajin_money::{Amount, Asset, Money};
use imajin_pay_api::{REMITTANCE_LEGS_MAX, RemittanceBody, RemittanceLeg, RemittanceReceipt};
use imajin_proof::SignedMessage;
use imajin_store::{Conn, SealedRow, for_update, intact_all, outbox, units_sum};

use super::debts::{Moves, debt_repay};
use super::home::home_find;
use super::payout::{amount, balance};
use super::remit_home::is_under_way;
use super::visa::receivable;
use crate::PayError;
use crate::context::Context;
use crate::rows::{CaptureState, HomeRow, RemittanceLegRow, SentRow, SentState, json_text};
use crate::schema::{pledges, remittance_legs, remittances_in, remittances_out, visa_captures};

/// The outbox topic of remittances that have not arrived.
pub(crate) const REMIT: &str = "remit";
/// The type of the signed document.
pub(crate) const REMITTANCE_KIND: &str = "remittance";
/// The most receipts that one leg names.
const RECEIPTS_MAX: i64 = 50;

/// What this node owes to another, while it is on its way.
pub(crate) fn payable(node: &Did, asset: Asset) -> AccountKey {
    AccountKey::rail(&format!("payable:{}", node.canonical()), asset)
}

/// What a broker has paid to this node and was not passed on: what it owes, without what it has only promised, and
/// without what is on its way.
pub(crate) fn funds(conn: &mut Conn, context: &Context, issuer: &str, asset: Asset) -> Result<i64, PayError> {
    let account = account_fetch(conn, &context.sealer, &receivable(issuer, asset))?;
    let owed = account.map_or(0, |account| account.balance_units.saturating_neg());
    let open = [CaptureState::Held, CaptureState::Owed, CaptureState::Accepted].map(CaptureState::as_str);
    let promised = visa_captures::table
        .filter(visa_captures::issuer.eq(issuer))
        .filter(visa_captures::asset.eq(asset.as_str()))
        .filter(visa_captures::state.eq_any(open));
    let promised = units_sum!(conn, promised, visa_captures::amount)?;
    let leaving = remittances_out::table
        .filter(remittances_out::issuer.eq(issuer))
        .filter(remittances_out::asset.eq(asset.as_str()))
        .filter(remittances_out::state.eq_any([SentState::Offered.as_str(), SentState::Agreed.as_str()]));
    let leaving = units_sum!(conn, leaving, remittances_out::amount)?;
    let taken = promised.saturating_add(leaving);
    Ok(owed.saturating_sub(taken).max(0))
}

/// Sends what these people have here to their node, as far as the broker has paid it. `false`: there is nothing to
/// send, or the last remittance has not arrived.
pub(crate) fn remittance_make(
    conn: &mut Conn,
    context: &Context,
    (issuer, asset): (&str, Asset),
    (node, url): (&str, &str),
    homes: &[HomeRow],
) -> Result<bool, PayError> {
    let mut left = funds(conn, context, issuer, asset)?;
    if left == 0 || is_under_way(conn, (issuer, asset), (node, url))? {
        return Ok(false);
    }
    let own = context.keyring.node_did().canonical().to_string();
    let mut legs = Vec::with_capacity(homes.len());
    for home in homes.iter().take(REMITTANCE_LEGS_MAX) {
        if left == 0 {
            break;
        }
        if let Some(leg) = leg_take(conn, context, home, asset, left, &own)? {
            left = left.saturating_sub(leg.units);
            legs.push(leg);
        }
    }
    let is_any = !legs.is_empty();
    if is_any {
        remittance_send(conn, context, (issuer, asset), (node, url), legs)?;
    }
    Ok(is_any)
}

/// What of somebody's balance goes; what they owe is paid first.
fn leg_take(
    conn: &mut Conn,
    context: &Context,
    home: &HomeRow,
    asset: Asset,
    left: i64,
    own: &str,
) -> Result<Option<RemittanceLegRow>, PayError> {
    let did = did_read(&home.did)?;
    // They may have moved since they were looked at.
    let is_there = home_find(conn, context, &did)?
        .is_some_and(|now| now.node_did == home.node_did && now.node_url == home.node_url);
    if !is_there {
        return Ok(None);
    }
    let why: RemittanceId = context.env.new_id();
    debt_repay(conn, context, &did, asset, why.as_str())?;
    let units = balance(conn, context, &did, asset, Purpose::Available)?.min(left);
    Ok((units > 0).then(|| RemittanceLegRow {
        from_did: own.to_owned(),
        // Its remittance has no name yet.
        remittance_id: RemittanceId::from_bytes([0; 16]),
        did: home.did.clone(),
        asset: asset.to_string(),
        units,
        row_seal: Vec::new(),
    }))
}

pub(crate) fn did_read(text: &str) -> Result<Did, PayError> {
    text.parse()
        .map_err(|_unreadable| PayError::damaged(HomeRow::TABLE, text, "the payee is no DID"))
}

fn remittance_send(
    conn: &mut Conn,
    context: &Context,
    (issuer, asset): (&str, Asset),
    (node, url): (&str, &str),
    legs: Vec<RemittanceLegRow>,
) -> Result<(), PayError> {
    let id: RemittanceId = context.env.new_id();
    let to = did_read(node)?;
    let total = legs.iter().map(|leg| leg.units).fold(0, i64::saturating_add);
    let mut parts = Vec::with_capacity(legs.len());
    let mut movements = Vec::with_capacity(legs.len().saturating_add(1));
    for leg in &legs {
        let did = did_read(&leg.did)?;
        movements.push(Movement::new(
            AccountKey::of(&did, asset, Purpose::Available),
            leg.units.saturating_neg(),
        ));
        parts.push(RemittanceLeg {
            amount: amount(leg.units)?,
            receipts: receipts_of(conn, &leg.did, asset)?,
            did,
        });
    }
    movements.push(Movement::new(payable(&to, asset), total));
    let body = RemittanceBody {
        id,
        broker: issuer.to_owned(),
        amount: Money::new(amount(total)?, asset),
        legs: parts,
    };
    let keyring = &context.keyring;
    let (from, now) = (keyring.node_did().clone(), context.now());
    let message = SignedMessage::sign(keyring.node_key(), from, REMITTANCE_KIND, Some(to), now, body)?;
    post(conn, context, SentRow::owed_key(id), id, movements)?;
    let row = SentRow {
        id,
        node_did: node.to_owned(),
        node_url: url.to_owned(),
        issuer: issuer.to_owned(),
        asset: asset.to_string(),
        amount: total,
        state: SentState::Offered.as_str().to_owned(),
        document: json_text(&message)?,
        receipt: None,
        problem: None,
        created_at: now,
        transferred_at: None,
        ended_at: None,
        row_seal: Vec::new(),
    };
    row.insert(conn, &context.sealer)?;
    let named = legs.into_iter().map(|leg| RemittanceLegRow {
        remittance_id: id,
        ..leg
    });
    RemittanceLegRow::insert_all(named.collect(), conn, &context.sealer)?;
    outbox::enqueue(conn, &context.sealer, &context.env, REMIT, id.as_str(), &id)?;
    tracing::info!(remittance = %id, node, "money of people of another node is sent there");
    Ok(())
}

/// The latest receipts that somebody's share was paid on by a broker.
fn receipts_of(conn: &mut Conn, did: &str, asset: Asset) -> Result<Vec<ReceiptId>, PayError> {
    let receipts = visa_captures::table
        .inner_join(pledges::table.on(pledges::checkout_id.eq(visa_captures::checkout_id)))
        .filter(pledges::did.eq(did))
        .filter(pledges::asset.eq(asset.as_str()))
        .filter(visa_captures::state.eq(CaptureState::Paid.as_str()))
        .order_by(visa_captures::receipt_id.desc())
        .limit(RECEIPTS_MAX)
        .select(visa_captures::receipt_id)
        .load(conn)?;
    Ok(receipts)
}

/// A remittance, its seal checked.
pub(crate) fn sent_find(conn: &mut Conn, context: &Context, id: RemittanceId) -> Result<SentRow, PayError> {
    let row: Option<SentRow> = remittances_out::table
        .find(id)
        .select(SentRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.ok_or(PayError::NotFound("remittance"))?.intact(&context.sealer)?)
}

/// A remittance, locked until the transaction ends, its seal checked.
pub(crate) fn sent_lock(conn: &mut Conn, context: &Context, id: RemittanceId) -> Result<SentRow, PayError> {
    let row: Option<SentRow> = for_update!(
        conn,
        remittances_out::table.find(id).select(SentRow::as_select()) => first
    )
    .optional()?;
    Ok(row.ok_or(PayError::NotFound("remittance"))?.intact(&context.sealer)?)
}

/// The other node takes it: the broker is told next.
pub(crate) fn sent_agreed(conn: &mut Conn, context: &Context, id: RemittanceId) -> Result<(), PayError> {
    let mut row = sent_lock(conn, context, id)?;
    if row.state()? == SentState::Offered {
        row.state_set(SentState::Agreed);
        row.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// The broker has passed it on: it owes that much less.
pub(crate) fn sent_transferred(conn: &mut Conn, context: &Context, id: RemittanceId) -> Result<(), PayError> {
    let mut row = sent_lock(conn, context, id)?;
    if row.state()? != SentState::Agreed {
        return Ok(());
    }
    let asset = row.money()?.asset;
    let movements = vec![
        Movement::new(payable(&row.node()?, asset), row.amount.saturating_neg()),
        Movement::new(receivable(&row.issuer, asset), row.amount),
    ];
    post(conn, context, row.sent_key(), id, movements)?;
    row.state_set(SentState::Transferred);
    row.transferred_at = Some(context.now());
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// The other node has given it to its people, and has signed that.
pub(crate) fn sent_delivered(
    conn: &mut Conn,
    context: &Context,
    id: RemittanceId,
    receipt: &SignedMessage<RemittanceReceipt>,
    item: OutboxId,
) -> Result<(), PayError> {
    let mut row = sent_lock(conn, context, id)?;
    if row.state()? == SentState::Transferred {
        row.state_set(SentState::Delivered);
        row.receipt = Some(json_text(receipt)?);
        row.problem = None;
        row.ended_at = Some(context.now());
        row.save(conn, &context.sealer)?;
    }
    outbox::done(conn, &context.sealer, &item, context.now())?;
    Ok(())
}

/// The other node does not take it: everybody has again here what was theirs.
pub(crate) fn sent_refused(
    conn: &mut Conn,
    context: &Context,
    id: RemittanceId,
    problem: &str,
    item: OutboxId,
) -> Result<(), PayError> {
    let mut row = sent_lock(conn, context, id)?;
    if row.state()? == SentState::Offered {
        let asset = row.money()?.asset;
        let mut moves = Moves::new(asset);
        moves.add(payable(&row.node()?, asset), row.amount.saturating_neg());
        for leg in legs_of_sent(conn, context, &row)? {
            let payee = AccountKey::of(&did_read(&leg.did)?, asset, Purpose::Available);
            moves.give(conn, context, &payee, leg.units)?;
        }
        post(conn, context, row.back_key(), id, moves.finish())?;
        row.state_set(SentState::Refused);
        row.problem = Some(problem.to_owned());
        row.ended_at = Some(context.now());
        row.save(conn, &context.sealer)?;
        tracing::error!(remittance = %id, problem, "another node does not take what its people have here");
    }
    outbox::done(conn, &context.sealer, &item, context.now())?;
    Ok(())
}

/// Notes why it does not get on.
pub(crate) fn sent_problem(
    conn: &mut Conn,
    context: &Context,
    id: RemittanceId,
    problem: Option<&str>,
) -> Result<(), PayError> {
    let mut row = sent_lock(conn, context, id)?;
    row.problem = problem.map(str::to_owned);
    row.save(conn, &context.sealer)?;
    Ok(())
}

pub(crate) fn legs_of_sent(
    conn: &mut Conn,
    context: &Context,
    row: &SentRow,
) -> Result<Vec<RemittanceLegRow>, PayError> {
    let own = context.keyring.node_did().canonical().to_string();
    let legs: Vec<RemittanceLegRow> = remittance_legs::table
        .filter(remittance_legs::from_did.eq(own))
        .filter(remittance_legs::remittance_id.eq(row.id))
        .order_by(remittance_legs::did)
        .select(RemittanceLegRow::as_select())
        .load(conn)?;
    Ok(intact_all(legs, &context.sealer)?)
}

fn post(
    conn: &mut Conn,
    context: &Context,
    key: String,
    id: RemittanceId,
    movements: Vec<Movement>,
) -> Result<(), PayError> {
    let posting = Posting {
        key,
        kind: EntryKind::Remittance,
        reference: id.to_string(),
        movements,
    };
    context.ledger.execute_one(conn, &Command::Post(posting))??;
    Ok(())
}

/// The currencies in which a broker has promised or passed on something.
pub(crate) fn assets_of(conn: &mut Conn, issuer: &str) -> Result<Vec<Asset>, PayError> {
    let texts: Vec<String> = visa_captures::table
        .filter(visa_captures::issuer.eq(issuer))
        .select(visa_captures::asset)
        .distinct()
        .load(conn)?;
    let received: Vec<String> = remittances_in::table
        .filter(remittances_in::issuer.eq(issuer))
        .select(remittances_in::asset)
        .distinct()
        .load(conn)?;
    let texts: BTreeSet<String> = texts.into_iter().chain(received).collect();
    Ok(texts.iter().filter_map(|text| text.parse().ok()).collect())
}

/// Adds up; refuses what no amount can be.
pub(crate) fn legs_sum(legs: &[RemittanceLeg]) -> Option<Amount> {
    Amount::sum(legs.iter().map(|leg| leg.amount)).ok()
}
