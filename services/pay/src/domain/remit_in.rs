//! Money that other nodes send for people who are at home here.
//!
//! Their word is kept as they have signed it, and credits nobody: the broker that passes the money on has to confirm it
//! first. Then it is booked once, and this node signs what it has done.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Span;
use imajin_kernel::id::{OutboxId, RemittanceId};
use imajin_ledger::{AccountKey, Command, EntryKind, Movement, Outcome, Posting, Purpose};
use imajin_money::Money;
use imajin_pay_api::{REMITTANCE_LEGS_MAX, RemittanceBody, RemittanceReceipt};
use imajin_proof::SignedMessage;
use imajin_store::{Conn, Literal, SealedRow, for_update, outbox};
use imajin_web::Verified;
use serde::{Deserialize, Serialize};

use super::debts::{Debts, income_of};
use super::remit_out::legs_sum;
use super::visa::receivable;
use crate::PayError;
use crate::context::Context;
use crate::rows::{CREDITED, DROPPED, ReceivedRow, RemittanceLegRow, UNCONFIRMED, json_text};
use crate::schema::remittances_in;

/// The outbox topic of remittances that no broker has confirmed.
pub(crate) const REMIT_CONFIRM: &str = "remit_confirm";
/// The type of what this node signs about one.
pub(crate) const RECEIPT_KIND: &str = "remittance-receipt";
/// The action in the mutation log.
pub(crate) const REMIT_TAKE: &str = "remittance.take";
/// The most remittances of one node that wait for a broker.
const OPEN_MAX: i64 = 50;
/// The most of all nodes together: a node costs nothing.
const OPEN_ALL_MAX: i64 = 10_000;
/// How long a broker has to confirm one. Sent once more after that, it has the same time again.
const OPEN_FOR: Span = Span::days(7);

/// Names a remittance: who sends it, and its own name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) id: RemittanceId,
}

/// Refuses what no remittance can be: parts that do not add up, nobody twice, nothing for nobody.
pub(crate) fn body_check(body: &RemittanceBody) -> Result<(), PayError> {
    let wrong = |problem: &str| Err(PayError::invalid("payload.legs", problem));
    if body.legs.is_empty() || body.legs.len() > REMITTANCE_LEGS_MAX {
        return wrong(&format!("must have 1 to {REMITTANCE_LEGS_MAX} payees"));
    }
    let payees: BTreeSet<Did> = body.legs.iter().map(|leg| leg.did.canonical()).collect();
    if payees.len() != body.legs.len() {
        return wrong("name somebody twice");
    }
    if body.legs.iter().any(|leg| leg.amount.is_zero()) {
        return wrong("are about nothing");
    }
    if legs_sum(&body.legs) != Some(body.amount.amount) {
        return wrong("do not add up to the amount");
    }
    Ok(())
}

/// A remittance that was received, its seal checked.
pub(crate) fn received_find(
    conn: &mut Conn,
    context: &Context,
    name: &Received,
) -> Result<Option<ReceivedRow>, PayError> {
    let row: Option<ReceivedRow> = remittances_in::table
        .find((&name.from, name.id))
        .select(ReceivedRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

fn received_lock(conn: &mut Conn, context: &Context, name: &Received) -> Result<Option<ReceivedRow>, PayError> {
    let row: Option<ReceivedRow> = for_update!(
        conn,
        remittances_in::table.find((&name.from, name.id)).select(ReceivedRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Keeps a remittance that another node has signed, or finds it.
pub(crate) fn received_keep(
    conn: &mut Conn,
    context: &Context,
    verified: &Verified,
    message: &SignedMessage<RemittanceBody>,
    request: &[u8],
) -> Result<Received, PayError> {
    let body = &message.payload;
    let name = Received {
        from: verified.did().to_string(),
        id: body.id,
    };
    let document = json_text(message)?;
    if let Some(known) = received_lock(conn, context, &name)? {
        context.nonce_spend(conn, verified)?;
        let before: SignedMessage<RemittanceBody> = document_read(&known)?;
        if before.payload != *body {
            return Err(PayError::State {
                detail: format!("The remittance {} was sent before, and said something else.", body.id),
                hint: "A remittance is sent again as it was, or it is another one with a name of its own.",
            });
        }
        if known.state == DROPPED {
            received_reopen(conn, context, known, &name)?;
        }
        return Ok(name);
    }
    let all: i64 = remittances_in::table
        .filter(remittances_in::state.eq(Literal(UNCONFIRMED)))
        .count()
        .get_result(conn)?;
    if all >= OPEN_ALL_MAX {
        return Err(PayError::State {
            detail: format!("{all} remittances wait here for their brokers."),
            hint: "Try again later: what no broker confirms is dropped after seven days.",
        });
    }
    let open: i64 = remittances_in::table
        .filter(remittances_in::from_did.eq(&name.from))
        .filter(remittances_in::state.eq(Literal(UNCONFIRMED)))
        .count()
        .get_result(conn)?;
    if open >= OPEN_MAX {
        return Err(PayError::State {
            detail: format!("{open} remittances of yours wait for their brokers."),
            hint: "Have the brokers pass that money on first.",
        });
    }
    let object = format!("remittance/{}/{}", name.from, name.id);
    context.signed_append(conn, verified, REMIT_TAKE, &object, request)?;
    let row = ReceivedRow {
        from_did: name.from.clone(),
        id: body.id,
        issuer: body.broker.clone(),
        asset: body.amount.asset.to_string(),
        amount: body.amount.amount.micros(),
        state: UNCONFIRMED.to_owned(),
        document,
        receipt: None,
        problem: None,
        received_at: context.now(),
        ended_at: None,
        row_seal: Vec::new(),
    };
    row.insert(conn, &context.sealer)?;
    let leg = |leg: &imajin_pay_api::RemittanceLeg| RemittanceLegRow {
        from_did: name.from.clone(),
        remittance_id: body.id,
        did: leg.did.canonical().to_string(),
        asset: body.amount.asset.to_string(),
        units: leg.amount.micros(),
        row_seal: Vec::new(),
    };
    RemittanceLegRow::insert_all(body.legs.iter().map(leg).collect(), conn, &context.sealer)?;
    confirm_owe(conn, context, &name)?;
    Ok(name)
}

/// Has its broker asked about a remittance.
fn confirm_owe(conn: &mut Conn, context: &Context, name: &Received) -> Result<(), PayError> {
    let key = format!("{}/{}", name.from, name.id);
    outbox::enqueue(conn, &context.sealer, &context.env, REMIT_CONFIRM, &key, name)?;
    Ok(())
}

/// One that was dropped is sent again: it waits again.
fn received_reopen(conn: &mut Conn, context: &Context, mut row: ReceivedRow, name: &Received) -> Result<(), PayError> {
    UNCONFIRMED.clone_into(&mut row.state);
    row.received_at = context.now();
    row.ended_at = None;
    row.problem = None;
    row.save(conn, &context.sealer)?;
    confirm_owe(conn, context, name)
}

/// Drops a remittance that no broker has confirmed in time. `false`: it has time left.
pub(crate) fn received_drop(
    conn: &mut Conn,
    context: &Context,
    name: &Received,
    item: OutboxId,
) -> Result<bool, PayError> {
    let mut row = received_lock(conn, context, name)?.ok_or(PayError::NotFound("remittance"))?;
    let now = context.now();
    if row.state == UNCONFIRMED {
        if row.received_at.plus(OPEN_FOR) > now {
            return Ok(false);
        }
        DROPPED.clone_into(&mut row.state);
        row.ended_at = Some(now);
        row.problem = Some("The broker has not confirmed it in seven days.".to_owned());
        row.save(conn, &context.sealer)?;
    }
    outbox::done(conn, &context.sealer, &item, now)?;
    Ok(true)
}

pub(crate) fn document_read(row: &ReceivedRow) -> Result<SignedMessage<RemittanceBody>, PayError> {
    let damaged = |_unreadable| PayError::damaged(ReceivedRow::TABLE, &row.row_key(), "the document cannot be read");
    serde_json::from_str(&row.document).map_err(damaged)
}

/// What a broker says about the transfer behind a remittance.
#[derive(Debug, Clone)]
pub(crate) struct BrokerWord {
    pub(crate) from: Did,
    pub(crate) to: Did,
    pub(crate) amount: Money,
}

/// Gives a remittance that its broker has confirmed to its payees, once.
pub(crate) fn received_credit(
    conn: &mut Conn,
    context: &Context,
    name: &Received,
    word: &BrokerWord,
) -> Result<(), PayError> {
    let row = received_lock(conn, context, name)?.ok_or(PayError::NotFound("remittance"))?;
    if row.state == CREDITED {
        return Ok(());
    }
    let message = document_read(&row)?;
    let body = message.payload;
    let mut row = row;
    let is_it = word.from.canonical().as_str() == row.from_did
        && word.to.canonical() == context.keyring.node_did().canonical()
        && word.amount == row.money()?;
    if !is_it {
        let problem = format!("The broker confirms another transfer of this name: {}.", word.amount);
        row.problem = Some(problem);
        row.save(conn, &context.sealer)?;
        return Ok(());
    }
    let outcome = credit_book(conn, context, &row, &body)?;
    let keyring = &context.keyring;
    let receipt = RemittanceReceipt {
        remittance: body.id,
        broker: body.broker,
        amount: body.amount,
        legs: body.legs,
        time: outcome.entry.posted_at,
        ledger_entry: outcome.entry.id,
        ledger_hash: hex::encode(outcome.entry.hash),
    };
    let (own, now) = (keyring.node_did().clone(), outcome.entry.posted_at);
    let signed = SignedMessage::sign(keyring.node_key(), own, RECEIPT_KIND, Some(message.from), now, receipt)?;
    row.receipt = Some(json_text(&signed)?);
    row.problem = None;
    CREDITED.clone_into(&mut row.state);
    row.ended_at = Some(now);
    row.save(conn, &context.sealer)?;
    tracing::info!(remittance = %name.id, from = name.from, "money of another node is in its payees' balances");
    Ok(())
}

fn credit_book(
    conn: &mut Conn,
    context: &Context,
    row: &ReceivedRow,
    body: &RemittanceBody,
) -> Result<Outcome, PayError> {
    let asset = body.amount.asset;
    let owed = Movement::new(receivable(&row.issuer, asset), row.amount.saturating_neg());
    let payees = body.legs.iter().map(|leg| {
        let account = AccountKey::of(&leg.did, asset, Purpose::Available);
        Movement::new(account, leg.amount.micros())
    });
    let (key, reference) = (row.ledger_key(), body.id.to_string());
    let posting = Posting {
        key: key.clone(),
        kind: EntryKind::Remittance,
        reference: reference.clone(),
        movements: [owed].into_iter().chain(payees).collect(),
    };
    let mut commands = vec![Command::Post(posting)];
    let repayment = {
        let mut debts = Debts::load(conn, context, income_of(&commands))?;
        debts.repayment(&key, &reference, income_of(&commands))
    };
    commands.extend(repayment);
    let booked = context.ledger.execute_linked(conn, &[commands])?;
    let all = booked.into_iter().next().transpose()?;
    let first = all.and_then(|all| all.into_iter().next());
    first.ok_or_else(|| PayError::Fault("a remittance without an entry".to_owned()))
}
