//! Money that comes into an account: a checkout of pay whose goods are the money itself.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::DepositId;
use imajin_money::Money;
use imajin_pay_api::{CheckoutView, Delivery, DeliveryOutcome};
use imajin_store::idempotency::{self, Outcome};
use imajin_store::{Conn, SealedRow, for_update};

use super::account::account_require;
use crate::context::{Change, Context};
use crate::rows::{AccountRow, DepositRow, DepositState};
use crate::schema::deposits;
use crate::{BrokerError, log};

/// Keeps what somebody wants to put in; a request that is repeated with its idempotency key finds the first one.
pub(crate) fn deposit_ask(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    (agent, amount): (&Did, Money),
) -> Result<(AccountRow, DepositRow), BrokerError> {
    let owner = change.caller.did().clone();
    let request = change.key.as_ref().map(|key| key.request(&owner));
    if let Some(request) = &request {
        match idempotency::check(conn, &context.sealer, request, context.now())? {
            Outcome::Fresh | Outcome::InFlight => {}
            Outcome::Mismatch => return Err(BrokerError::IdempotencyMismatch),
            Outcome::Replay { body, .. } => {
                change.nonce_spend(conn, context)?;
                let id: Option<DepositId> = String::from_utf8(body).ok().and_then(|text| text.parse().ok());
                let id = id.ok_or_else(|| BrokerError::Fault("a kept answer is no deposit".to_owned()))?;
                return deposit_of(conn, context, id);
            }
        }
    }
    let account = account_require(conn, context, agent)?;
    let row = DepositRow {
        id: context.env.new_id(),
        owner_did: owner.clone(),
        agent_did: account.did.clone(),
        asset: amount.asset.to_string(),
        amount: amount.amount.micros(),
        state: DepositState::Open.as_str().to_owned(),
        checkout_id: None,
        receipt_id: None,
        created_at: context.now(),
        ended_at: None,
        row_seal: Vec::new(),
    };
    log::append(conn, context, change, log::DEPOSIT_ASK, &object(row.id))?;
    let row = row.insert(conn, &context.sealer)?;
    if let Some(request) = &request {
        let body = row.id.to_string().into_bytes();
        idempotency::store(conn, &context.sealer, request, 201, &body, context.now())?;
    }
    Ok((account, row))
}

/// A deposit with the account that it is for.
pub(crate) fn deposit_of(
    conn: &mut Conn,
    context: &Context,
    id: DepositId,
) -> Result<(AccountRow, DepositRow), BrokerError> {
    let query = deposits::table.find(id).select(DepositRow::as_select());
    let row: Option<DepositRow> = query.first(conn).optional()?;
    let row = row.ok_or(BrokerError::NotFound("deposit"))?.intact(&context.sealer)?;
    Ok((account_require(conn, context, &row.agent_did)?, row))
}

fn deposit_lock(conn: &mut Conn, context: &Context, id: DepositId) -> Result<DepositRow, BrokerError> {
    let row: Option<DepositRow> = for_update!(
        conn,
        deposits::table.find(id).select(DepositRow::as_select()) => first
    )
    .optional()?;
    let row = row.ok_or(BrokerError::NotFound("deposit"))?;
    Ok(row.intact(&context.sealer)?)
}

/// Remembers where it is paid.
pub(crate) fn deposit_checkout(
    conn: &mut Conn,
    context: &Context,
    id: DepositId,
    checkout: &CheckoutView,
) -> Result<DepositRow, BrokerError> {
    let mut row = deposit_lock(conn, context, id)?;
    if row.checkout_id.is_none() {
        row.checkout_id = Some(checkout.id.to_string());
        row = row.save(conn, &context.sealer)?;
    }
    Ok(row)
}

/// It is paid: pay credits the account once it hears that it may. The same delivery always ends the same way.
pub(crate) fn deposit_deliver(
    conn: &mut Conn,
    context: &Context,
    id: DepositId,
    delivery: &Delivery,
) -> Result<DeliveryOutcome, BrokerError> {
    let refused = |reason: &str| DeliveryOutcome::Refused {
        reason: reason.to_owned(),
    };
    let mut row = match deposit_lock(conn, context, id) {
        Err(BrokerError::NotFound(_)) => return Ok(refused("There is no such deposit.")),
        row => row?,
    };
    let receipt = delivery.receipt.to_string();
    if row.state == DepositState::Paid.as_str() {
        return Ok(if row.receipt_id.as_ref() == Some(&receipt) {
            delivered(&row)
        } else {
            refused("This deposit was paid before.")
        });
    }
    if delivery.gross != row.money()? {
        return Ok(refused("Another amount was paid."));
    }
    DepositState::Paid.as_str().clone_into(&mut row.state);
    row.checkout_id = Some(delivery.checkout.to_string());
    row.receipt_id = Some(receipt);
    row.ended_at = Some(context.now());
    let logged = serde_json::json!({"deposit": row.id, "receipt": row.receipt_id, "gross": delivery.gross});
    log::node_append(
        conn,
        context,
        &row.owner_did,
        (log::DEPOSIT_PAID, object(row.id)),
        &logged,
    )?;
    let row = row.save(conn, &context.sealer)?;
    Ok(delivered(&row))
}

/// Nobody pays for it any more. A payment that comes late all the same is taken.
pub(crate) fn deposit_leave(conn: &mut Conn, context: &Context, id: DepositId) -> Result<(), BrokerError> {
    let mut row = match deposit_lock(conn, context, id) {
        Err(BrokerError::NotFound(_)) => return Ok(()),
        row => row?,
    };
    if row.state == DepositState::Open.as_str() {
        DepositState::Left.as_str().clone_into(&mut row.state);
        row.ended_at = Some(context.now());
        row.save(conn, &context.sealer)?;
    }
    Ok(())
}

fn delivered(row: &DepositRow) -> DeliveryOutcome {
    DeliveryOutcome::Delivered {
        references: vec![row.id.to_string()],
    }
}

/// The name of a deposit in the log.
pub(crate) fn object(id: DepositId) -> String {
    format!("deposit/{id}")
}
