//! Who has an account at a rail.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_rails::RailOutcome;
use imajin_store::{Conn, SealedRow, for_update};

use crate::PayError;
use crate::context::Context;
use crate::rows::{MessageRow, PayeeRow};
use crate::schema::{payees, rail_messages};

/// Somebody's account at a rail, its seal checked.
pub(crate) fn payee_find(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    did: &Did,
) -> Result<Option<PayeeRow>, PayError> {
    let row: Option<PayeeRow> = payees::table
        .find((rail, did.canonical().to_string()))
        .select(PayeeRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Keeps a new account, unless there is one.
pub(crate) fn payee_keep(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    did: &Did,
    account: &str,
    country: &str,
) -> Result<PayeeRow, PayError> {
    if let Some(row) = payee_find(conn, context, rail, did)? {
        return Ok(row);
    }
    let now = context.now();
    let row = PayeeRow {
        rail: rail.to_owned(),
        did: did.canonical().to_string(),
        account: account.to_owned(),
        country: country.to_owned(),
        ready: false,
        created_at: now,
        updated_at: now,
        row_seal: Vec::new(),
    };
    Ok(row.insert(conn, &context.sealer)?)
}

/// Notes whether an account can be paid. `false`: nobody here has it.
pub(crate) fn payee_note(
    conn: &mut Conn,
    context: &Context,
    rail: &str,
    account: &str,
    ready: bool,
) -> Result<bool, PayError> {
    let row: Option<PayeeRow> = for_update!(
        conn,
        payees::table
            .filter(payees::rail.eq(rail))
            .filter(payees::account.eq(account))
            .select(PayeeRow::as_select()) => first
    )
    .optional()?;
    let Some(row) = row else { return Ok(false) };
    let mut row = row.intact(&context.sealer)?;
    row.ready = ready;
    row.updated_at = context.now();
    row.save(conn, &context.sealer)?;
    Ok(true)
}

/// A page of those who can be paid at a rail. Their rows are looked at when they are.
pub(crate) fn payees_ready(conn: &mut Conn, rail: &str, after: &str, limit: i64) -> Result<Vec<String>, PayError> {
    let dids = payees::table
        .filter(payees::rail.eq(rail))
        .filter(payees::ready.eq(true))
        .filter(payees::did.gt(after))
        .order_by(payees::did)
        .limit(limit)
        .select(payees::did);
    Ok(dids.load(conn)?)
}

/// What the rail said last about a payee's account, if that was that the payee's bank did not take a payout. The money
/// is in the account at the rail then, and the payee gives it another bank account.
pub(crate) fn bank_problem(conn: &mut Conn, context: &Context, payee: &PayeeRow) -> Result<Option<String>, PayError> {
    let last: Option<MessageRow> = rail_messages::table
        .filter(rail_messages::rail.eq(&payee.rail))
        .filter(rail_messages::reference.eq(&payee.account))
        // The rail tells in seconds: of one second, what went wrong counts (`payout_failed`, then `payee_changed`).
        .order_by((rail_messages::occurred_at.desc(), rail_messages::outcome.desc()))
        .select(MessageRow::as_select())
        .first(conn)
        .optional()?;
    let Some(last) = last.map(|row| row.intact(&context.sealer)).transpose()? else {
        return Ok(None);
    };
    let (rail, money, at) = (&payee.rail, last.money()?, last.occurred_at);
    Ok((last.outcome == RailOutcome::PayoutFailed.as_str())
        .then(|| format!("Your bank did not take {money} on {at}: it is in your account at {rail}. Look there.")))
}
