//! Money that one node passes on to another: once for each of the sender's names.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_imagxp::broker::TransferAsked;
use imajin_store::{Conn, SealedRow, for_update};

use crate::context::{Change, Context};
use crate::rows::TransferRow;
use crate::schema::transfers;
use crate::{BrokerError, log};

/// The longest name of a transfer.
const REFERENCE_BYTES_MAX: usize = 100;

/// The name of a transfer in the log.
pub(crate) fn object(reference: &str) -> String {
    format!("{}{reference}", log::TRANSFER_PREFIX)
}

/// Refuses what no transfer can be, before anything is written about it. `true`: it was asked for before.
pub(crate) fn transfer_check(
    conn: &mut Conn,
    context: &Context,
    from: &Did,
    asked: &TransferAsked,
) -> Result<bool, BrokerError> {
    asked_check(from, asked)?;
    let query = transfers::table.find(&asked.reference).select(TransferRow::as_select());
    let row: Option<TransferRow> = query.first(conn).optional()?;
    let known = row.map(|row| row.intact(&context.sealer)).transpose()?;
    if let Some(known) = &known {
        same_require(known, from, asked)?;
    }
    Ok(known.is_some())
}

fn asked_check(from: &Did, asked: &TransferAsked) -> Result<(), BrokerError> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let length = asked.reference.len();
    if !(1..=REFERENCE_BYTES_MAX).contains(&length) || !asked.reference.bytes().all(is_fit) {
        let problem = format!("must have 1 to {REFERENCE_BYTES_MAX} letters, digits, -, _ and .");
        return Err(BrokerError::invalid("reference", problem));
    }
    if asked.to.canonical() == *from {
        return Err(BrokerError::invalid("to", "is the sender"));
    }
    if asked.amount.is_zero() {
        return Err(BrokerError::invalid("amount", "must be more than zero"));
    }
    Ok(())
}

/// Refuses another transfer of the same name.
fn same_require(known: &TransferRow, from: &Did, asked: &TransferAsked) -> Result<(), BrokerError> {
    if known.from_did == *from && known.to_did == asked.to.canonical() && known.money()? == asked.amount {
        return Ok(());
    }
    Err(BrokerError::State {
        detail: "This reference names another transfer.".to_owned(),
        hint: "Each transfer has a reference of its own; the same one again is the same transfer.",
    })
}

/// Keeps what a node wants to pass on, or finds it.
pub(crate) fn transfer_begin(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    asked: &TransferAsked,
) -> Result<TransferRow, BrokerError> {
    let from = change.caller.verified()?.did().canonical();
    asked_check(&from, asked)?;
    if let Some(known) = transfer_lock(conn, context, &asked.reference)? {
        same_require(&known, &from, asked)?;
        change.nonce_spend(conn, context)?;
        return Ok(known);
    }
    log::append(conn, context, change, log::TRANSFER_ASK, &object(&asked.reference))?;
    let row = TransferRow {
        reference: asked.reference.clone(),
        from_did: from,
        to_did: asked.to.canonical(),
        asset: asked.amount.asset.to_string(),
        amount: asked.amount.amount.micros(),
        created_at: context.now(),
        booked_at: None,
        row_seal: Vec::new(),
    };
    Ok(row.insert(conn, &context.sealer)?)
}

fn transfer_lock(conn: &mut Conn, context: &Context, reference: &str) -> Result<Option<TransferRow>, BrokerError> {
    let row: Option<TransferRow> = for_update!(
        conn,
        transfers::table.find(reference).select(TransferRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Pay has moved it.
pub(crate) fn transfer_booked(conn: &mut Conn, context: &Context, reference: &str) -> Result<TransferRow, BrokerError> {
    let row = transfer_lock(conn, context, reference)?;
    let mut row = row.ok_or_else(|| BrokerError::damaged(TransferRow::TABLE, &reference, "the row is missing"))?;
    if row.booked_at.is_none() {
        row.booked_at = Some(context.now());
        row = row.save(conn, &context.sealer)?;
    }
    Ok(row)
}

/// There was too little: the reference is free again, and the same transfer can be asked for later.
pub(crate) fn transfer_drop(conn: &mut Conn, context: &Context, reference: &str) -> Result<(), BrokerError> {
    if let Some(row) = transfer_lock(conn, context, reference)?
        && row.booked_at.is_none()
    {
        row.delete(conn)?;
    }
    Ok(())
}

/// A transfer that was made, for its two sides.
pub(crate) fn transfer_find(
    conn: &mut Conn,
    context: &Context,
    reference: &str,
    reader: &Did,
) -> Result<TransferRow, BrokerError> {
    let row: Option<TransferRow> = transfers::table
        .find(reference)
        .filter(transfers::booked_at.is_not_null())
        .filter(transfers::from_did.eq(reader).or(transfers::to_did.eq(reader)))
        .select(TransferRow::as_select())
        .first(conn)
        .optional()?;
    let row = row.ok_or(BrokerError::NotFound("transfer of yours"))?;
    Ok(row.intact(&context.sealer)?)
}
