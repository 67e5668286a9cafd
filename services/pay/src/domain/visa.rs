//! Paying with a visa: the promise of a broker stands in for the money until the broker pays.
//!
//! A quote that is paid so is booked as a debt of the broker, held until the goods are handed over, and split like any
//! other. In the same entry group every share is set aside again: its owner has it, and can spend it once the broker
//! has said that it pays.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::CheckoutId;
use imajin_ledger::{AccountKey, Command, EntryKind, HoldPlace, Movement, Owner, Posting, Purpose};
use imajin_money::{Asset, Money};
use imajin_pay_api::VisaChecked;
use imajin_proof::digest::sha256_hex;
use imajin_store::{Conn, SealedRow, for_update, is_unique_violation, outbox};
use serde::{Deserialize, Serialize};

use super::balance::{HeldQuote, Spent, paid, paid_key, quote_lock, replayed};
use super::checkout::{NewCheckout, checkout_open};
use super::payer::Payer;
use crate::PayError;
use crate::brokers::Visa;
use crate::context::Context;
use crate::rows::{BEARER, CaptureRow, CaptureState, CheckoutRow, PLEDGE_OPEN, PledgeRow, VisaRow};
use crate::schema::{visa_captures, visas};

/// What stands in the place of a rail when a visa pays.
pub(crate) const VISA: &str = "visa";
/// The outbox topic of promises that their broker has not made good.
pub(crate) const VISA_REDEEM: &str = "visa_redeem";

/// The receipts whose money a broker has promised and not paid: their shares wait for that first.
macro_rules! unpaid_receipts {
    () => {
        visa_captures::table
            .filter(visa_captures::state.eq(imajin_store::Literal(CaptureState::Owed.as_str())))
            .select(visa_captures::receipt_id)
    };
}
pub(crate) use unpaid_receipts;

/// What the worker asks a broker about.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedeemOrder {
    pub(crate) checkout: CheckoutId,
    pub(crate) issuer: String,
}

/// What a broker owes this node: below zero, as with every rail.
pub(crate) fn receivable(issuer: &str, asset: Asset) -> AccountKey {
    AccountKey::rail(&format!("receivable:{issuer}"), asset)
}

/// Pays a quote with a visa, once.
pub(crate) fn visa_pay(
    conn: &mut Conn,
    context: &Context,
    payer: &Payer,
    id: CheckoutId,
    visa: &Visa,
) -> Result<Spent, PayError> {
    // Two requests with one key may have come at the same moment.
    if let Some(spent) = replayed(conn, context, payer)? {
        return Ok(spent);
    }
    let row = quote_lock(conn, context, payer.did(), id)?;
    row_pay(conn, context, payer, row, visa)
}

/// Opens a quote and pays it with a visa, once for each claim.
pub(crate) fn visa_buy(
    conn: &mut Conn,
    context: &Context,
    payer: &Payer,
    new: &NewCheckout,
    visa: &Visa,
) -> Result<Spent, PayError> {
    if let Some(spent) = replayed(conn, context, payer)? {
        return Ok(spent);
    }
    if !payer.key().reserve(conn, context, payer.did())? {
        return replayed(conn, context, payer)?.ok_or(PayError::IdempotencyInFlight);
    }
    let (row, _replayed) = checkout_open(conn, context, new)?;
    row_pay(conn, context, payer, row, visa)
}

fn row_pay(
    conn: &mut Conn,
    context: &Context,
    payer: &Payer,
    row: CheckoutRow,
    visa: &Visa,
) -> Result<Spent, PayError> {
    let claim = match payer {
        // Without a claim it is the visa's own, and each use has its name: a broker pays a claim once.
        Payer::Signed(_) => sha256_hex(format!("{}/{}", visa.digest, row.id).as_bytes()),
        Payer::Claim(claim) => claim.digest.clone(),
    };
    let held = visa_hold(conn, context, payer.did(), row, visa, claim)?;
    paid(conn, context, payer, held)
}

/// Sets the price of a quote aside as a debt of the broker. `claim_digest` names what the broker gets as evidence.
pub(crate) fn visa_hold(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
    mut row: CheckoutRow,
    visa: &Visa,
    claim_digest: String,
) -> Result<HeldQuote, PayError> {
    let (id, price) = (row.id, row.price()?);
    visa_spend(conn, context, visa, price)?;
    let place = HoldPlace {
        id: context.env.new_id(),
        key: paid_key(VISA, id),
        source: receivable(&visa.issuer, price.asset),
        owner: Owner::Did(owner.canonical()),
        amount: price.amount,
        reference: id.to_string(),
        expires_at: None,
    };
    let placed = context.ledger.execute_one(conn, &Command::Place(place))??;
    let hold = placed.hold.map(|hold| hold.id);
    VISA.clone_into(&mut row.rail);
    row.rail_reference = Some(visa.jti.clone());
    let receipt = context.env.new_id();
    let capture = CaptureRow {
        checkout_id: id,
        issuer: visa.issuer.clone(),
        jti: visa.jti.clone(),
        receipt_id: receipt,
        asset: price.asset.to_string(),
        amount: price.amount.micros(),
        claim_digest,
        state: CaptureState::Held.as_str().to_owned(),
        reference: None,
        problem: None,
        created_at: context.now(),
        accepted_at: None,
        ended_at: None,
        row_seal: Vec::new(),
    };
    capture.insert(conn, &context.sealer)?;
    let hold = hold.ok_or_else(|| PayError::Fault("a hold without a hold".to_owned()))?;
    Ok(HeldQuote { row, hold, receipt })
}

/// Takes a price out of a visa, which pays no more than it says and no more often.
fn visa_spend(conn: &mut Conn, context: &Context, visa: &Visa, price: Money) -> Result<(), PayError> {
    promise_check(context, visa, price)?;
    let mut row = visa_keep(conn, context, visa)?;
    row.units = left_check(visa, &row, price)?;
    row.uses = row.uses.saturating_add(1);
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// Whether a visa would pay a price; nothing is written.
pub(crate) fn visa_would_pay(
    conn: &mut Conn,
    context: &Context,
    visa: &Visa,
    price: Money,
) -> Result<VisaChecked, PayError> {
    promise_check(context, visa, price)?;
    let query = visas::table
        .find((&visa.issuer, &visa.jti))
        .select(VisaRow::as_select());
    let row: Option<VisaRow> = query.first(conn).optional()?;
    let row = row.map(|row| row.intact(&context.sealer)).transpose()?;
    let row = row.unwrap_or_else(|| visa_row(context, visa));
    left_check(visa, &row, price)?;
    let uses = row.uses_max.saturating_sub(row.uses).saturating_sub(1);
    Ok(VisaChecked {
        uses_left: u32::try_from(uses).unwrap_or(0),
    })
}

/// What can be said of a promise without knowing what was spent of it.
fn promise_check(context: &Context, visa: &Visa, price: Money) -> Result<(), PayError> {
    if price.asset != visa.max.asset {
        let (asset, promised) = (price.asset, visa.max.asset);
        let problem = format!("It is a promise in {promised}, and this costs {asset}.");
        return Err(PayError::Visa(problem));
    }
    if visa.expires_at <= context.now() {
        let problem = "It has expired; ask the broker for a new one.";
        return Err(PayError::Visa(problem.to_owned()));
    }
    Ok(())
}

/// What is spent of a visa once it has paid a price, if it still does.
fn left_check(visa: &Visa, row: &VisaRow, price: Money) -> Result<i64, PayError> {
    let refused = |problem: String| Err(PayError::Visa(problem));
    if row.holder != holder_of(visa)
        || row.units_max != visa.max.amount.micros()
        || row.uses_max != i64::from(visa.uses)
    {
        return refused("Its broker has given the same name to two promises.".to_owned());
    }
    if row.uses >= row.uses_max {
        return refused(format!("It was spent already: it pays {} times.", row.uses_max));
    }
    let units = row.units.checked_add(price.amount.micros());
    match units.filter(|units| *units <= row.units_max) {
        Some(units) => Ok(units),
        None => refused(format!("Less than {price} is left of it.")),
    }
}

/// The row of a visa, made when it is seen first; locked until the transaction ends.
fn visa_keep(conn: &mut Conn, context: &Context, visa: &Visa) -> Result<VisaRow, PayError> {
    if let Some(row) = visa_lock(conn, context, &visa.issuer, &visa.jti)? {
        return Ok(row);
    }
    let row = visa_row(context, visa);
    // Another process may see it first at this moment.
    match conn.transaction(|conn| row.insert(conn, &context.sealer)) {
        Ok(row) => Ok(row),
        Err(error) if is_unique_violation(&error) => {
            visa_lock(conn, context, &visa.issuer, &visa.jti)?.ok_or_else(|| error.into())
        }
        Err(error) => Err(error.into()),
    }
}

fn holder_of(visa: &Visa) -> &str {
    visa.holder.as_deref().unwrap_or(BEARER)
}

fn visa_row(context: &Context, visa: &Visa) -> VisaRow {
    VisaRow {
        issuer: visa.issuer.clone(),
        jti: visa.jti.clone(),
        agent: visa.agent.clone(),
        holder: holder_of(visa).to_owned(),
        asset: visa.max.asset.to_string(),
        units_max: visa.max.amount.micros(),
        uses_max: i64::from(visa.uses),
        units: 0,
        uses: 0,
        expires_at: visa.expires_at,
        created_at: context.now(),
        row_seal: Vec::new(),
    }
}

fn visa_lock(conn: &mut Conn, context: &Context, issuer: &str, jti: &str) -> Result<Option<VisaRow>, PayError> {
    let row: Option<VisaRow> = for_update!(
        conn,
        visas::table.find((issuer, jti)).select(VisaRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A payment by visa, locked until the transaction ends, its seal checked.
pub(crate) fn capture_lock(conn: &mut Conn, context: &Context, id: CheckoutId) -> Result<CaptureRow, PayError> {
    let row: Option<CaptureRow> = for_update!(
        conn,
        visa_captures::table.find(id).select(CaptureRow::as_select()) => first
    )
    .optional()?;
    let row = row.ok_or_else(|| PayError::damaged(CaptureRow::TABLE, id.as_str(), "the row is missing"))?;
    Ok(row.intact(&context.sealer)?)
}

/// A payment by visa, its seal checked.
pub(crate) fn capture_find(conn: &mut Conn, context: &Context, id: CheckoutId) -> Result<Option<CaptureRow>, PayError> {
    let row: Option<CaptureRow> = visa_captures::table
        .find(id)
        .select(CaptureRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// The goods could not be had: the visa pays for something else.
pub(crate) fn visa_free(conn: &mut Conn, context: &Context, checkout: &CheckoutRow) -> Result<(), PayError> {
    let mut capture = capture_lock(conn, context, checkout.id)?;
    let visa = visa_lock(conn, context, &capture.issuer, &capture.jti)?;
    let missing = || PayError::damaged(VisaRow::TABLE, &capture.jti, "the row is missing");
    let mut visa = visa.ok_or_else(missing)?;
    visa.units = visa.units.saturating_sub(capture.amount);
    visa.uses = visa.uses.saturating_sub(1);
    visa.save(conn, &context.sealer)?;
    capture.state_set(CaptureState::Freed);
    capture.ended_at = Some(context.now());
    capture.save(conn, &context.sealer)?;
    Ok(())
}

/// Less was used than was promised: the visa pays the rest for something else.
pub(crate) fn visa_rest(conn: &mut Conn, context: &Context, id: CheckoutId, used: i64) -> Result<(), PayError> {
    let mut capture = capture_lock(conn, context, id)?;
    let visa = visa_lock(conn, context, &capture.issuer, &capture.jti)?;
    let missing = || PayError::damaged(VisaRow::TABLE, &capture.jti, "the row is missing");
    let mut visa = visa.ok_or_else(missing)?;
    visa.units = visa.units.saturating_sub(capture.amount.saturating_sub(used));
    visa.save(conn, &context.sealer)?;
    capture.amount = used;
    capture.save(conn, &context.sealer)?;
    Ok(())
}

/// What of a settlement waits for the broker: everything that its owner could spend. What waits for something else goes
/// on to wait for that.
pub(crate) fn pledges_of(id: CheckoutId, credits: &[Movement]) -> Vec<PledgeRow> {
    let mut sums: BTreeMap<(&Did, Purpose), (Asset, i64)> = BTreeMap::new();
    for credit in credits {
        let AccountKey { owner, asset, purpose } = &credit.account;
        if let (Owner::Did(did), Purpose::Available | Purpose::Fees) = (owner, purpose) {
            let sum = sums.entry((did, *purpose)).or_insert((*asset, 0));
            sum.1 = sum.1.saturating_add(credit.units);
        }
    }
    let row = |((did, purpose), (asset, units)): ((&Did, Purpose), (Asset, i64))| PledgeRow {
        checkout_id: id,
        did: did.to_string(),
        purpose: purpose.as_str().to_owned(),
        asset: asset.to_string(),
        units,
        state: PLEDGE_OPEN.to_owned(),
        row_seal: Vec::new(),
    };
    sums.into_iter().map(row).collect()
}

/// The command that sets the shares of a payment by visa aside; none of any other, and of nothing.
pub(crate) fn pledge_command(row: &CheckoutRow, credits: &[Movement]) -> Result<Option<Command>, PayError> {
    let (id, pledges) = (row.id, pledges_of(row.id, credits));
    if row.rail != VISA || pledges.is_empty() {
        return Ok(None);
    }
    Ok(Some(Command::Post(Posting {
        key: CaptureRow::pledge_key(id),
        kind: EntryKind::Pledge,
        reference: id.to_string(),
        movements: pledge_movements(&pledges, -1)?,
    })))
}

/// From the accounts to what waits there (-1), or back (1).
pub(crate) fn pledge_movements(pledges: &[PledgeRow], sign: i64) -> Result<Vec<Movement>, PayError> {
    let mut movements = Vec::with_capacity(pledges.len().saturating_mul(2));
    for pledge in pledges {
        let account = pledge.account()?;
        let waits = AccountKey {
            purpose: Purpose::Pending,
            ..account.clone()
        };
        let units = pledge.units.saturating_mul(sign);
        let (from, to) = (
            Movement::new(waits, units.saturating_neg()),
            Movement::new(account, units),
        );
        // What goes out comes first: no account is below zero between the two.
        movements.extend(if sign > 0 { [from, to] } else { [to, from] });
    }
    Ok(movements)
}

/// Payments by visa are split: from now on the broker is asked to pay.
pub(crate) fn captures_owe(
    conn: &mut Conn,
    context: &Context,
    captures: Vec<(CheckoutId, Vec<PledgeRow>)>,
) -> Result<(), PayError> {
    for (id, pledges) in captures {
        let mut capture = capture_lock(conn, context, id)?;
        let issuer = capture.issuer.clone();
        capture.state_set(CaptureState::Owed);
        capture.save(conn, &context.sealer)?;
        PledgeRow::insert_all(pledges, conn, &context.sealer)?;
        let order = RedeemOrder { checkout: id, issuer };
        outbox::enqueue(conn, &context.sealer, &context.env, VISA_REDEEM, id.as_str(), &order)?;
    }
    Ok(())
}
