//! Settlements: many at once, in a few statements, each of them all or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::distribution::Distribution;
use imajin_fair::plan::Plan;
use imajin_kernel::id::{CheckoutId, OutboxId, ReceiptId};
use imajin_ledger::{Command, EntryKind, HoldCapture, Outcome, credits};
use imajin_money::{Amount, Money};
use imajin_pay_api::CheckoutState;
use imajin_rails::RailDirect;
use imajin_store::{Conn, SealedRow, outbox, rows_insert, rows_upsert, sealed_all};

use super::checkout::checkouts_lock;
use super::contract::{contract_in_effect, contract_owners};
use super::debts::debts_add;
use super::direct::{direct_command, direct_of_row, fits};
use super::distribute::{Contracts, Flows, flow_changes, release_command};
use super::measured::{Measured, measured_write, rest_command};
use super::payment::{fee_movement, fee_of, net_of};
use super::plan::Split;
use super::receipt::{ReceiptParts, parties_of, receipt_make};
use super::sales;
use super::shares::shares_of;
use super::visa::{VISA, captures_owe, pledge_command, pledges_of};
use crate::PayError;
use crate::context::Context;
use crate::own_goods::TOPUP;
use crate::rows::{CheckoutRow, PartyRow, PledgeRow, ReceiptRow, SalesDayRow, ShareRow};
use crate::schema::{checkouts, receipt_parties};

/// How many keys one query asks for.
pub(super) const KEYS_PER_QUERY: usize = 500;

/// A settlement that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct SettleWish {
    pub(crate) checkout: CheckoutId,
    /// What the seller has handed over.
    pub(crate) delivered: Vec<String>,
    /// What it has cost, of goods that are measured; else its price.
    pub(crate) measured: Option<Measured>,
    /// The delivery that is done with it.
    pub(crate) item: Option<OutboxId>,
}

/// A settlement that is planned: everything that does not need the transaction.
#[derive(Debug)]
pub(crate) struct SettleJob {
    pub(crate) wish: SettleWish,
    pub(crate) split: Arc<Split>,
    pub(crate) plan: Plan,
    /// What the buyer paid: the plan splits what the rail left of it.
    pub(crate) price: Money,
    /// What the rail has taken, of a rail that takes something.
    pub(crate) rail_fee: Option<Amount>,
    pub(crate) payer: Did,
    /// What the payees have received at the rail already.
    pub(crate) direct: Vec<RailDirect>,
    /// What the payees do with it.
    pub(crate) contracts: Contracts,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is booked.
    Now(ReceiptId),
    /// It was booked before.
    Before,
}

/// Plans settlements from what was stored with their checkouts. One that cannot be planned has its own answer.
pub(crate) fn settle_prepare(
    conn: &mut Conn,
    context: &Context,
    wishes: Vec<SettleWish>,
) -> Result<Vec<Result<SettleJob, PayError>>, PayError> {
    let ids = wishes.iter().map(|wish| wish.checkout.to_string()).collect::<Vec<_>>();
    let mut rows: HashMap<CheckoutId, CheckoutRow> = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(KEYS_PER_QUERY) {
        let loaded: Vec<CheckoutRow> = checkouts::table
            .filter(checkouts::id.eq_any(chunk))
            .select(CheckoutRow::as_select())
            .load(conn)?;
        rows.extend(loaded.into_iter().map(|row| (row.id, row)));
    }
    let mut jobs: Vec<Result<SettleJob, PayError>> = wishes
        .into_iter()
        .map(|wish| job_of(conn, context, rows.get(&wish.checkout), wish))
        .collect();
    let planned = jobs.iter().flatten();
    let payees: BTreeSet<Did> = planned
        .flat_map(|job| job.plan.legs.iter().map(|leg| leg.did.clone()))
        .collect();
    let owners = contract_owners(conn, &payees)?;
    if !owners.is_empty() {
        for job in &mut jobs {
            contracts_of(conn, context, job, &rows, &owners);
        }
    }
    Ok(jobs)
}

/// Adds the contracts in effect when it was paid.
fn contracts_of(
    conn: &mut Conn,
    context: &Context,
    job: &mut Result<SettleJob, PayError>,
    rows: &HashMap<CheckoutId, CheckoutRow>,
    owners: &BTreeSet<Did>,
) {
    let Ok(planned) = job else { return };
    let row = rows.get(&planned.wish.checkout);
    // What somebody puts in is no income.
    if row.is_some_and(|row| row.goods_kind == TOPUP) {
        return;
    }
    let at = row.and_then(|row| row.paid_at);
    match Contracts::gather(
        conn,
        &context.sealer,
        &planned.plan,
        at.unwrap_or(context.now()),
        owners,
        planned.direct.iter().map(|part| part.did.clone()).collect(),
    ) {
        Ok(contracts) => planned.contracts = contracts,
        Err(error) => *job = Err(error),
    }
}

/// The row is looked at without a lock; what decides is read again in the transaction, price included.
fn job_of(
    conn: &mut Conn,
    context: &Context,
    row: Option<&CheckoutRow>,
    wish: SettleWish,
) -> Result<SettleJob, PayError> {
    let row = row.ok_or(PayError::NotFound("checkout"))?;
    let (price, split) = match &wish.measured {
        Some(measured) => (measured.price, Arc::clone(&measured.split)),
        None => (row.price()?, context.splits.fetch(conn, context, &row.split_id)?),
    };
    let (net, rail_fee) = net_of(price, fee_of(conn, context, row)?)?;
    let plan = split.plan(net)?;
    let direct = direct_of_row(conn, context, row)?;
    if !fits(&direct, &plan) {
        let problem = "what was paid on the chain is not what is to be split".to_owned();
        return Err(PayError::Fault(format!("{id}: {problem}", id = row.id)));
    }
    Ok(SettleJob {
        wish,
        split,
        plan,
        price,
        rail_fee,
        payer: row.buyer()?,
        direct,
        contracts: Contracts::none(),
    })
}

/// Books settlements. One that cannot be booked has its own answer and leaves the others alone.
pub(crate) fn settle_batch(
    conn: &mut Conn,
    context: &Context,
    jobs: &[Arc<SettleJob>],
) -> Result<Vec<Result<Settled, PayError>>, PayError> {
    let mut rows = checkouts_lock(conn, context, jobs.iter().map(|job| job.wish.checkout))?;
    let known: HashSet<CheckoutId> = rows.keys().copied().collect();
    let mut answers: Vec<Result<Settled, PayError>> = Vec::with_capacity(jobs.len());
    let mut commands = Vec::with_capacity(jobs.len());
    let mut booked = Vec::with_capacity(jobs.len());
    let mut flows = Flows::default();
    for (index, job) in jobs.iter().enumerate() {
        let distribution = distribution_of(conn, context, job, &mut flows)?;
        // Taken out: the same checkout twice in one batch is settled once.
        match commands_of(context, job, &distribution, rows.get(&job.wish.checkout)) {
            Ok(Some(group)) => {
                flows.apply(flow_changes(&distribution, job.plan.gross.asset))?;
                commands.push(group);
                booked.push((index, job, distribution, rows.remove(&job.wish.checkout)));
                answers.push(Ok(Settled::Before));
            }
            Ok(None) if known.contains(&job.wish.checkout) => answers.push(Ok(Settled::Before)),
            Ok(None) => answers.push(Err(PayError::NotFound("checkout"))),
            Err(error) => answers.push(Err(error)),
        }
    }
    debts_add(conn, context, &mut commands)?;
    let outcomes = context.ledger.execute_linked(conn, &commands)?;
    let mut batch = Batch::default();
    for ((index, job, distribution, row), outcome) in booked.into_iter().zip(outcomes) {
        let answer = match (outcome.map(|all| all.into_iter().next()), row) {
            // What the ledger has booked gets its receipt in this transaction, or nothing of the batch stands.
            (Ok(Some(outcome)), Some(mut row)) => {
                if let Some(measured) = &job.wish.measured {
                    measured_write(conn, context, &mut row, measured)?;
                }
                Ok(Settled::Now(batch.add(context, job, &distribution, row, &outcome)?))
            }
            (Ok(_), _) => Ok(Settled::Before),
            // Later ones of the batch may have counted on what this one leaves waiting: each on its own then.
            (Err(refusal), _) if !flows.is_empty() => return Err(refusal.into()),
            (Err(refusal), _) => Err(refusal.into()),
        };
        if let Some(place) = answers.get_mut(index) {
            *place = answer;
        }
    }
    flows.write(conn, context)?;
    batch.write(conn, context)?;
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

/// The ledger commands of a settlement, all or none of them; `None` when it is settled already, or being settled by an
/// earlier job.
fn commands_of(
    context: &Context,
    job: &SettleJob,
    distribution: &Distribution,
    row: Option<&CheckoutRow>,
) -> Result<Option<Vec<Command>>, PayError> {
    let Some(row) = row else { return Ok(None) };
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
        Some(_) => most.asset == job.price.asset && job.price.amount <= most.amount,
        None => most == job.price,
    };
    if !is_priced || row.owner_did != job.payer.as_str() {
        return Err(PayError::damaged(
            "checkouts",
            &row.id.to_string(),
            "it is not what was planned",
        ));
    }
    let missing = || PayError::damaged("checkouts", &row.id.to_string(), "it is paid, and names no payment");
    let (hold, _receipt) = row.hold_id.zip(row.receipt_id).ok_or_else(missing)?;
    let mut credits = credits(&job.plan, distribution, &context.recipients(&job.payer));
    credits.extend(fee_movement(&row.rail, job.price, job.rail_fee));
    let capture = HoldCapture {
        hold,
        key: format!("settle/{}", row.id),
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
    Ok(Some(commands.collect()))
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
}

impl Batch {
    fn add(
        &mut self,
        context: &Context,
        job: &SettleJob,
        distribution: &Distribution,
        mut row: CheckoutRow,
        outcome: &Outcome,
    ) -> Result<ReceiptId, PayError> {
        let missing = || {
            PayError::damaged(
                "checkouts",
                &row.id.to_string(),
                "it is paid, and has no receipt reserved",
            )
        };
        let id = row.receipt_id.ok_or_else(missing)?;
        let test_money = context
            .rail(&row.rail)
            .map_or_else(|_| job.plan.gross.asset.is_test(), |rail| rail.is_test());
        let parts = ReceiptParts {
            id,
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
        let (receipt, message) = receipt_make(&context.keyring, &row, &parts)?;
        self.parties.append(&mut parties_of(&message));
        self.shares.append(&mut shares_of(&message.payload, &job.split));
        if row.goods_kind != TOPUP {
            let sum = self.sums.entry(receipt.asset.clone()).or_default();
            *sum = (sum.0.saturating_add(receipt.gross), sum.1.saturating_add(1));
            let day = (sales::day_of(receipt.issued_at), receipt.asset.clone());
            let empty = || SalesDayRow::empty(day.0, day.1.clone());
            self.days.entry(day.clone()).or_insert_with(empty).add(&message.payload);
        }
        if row.rail == VISA {
            let credits = credits(&job.plan, distribution, parts.recipients);
            self.captures.push((row.id, pledges_of(row.id, &credits)));
        }
        self.receipts.push(receipt);
        row.state_set(CheckoutState::Settled, outcome.entry.posted_at);
        row.reason = None;
        self.checkouts.push(row);
        Ok(id)
    }

    fn write(self, conn: &mut Conn, context: &Context) -> Result<(), PayError> {
        if self.receipts.is_empty() {
            return Ok(());
        }
        ReceiptRow::insert_all(self.receipts, conn, &context.sealer)?;
        rows_insert!(conn, receipt_parties, &self.parties)?;
        ShareRow::insert_all(self.shares, conn, &context.sealer)?;
        rows_upsert!(
            conn,
            checkouts,
            key = id,
            set = (state, reason, price, split_id, updated_at, row_seal),
            &sealed_all(self.checkouts, &context.sealer)?
        )?;
        captures_owe(conn, context, self.captures)?;
        sales::days_add(conn, context, &self.days)?;
        sales::sales_add(conn, context, &self.sums)
    }
}
