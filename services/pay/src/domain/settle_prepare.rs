//! What a settlement needs before its transaction: planned from what was stored with the checkout, beside the writer.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::plan::Plan;
use imajin_kernel::id::{CheckoutId, OutboxId};
use imajin_money::{Amount, Money};
use imajin_rails::RailDirect;
use imajin_store::{Conn, SealedRow};

use super::contract::contract_owners;
use super::direct::{direct_of_row, fits};
use super::distribute::Contracts;
use super::measured::Measured;
use super::payment::{fee_of, net_of};
use super::plan::Split;
use crate::PayError;
use crate::context::Context;
use crate::own_goods::TOPUP;
use crate::rows::CheckoutRow;
use crate::schema::checkouts;

/// How many keys one query asks for.
pub(crate) const KEYS_PER_QUERY: usize = 500;

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
    /// The checkout as it was planned; its seal tells whether it still is.
    pub(crate) row: CheckoutRow,
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

/// The row is looked at without a lock: in the transaction its seal is compared with the one that was planned with.
fn job_of(
    conn: &mut Conn,
    context: &Context,
    row: Option<&CheckoutRow>,
    wish: SettleWish,
) -> Result<SettleJob, PayError> {
    let row = row
        .ok_or(PayError::NotFound("checkout"))?
        .clone()
        .intact(&context.sealer)?;
    let (price, split) = match &wish.measured {
        Some(measured) => (measured.price, Arc::clone(&measured.split)),
        None => (row.price()?, context.splits.fetch(conn, context, &row.split_id)?),
    };
    let (net, rail_fee) = net_of(price, fee_of(conn, context, &row)?)?;
    let plan = split.plan(net)?;
    let direct = direct_of_row(conn, context, &row)?;
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
        row,
        direct,
        contracts: Contracts::none(),
    })
}
