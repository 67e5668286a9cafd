//! Settlements: many at once, in a few statements, each of them all or nothing.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use diesel::prelude::*;
use imajin_fair::distribution::Distribution;
use imajin_kernel::id::{CheckoutId, ReceiptId};
use imajin_ledger::{Command, EntryKind, GroupAnswer, HoldCapture, Outcome, credits};
use imajin_pay_api::CheckoutState;
use imajin_store::{Conn, SealedRow, StoreError, for_update, outbox, rows_insert, rows_update, sealed_all};

use super::contract::contract_in_effect;
use super::debts::debts_add;
use super::direct::direct_command;
use super::distribute::{Flows, flow_changes, release_command};
use super::free::{FREE, free_command};
use super::measured::{Measured, measured_write, rest_command};
use super::payment::fee_movement;
use super::receipt::{ReceiptParts, parties_of, receipt_make};
use super::sales;
use super::settle_prepare::{KEYS_PER_QUERY, SettleJob};
use super::shares::shares_of;
use super::visa::{VISA, captures_owe, pledge_command, pledges_of};
use crate::PayError;
use crate::context::Context;
use crate::own_goods::TOPUP;
use crate::rows::{CheckoutRow, PartyRow, PledgeRow, ReceiptRow, SalesDayRow, ShareRow};
use crate::schema::{checkouts, receipt_parties, receipts};

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is booked.
    Now(ReceiptId),
    /// It was booked before.
    Before,
}

/// Books settlements. One that cannot be booked has its own answer and leaves the others alone.
pub(crate) fn settle_batch(
    conn: &mut Conn,
    context: &Context,
    jobs: &[Arc<SettleJob>],
) -> Result<Vec<Result<Settled, PayError>>, PayError> {
    let mut rows = checkouts_lock(conn, context, jobs)?;
    let mut taken: HashMap<CheckoutId, usize> = HashMap::new();
    let mut repeats = Vec::new();
    let mut answers: Vec<Result<Settled, PayError>> = Vec::with_capacity(jobs.len());
    let mut commands = Vec::with_capacity(jobs.len());
    let mut booked = Vec::with_capacity(jobs.len());
    let mut flows = Flows::default();
    for (index, job) in jobs.iter().enumerate() {
        let distribution = distribution_of(conn, context, job, &mut flows)?;
        // Taken out: the same checkout twice in one batch is settled once.
        let Some(row) = rows.remove(&job.wish.checkout) else {
            let first = taken.get(&job.wish.checkout);
            repeats.extend(first.map(|first| (index, *first)));
            answers.push(first.map_or(Err(PayError::NotFound("checkout")), |_| Ok(Settled::Before)));
            continue;
        };
        match commands_of(context, job, &distribution, &row) {
            Ok(Some((receipt, group))) => {
                flows.apply(flow_changes(&distribution, job.plan.gross.asset))?;
                taken.insert(job.wish.checkout, index);
                commands.push(group);
                booked.push(Booked {
                    index,
                    job,
                    distribution,
                    row,
                    receipt,
                });
                answers.push(Ok(Settled::Before));
            }
            other => {
                rows.insert(job.wish.checkout, row);
                answers.push(other.map(|_none| Settled::Before));
            }
        }
    }
    debts_add(conn, context, &mut commands)?;
    // What the ledger has booked gets its receipt in this transaction, or nothing of the batch stands.
    let (outcomes, batch) = context
        .ledger
        .execute_linked_beside(conn, &commands, |outcomes| Batch::of(context, &booked, outcomes))?;
    for (booked, outcome) in booked.iter().zip(outcomes) {
        let answer = match outcome {
            Ok(_entries) => Ok(Settled::Now(booked.receipt)),
            // Later ones of the batch may have counted on what this one leaves waiting: each on its own then.
            Err(refusal) if !flows.is_empty() => return Err(refusal.into()),
            Err(refusal) => Err(refusal.into()),
        };
        if let Some(place) = answers.get_mut(booked.index) {
            *place = answer;
        }
    }
    for (repeat, first) in repeats {
        if answers.get(first).is_some_and(Result::is_err)
            && let Some(place) = answers.get_mut(repeat)
        {
            *place = Err(StoreError::Busy.into());
        }
    }
    flows.write(conn, context)?;
    batch?.write(conn, context)?;
    for item in jobs
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| answer.is_ok())
        .filter_map(|(job, _)| job.wish.item)
    {
        outbox::done(conn, &context.sealer, &item, context.now())?;
    }
    Ok(answers)
}

/// A settlement that the ledger is asked to book.
struct Booked<'a> {
    /// Its place among the answers.
    index: usize,
    job: &'a SettleJob,
    distribution: Distribution,
    row: Cow<'a, CheckoutRow>,
    receipt: ReceiptId,
}

/// The checkouts as they are now, locked. Nearly all are as they were planned, and only those that are not are read.
fn checkouts_lock<'a>(
    conn: &mut Conn,
    context: &Context,
    jobs: &'a [Arc<SettleJob>],
) -> Result<HashMap<CheckoutId, Cow<'a, CheckoutRow>>, PayError> {
    let planned: BTreeMap<CheckoutId, &CheckoutRow> = jobs.iter().map(|job| (job.wish.checkout, &job.row)).collect();
    let ids: Vec<CheckoutId> = planned.keys().copied().collect();
    let mut rows = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(KEYS_PER_QUERY) {
        let seals: Vec<(CheckoutId, Vec<u8>)> = for_update!(
            &mut *conn,
            checkouts::table
                .filter(checkouts::id.eq_any(chunk))
                .order_by(checkouts::id)
                .select((checkouts::id, checkouts::row_seal)) => load
        )?;
        for (id, seal) in seals {
            let row = match planned.get(&id) {
                Some(row) if row.row_seal == seal => Cow::Borrowed(*row),
                _ => {
                    let row: CheckoutRow = checkouts::table.find(id).select(CheckoutRow::as_select()).first(conn)?;
                    Cow::Owned(row.intact(&context.sealer)?)
                }
            };
            rows.insert(id, row);
        }
    }
    Ok(rows)
}

/// What the payees' contracts make of a plan, with what waits for their minimums now.
fn distribution_of(
    conn: &mut Conn,
    context: &Context,
    job: &SettleJob,
    flows: &mut Flows,
) -> Result<Distribution, PayError> {
    if job.contracts.is_empty() {
        return Ok(Distribution::direct(&job.plan));
    }
    let asset = job.plan.gross.asset;
    flows.load(conn, context, &job.contracts.profiles(), asset)?;
    let mut contracts = job.contracts.clone();
    let at = contracts.at;
    contracts.reckon(&job.plan, &|key| flows.waiting(key, asset), &mut |did| {
        contract_in_effect(conn, &context.sealer, did, at)
    })
}

/// The ledger commands of a settlement, all or none of them, and the receipt it will have; `None` when it is settled
/// already.
fn commands_of(
    context: &Context,
    job: &SettleJob,
    distribution: &Distribution,
    row: &CheckoutRow,
) -> Result<Option<(ReceiptId, Vec<Command>)>, PayError> {
    match row.state()? {
        CheckoutState::Paid => {}
        CheckoutState::Settled => return Ok(None),
        state => {
            let detail = format!("This checkout is not paid: it is {state:?}.").to_lowercase();
            return Err(PayError::State {
                detail,
                hint: "Nothing is split that is not paid.",
            });
        }
    }
    let most = row.price()?;
    let is_priced = match &job.wish.measured {
        Some(_) => job.price.is_at_most(most),
        None => most == job.price,
    };
    if !is_priced || row.owner_did != job.payer.as_str() {
        return Err(PayError::damaged(
            "checkouts",
            &row.id.to_string(),
            "it is not what was planned",
        ));
    }
    let key = format!("settle/{}", row.id);
    if let (FREE, Some(receipt)) = (row.rail.as_str(), row.receipt_id) {
        return Ok(Some((receipt, vec![free_command(row, key)])));
    }
    let missing = || PayError::damaged("checkouts", &row.id.to_string(), "it is paid, and names no payment");
    let (hold, receipt) = row.hold_id.zip(row.receipt_id).ok_or_else(missing)?;
    let mut credits = credits(&job.plan, distribution, &context.recipients(&job.payer));
    credits.extend(fee_movement(&row.rail, job.price, job.rail_fee));
    let capture = HoldCapture {
        hold,
        key,
        kind: EntryKind::Settlement,
        reference: row.id.to_string(),
        credits,
        release_rest: false,
    };
    let asset = job.plan.gross.asset;
    let release = release_command(&distribution.releases, asset, &capture.key, &capture.reference);
    let direct = direct_command(&job.direct, &row.rail, asset, &capture.key, &capture.reference);
    let pledge = pledge_command(row, &capture.credits)?;
    let rest = rest_command(row, job.price)?;
    let commands = [Command::Capture(capture)]
        .into_iter()
        .chain(rest)
        .chain(release)
        .chain(direct)
        .chain(pledge);
    Ok(Some((receipt, commands.collect())))
}

/// The rows of a batch of settlements.
#[derive(Default)]
struct Batch {
    receipts: Vec<ReceiptRow>,
    parties: Vec<PartyRow>,
    checkouts: Vec<CheckoutRow>,
    shares: Vec<ShareRow>,
    sums: BTreeMap<String, (i64, i64)>,
    days: BTreeMap<(i64, String), SalesDayRow>,
    captures: Vec<(CheckoutId, Vec<PledgeRow>)>,
    /// Goods that were measured: their checkout from now on, what was held for it, and what they have cost.
    measured: Vec<(CheckoutRow, i64, Measured)>,
}

impl Batch {
    /// Makes the receipts of what the ledger has booked: signed and sealed, ready to be written.
    fn of(context: &Context, booked: &[Booked<'_>], outcomes: &[GroupAnswer]) -> Result<Self, PayError> {
        let mut batch = Self::default();
        for (booked, outcome) in booked.iter().zip(outcomes) {
            if let Ok([capture, ..]) = outcome.as_deref() {
                batch.add(context, booked, capture)?;
            }
        }
        batch.receipts = sealed_all(batch.receipts, &context.sealer)?;
        batch.checkouts = sealed_all(batch.checkouts, &context.sealer)?;
        Ok(batch)
    }

    fn add(&mut self, context: &Context, booked: &Booked<'_>, outcome: &Outcome) -> Result<(), PayError> {
        let Booked {
            job,
            distribution,
            row,
            receipt,
            ..
        } = booked;
        let test_money = context
            .rail(&row.rail)
            .map_or_else(|_| job.plan.gross.asset.is_test(), |rail| rail.is_test());
        let parts = ReceiptParts {
            id: *receipt,
            plan: &job.plan,
            distribution,
            direct: &job.direct,
            price: job.price,
            rail_fee: job.rail_fee,
            split: &job.split,
            delivered: &job.wish.delivered,
            recipients: &context.recipients(&job.payer),
            entry: &outcome.entry,
            test_money,
        };
        let (receipt, message) = receipt_make(&context.keyring, row, &parts)?;
        self.parties.append(&mut parties_of(&message));
        self.shares.append(&mut shares_of(&message.payload, &job.split));
        if row.goods_kind != TOPUP {
            let sum = self.sums.entry(receipt.asset.clone()).or_default();
            *sum = (sum.0.saturating_add(receipt.gross), sum.1.saturating_add(1));
            let day = (receipt.issued_at.as_days(), receipt.asset.clone());
            let empty = || SalesDayRow::empty(day.0, day.1.clone());
            self.days.entry(day.clone()).or_insert_with(empty).add(&message.payload);
        }
        if row.rail == VISA {
            let credits = credits(&job.plan, distribution, parts.recipients);
            self.captures.push((row.id, pledges_of(row.id, &credits)));
        }
        self.receipts.push(receipt);
        let mut row = CheckoutRow::clone(row);
        row.state_set(CheckoutState::Settled, outcome.entry.posted_at);
        row.reason = None;
        if let Some(measured) = &job.wish.measured {
            let held = row.price;
            measured.apply(&mut row)?;
            self.measured.push((row.clone(), held, measured.clone()));
        }
        self.checkouts.push(row);
        Ok(())
    }

    fn write(self, conn: &mut Conn, context: &Context) -> Result<(), PayError> {
        if self.receipts.is_empty() {
            return Ok(());
        }
        rows_insert!(
            conn,
            receipts,
            columns = (
                id,
                checkout_id,
                entry_id,
                payer_did,
                asset,
                gross,
                issued_at,
                document,
                row_seal
            ),
            &self.receipts
        )?;
        rows_insert!(conn, receipt_parties, columns = (did, receipt_id), &self.parties)?;
        ShareRow::insert_all(self.shares, conn, &context.sealer)?;
        for (row, held, measured) in &self.measured {
            measured_write(conn, context, row, *held, measured)?;
        }
        rows_update!(
            conn,
            checkouts,
            key = id,
            set = (state, reason, price, split_id, updated_at, row_seal),
            &self.checkouts
        )?;
        captures_owe(conn, context, self.captures)?;
        sales::days_add(conn, context, &self.days)?;
        sales::sales_add(conn, context, &self.sums)
    }
}
