//! Shares of contributors who had not accepted when it was paid.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::distribution::Distribution;
use imajin_fair::plan::{Leg, Plan};
use imajin_fair::{HELD_FOR, HeldShare, Manifest, ManifestId};
use imajin_kernel::Timestamp;
use imajin_kernel::id::ReceiptId;
use imajin_ledger::{AccountKey, Command, EntryKind, Movement, Posting, Purpose, credits};
use imajin_money::{Amount, Money};
use imajin_pay_api::{GoodsRef, ReceiptBody};
use imajin_store::{Conn, Literal, SealedRow, for_update};

use super::checkout_find;
use super::contract::contract_in_effect;
use super::debts::{Debts, income_of};
use super::distribute::{Contracts, Flows, flow_changes, release_command};
use super::plan::Split;
use super::receipt::{legs_of, releases_of};
use super::sale::share_returned;
use super::visa::unpaid_receipts;
use crate::PayError;
use crate::context::Context;
use crate::rows::{CaptureState, ReceiptRow, ShareOutcome, ShareRow, ShareState, json_text};
use crate::schema::{held_shares, receipts, visa_captures};

/// Names a held share: the receipt, and which of its legs.
pub(crate) type ShareKey = (ReceiptId, i64);

/// The held legs of a receipt, as they begin to wait.
pub(crate) fn shares_of(body: &ReceiptBody, split: &Split) -> Vec<ShareRow> {
    let held = body.legs.iter().zip(0_i64..).filter(|(leg, _)| leg.held);
    let share = |(leg, number): (&imajin_pay_api::ReceiptLeg, i64)| {
        let manifest = leg.path.last().unwrap_or(&body.manifest.id);
        let author = split.manifest_find(manifest).and_then(author_of);
        ShareRow {
            receipt_id: body.id,
            leg: number,
            manifest_id: manifest.to_string(),
            payee_did: leg.did.to_string(),
            author_did: author.unwrap_or_else(|| body.seller.canonical()).to_string(),
            seller_did: body.seller.canonical().to_string(),
            asset: body.gross.asset.to_string(),
            amount: leg.amount.micros(),
            held_since: body.time,
            held_until: body.time.plus(HELD_FOR),
            state: ShareState::Waiting.as_str().to_owned(),
            to_did: None,
            outcome: None,
            ended_at: None,
            asked_at: body.time,
            row_seal: Vec::new(),
        }
    };
    held.map(share).collect()
}

fn author_of(manifest: &Manifest) -> Option<Did> {
    manifest
        .author
        .as_ref()
        .or_else(|| manifest.signer())
        .map(Did::canonical)
}

/// A share that is still waiting, locked until the transaction ends.
fn waiting_lock(conn: &mut Conn, context: &Context, key: ShareKey) -> Result<Option<ShareRow>, PayError> {
    let row: Option<ShareRow> = for_update!(
        conn,
        held_shares::table.find(key).select(ShareRow::as_select()) => first
    )
    .optional()?;
    let row = row.map(|row| row.intact(&context.sealer)).transpose()?;
    Ok(row.filter(|row| row.is(ShareState::Waiting)))
}

/// The shares of payees that wait for a manifest to be accepted, and for nothing else; for all manifests, if none is
/// named.
pub(crate) fn waiting_list(
    conn: &mut Conn,
    payees: &[Did],
    manifest: Option<&ManifestId>,
    limit: i64,
) -> Result<Vec<ShareKey>, PayError> {
    let payees: Vec<String> = payees.iter().map(|did| did.canonical().to_string()).collect();
    let mut waiting = held_shares::table
        .filter(held_shares::state.eq(Literal(ShareState::Waiting.as_str())))
        .filter(held_shares::payee_did.eq_any(payees))
        .filter(held_shares::receipt_id.ne_all(unpaid_receipts!()))
        .into_boxed();
    if let Some(manifest) = manifest {
        waiting = waiting.filter(held_shares::manifest_id.eq(manifest.to_string()));
    }
    let keys = waiting
        .order_by((held_shares::receipt_id, held_shares::leg))
        .limit(limit)
        .select((held_shares::receipt_id, held_shares::leg))
        .load(conn)?;
    Ok(keys)
}

/// Shares whose time is over, the longest first.
pub(crate) fn overdue_list(conn: &mut Conn, now: Timestamp, limit: i64) -> Result<Vec<ShareKey>, PayError> {
    let keys = held_shares::table
        .filter(held_shares::state.eq(Literal(ShareState::Waiting.as_str())))
        .filter(held_shares::held_until.le(now))
        .filter(held_shares::receipt_id.ne_all(unpaid_receipts!()))
        .order_by(held_shares::held_until)
        .limit(limit)
        .select((held_shares::receipt_id, held_shares::leg))
        .load(conn)?;
    Ok(keys)
}

/// A share about which its seller can be asked whether the contributor has accepted.
#[derive(Debug, Clone)]
pub(crate) struct ShareQuestion {
    pub(crate) goods: GoodsRef,
    pub(crate) manifest: ManifestId,
    pub(crate) payee: Did,
    /// Whether an earlier share of the same manifest was released: then nobody has to be asked.
    pub(crate) is_known: bool,
}

impl ShareQuestion {
    /// Whether one answer is enough for both.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.manifest == other.manifest && self.payee == other.payee
    }
}

/// Waiting shares whose sellers were not asked since `before`: of these payees, if any are named, else of everybody.
pub(crate) fn questions_due(
    conn: &mut Conn,
    payees: Option<&[Did]>,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<ShareKey>, PayError> {
    let mut due = held_shares::table
        .filter(held_shares::state.eq(Literal(ShareState::Waiting.as_str())))
        .filter(held_shares::asked_at.le(before))
        .into_boxed();
    if let Some(payees) = payees {
        let payees: Vec<String> = payees.iter().map(|did| did.canonical().to_string()).collect();
        due = due.filter(held_shares::payee_did.eq_any(payees));
    }
    let keys = due
        .order_by(held_shares::asked_at)
        .limit(limit)
        .select((held_shares::receipt_id, held_shares::leg))
        .load(conn)?;
    Ok(keys)
}

/// What to ask the seller of a share; notes that it is asked now. Nothing, if the share waits no more.
pub(crate) fn question_take(
    conn: &mut Conn,
    context: &Context,
    key: ShareKey,
) -> Result<Option<ShareQuestion>, PayError> {
    let Some(mut row) = waiting_lock(conn, context, key)? else {
        return Ok(None);
    };
    let question = ShareQuestion {
        goods: receipt_of(conn, context, row.receipt_id)?.goods,
        manifest: row.manifest()?,
        payee: row.payee()?,
        is_known: accepted_before(conn, &row)?,
    };
    row.asked_at = context.now();
    row.save(conn, &context.sealer)?;
    Ok(Some(question))
}

fn accepted_before(conn: &mut Conn, row: &ShareRow) -> Result<bool, PayError> {
    let released: i64 = held_shares::table
        .filter(held_shares::manifest_id.eq(&row.manifest_id))
        .filter(held_shares::payee_did.eq(&row.payee_did))
        .filter(held_shares::state.eq(ShareState::Released.as_str()))
        .count()
        .get_result(conn)?;
    Ok(released > 0)
}

pub(super) fn receipt_of(conn: &mut Conn, context: &Context, id: ReceiptId) -> Result<ReceiptBody, PayError> {
    let row: ReceiptRow = receipts::table.find(id).select(ReceiptRow::as_select()).first(conn)?;
    Ok(row.intact(&context.sealer)?.message()?.payload)
}

/// A release that is prepared: everything that does not need the transaction.
#[derive(Debug, Clone)]
pub(crate) struct ShareJob {
    pub(crate) key: ShareKey,
    plan: Plan,
    pub(crate) contracts: Contracts,
}

/// The share as a plan of its own: what its payee would have got, had the manifest been accepted before.
///
/// `returned` of it went back to the buyer while it waited.
pub(crate) fn share_plan(body: &ReceiptBody, leg: i64, returned: i64) -> Option<Plan> {
    let leg = body.legs.get(usize::try_from(leg).ok()?)?;
    let left = Amount::from_micros(leg.amount.micros().checked_sub(returned)?).ok()?;
    let gross = Money::new(left, body.gross.asset);
    let leg = Leg {
        did: leg.did.clone(),
        role: leg.role.clone(),
        path: leg.path.clone(),
        amount: left,
        held: false,
    };
    Some(Plan {
        gross,
        seller: body.seller.clone(),
        fee_schedule_version: 0,
        fees: Vec::new(),
        legs: vec![leg],
    })
}

/// Prepares a release. The payee's contract in effect when it was paid governs it, as it would have then.
pub(crate) fn release_prepare(conn: &mut Conn, context: &Context, key: ShareKey) -> Result<ShareJob, PayError> {
    let body = receipt_of(conn, context, key.0)?;
    let damaged = || PayError::damaged(ReceiptRow::TABLE, &key.0.to_string(), "it has no such leg");
    let returned = share_returned(conn, context, &body, key.1)?;
    let plan = share_plan(&body, key.1, returned).ok_or_else(damaged)?;
    let checkout = checkout_find(conn, context, body.checkout)?.ok_or_else(damaged)?;
    let at = checkout.paid_at.unwrap_or(body.time);
    let payees = plan.legs.iter().map(|leg| leg.did.clone()).collect();
    let owners = super::contract::contract_owners(conn, &payees)?;
    let contracts = Contracts::gather(
        conn,
        &context.sealer,
        &plan,
        at,
        &owners,
        std::collections::BTreeSet::new(),
    )?;
    Ok(ShareJob { key, plan, contracts })
}

/// Pays a share to its contributor, who has accepted; once, however often it is asked.
pub(crate) fn share_release(conn: &mut Conn, context: &Context, job: &ShareJob) -> Result<bool, PayError> {
    let Some(mut row) = waiting_lock(conn, context, job.key)? else {
        return Ok(false);
    };
    let (asset, payee) = (job.plan.gross.asset, row.payee()?);
    let body = receipt_of(conn, context, row.receipt_id)?;
    let returned = share_returned(conn, context, &body, row.leg)?;
    if job.plan.gross.amount.micros() != row.amount.saturating_sub(returned) {
        // Some of it was sent back since it was planned: the next attempt plans what is left.
        return Ok(false);
    }
    let mut flows = Flows::default();
    let distribution = if job.contracts.is_empty() {
        Distribution::direct(&job.plan)
    } else {
        flows.load(conn, context, &job.contracts.profiles(), asset)?;
        let mut contracts = job.contracts.clone();
        let at = contracts.at;
        contracts.reckon(&job.plan, &|key| flows.waiting(key, asset), &mut |did| {
            contract_in_effect(conn, &context.sealer, did, at)
        })?
    };
    let commands = release_commands(conn, context, &row, &payee, &job.plan, &distribution)?;
    let booked = context.ledger.execute_linked(conn, &[commands])?;
    booked.into_iter().collect::<Result<Vec<_>, _>>()?;
    flows.apply(flow_changes(&distribution, asset))?;
    flows.write(conn, context)?;
    let outcome = ShareOutcome {
        legs: legs_of(&job.plan, &distribution, &[]),
        releases: releases_of(&distribution),
    };
    ShareState::Released.as_str().clone_into(&mut row.state);
    row.outcome = Some(json_text(&outcome)?);
    row.ended_at = Some(context.now());
    row.save(conn, &context.sealer)?;
    Ok(true)
}

/// The ledger commands of a release; what somebody owes is paid from it.
fn release_commands(
    conn: &mut Conn,
    context: &Context,
    row: &ShareRow,
    payee: &Did,
    plan: &Plan,
    distribution: &Distribution,
) -> Result<Vec<Command>, PayError> {
    let (key, reference) = (row.ledger_key(), row.receipt_id.to_string());
    let posting = Posting {
        key: key.clone(),
        kind: EntryKind::Release,
        reference: reference.clone(),
        movements: release_movements(plan.gross.amount.micros(), payee, plan, distribution, context),
    };
    let more = release_command(&distribution.releases, plan.gross.asset, &key, &reference);
    let mut commands = vec![Command::Post(posting)];
    commands.extend(more);
    let repayment = {
        let income: Vec<&Movement> = income_of(&commands).collect();
        Debts::load(conn, context, income.iter().copied())?.repayment(&key, &reference, income.into_iter())
    };
    commands.extend(repayment);
    Ok(commands)
}

fn release_movements(
    units: i64,
    payee: &Did,
    plan: &Plan,
    distribution: &Distribution,
    context: &Context,
) -> Vec<Movement> {
    let pending = AccountKey::of(payee, plan.gross.asset, Purpose::Pending);
    // A share has no fees, so nobody but the parts' recipients is asked for.
    let parts = credits(plan, distribution, &context.recipients(payee));
    [Movement::new(pending, units.saturating_neg())]
        .into_iter()
        .chain(parts)
        .collect()
}

/// Passes a share on whose time is over: to the author's overflow, or to the author; once, however often it is asked.
pub(crate) fn share_pass_on(
    conn: &mut Conn,
    context: &Context,
    key: ShareKey,
    overflow: Option<&Did>,
) -> Result<bool, PayError> {
    let Some(mut row) = waiting_lock(conn, context, key)? else {
        return Ok(false);
    };
    let (now, seller) = (context.now(), row.seller()?);
    let split = split_of(conn, context, key.0)?;
    let damaged = || PayError::damaged(ShareRow::TABLE, &row.row_key(), "its manifest is not that of the split");
    let manifest = split.manifest_find(&row.manifest()?).ok_or_else(damaged)?;
    let HeldShare::Released { to } = manifest.held_share(row.held_since, now, overflow, &seller) else {
        return Ok(false);
    };
    let (money, payee) = (row.money()?, row.payee()?);
    let body = receipt_of(conn, context, row.receipt_id)?;
    let returned = share_returned(conn, context, &body, row.leg)?;
    let units = money.amount.micros().saturating_sub(returned);
    let posting = Posting {
        key: row.ledger_key(),
        kind: EntryKind::Release,
        reference: row.receipt_id.to_string(),
        movements: vec![
            Movement::new(
                AccountKey::of(&payee, money.asset, Purpose::Pending),
                units.saturating_neg(),
            ),
            Movement::new(AccountKey::of(&to, money.asset, Purpose::Available), units),
        ],
    };
    let mut commands = vec![Command::Post(posting)];
    let repayment = {
        let income: Vec<&Movement> = income_of(&commands).collect();
        let mut debts = Debts::load(conn, context, income.iter().copied())?;
        debts.repayment(&row.ledger_key(), &row.receipt_id.to_string(), income.into_iter())
    };
    commands.extend(repayment);
    let booked = context.ledger.execute_linked(conn, &[commands])?;
    booked.into_iter().collect::<Result<Vec<_>, _>>()?;
    tracing::info!(share = row.row_key(), "a share that nobody accepted was passed on");
    ShareState::PassedOn.as_str().clone_into(&mut row.state);
    row.to_did = Some(to.to_string());
    row.ended_at = Some(now);
    row.save(conn, &context.sealer)?;
    Ok(true)
}

/// Whom the author of a share's manifest names for what cannot be paid, now.
pub(crate) fn overflow_of(conn: &mut Conn, context: &Context, key: ShareKey) -> Result<Option<Did>, PayError> {
    let row: Option<ShareRow> = held_shares::table
        .find(key)
        .select(ShareRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let author = row.intact(&context.sealer)?.author()?;
    let contract = contract_in_effect(conn, &context.sealer, &author, context.now())?;
    Ok(contract.and_then(|contract| contract.overflow))
}

fn split_of(conn: &mut Conn, context: &Context, receipt: ReceiptId) -> Result<std::sync::Arc<Split>, PayError> {
    let body = receipt_of(conn, context, receipt)?;
    let checkout = checkout_find(conn, context, body.checkout)?.ok_or(PayError::NotFound("checkout"))?;
    context.splits.fetch(conn, context, &checkout.split_id)
}
