//! What agents pay for accesses to sites behind a gate: each once, whatever is asked again.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_gate::{Charge, Charged};
use imajin_imagxp::REPEATED_FOR;
use imajin_imagxp::visa::visa_issuer;
use imajin_kernel::Timestamp;
use imajin_kernel::id::AccessId;
use imajin_pay_api::{Delivery, DeliveryOutcome};
use imajin_proof::digest::sha256_hex;
use imajin_store::{Conn, SealedRow, for_update, is_unique_violation};

use super::access::refused;
use super::objection::is_objected;
use crate::PublisherError;
use crate::context::Context;
use crate::rows::{ChargeRow, ChargeState, ClaimRow};
use crate::schema::{gate_charges, gate_claims};

/// What is to be charged, and at which site.
#[derive(Debug, Clone)]
pub(crate) struct ChargeWish {
    pub(crate) site: String,
    pub(crate) agent_did: Did,
    pub(crate) seller: Did,
    pub(crate) charge: Charge,
}

/// What is to be done about a charge.
#[derive(Debug, Clone)]
pub(crate) enum Begun {
    /// It was paid before.
    Paid(Charged),
    /// Pay is asked, again if need be.
    Ask(Box<ChargeRow>),
}

/// Writes down that pay is about to be asked, unless it was paid already.
pub(crate) fn charge_begin(conn: &mut Conn, context: &Context, wish: &ChargeWish) -> Result<Begun, PublisherError> {
    if let Some(row) = retry_lock(conn, context, &wish.charge)? {
        return charge_again(conn, context, wish, row);
    }
    let charge = &wish.charge;
    let row = ChargeRow {
        id: context.env.new_id(),
        site: wish.site.clone(),
        agent: charge.agent.clone(),
        agent_did: wish.agent_did.clone(),
        url: charge.url.clone(),
        purpose: charge.purpose.as_str().to_owned(),
        fair_id: charge.fair.as_ref().map(ToString::to_string),
        seller_did: wish.seller.canonical(),
        asset: charge.price.asset.to_string(),
        price: charge.price.amount.micros(),
        claim_digest: charge.claim_digest.clone(),
        visa_digest: sha256_hex(charge.visa.as_bytes()),
        retry_key: charge.retry_key.clone(),
        state: ChargeState::Asked.as_str().to_owned(),
        refusal: None,
        checkout_id: None,
        receipt_id: None,
        paid_at: None,
        created_at: context.env.now(),
        row_seal: Vec::new(),
    };
    // The same request may have come twice at this moment, here or at another process.
    match conn.transaction(|conn| {
        let row = row.insert(conn, &context.sealer)?;
        claim_keep(conn, context, &row, charge)?;
        Ok(row)
    }) {
        Ok(row) => Ok(Begun::Ask(Box::new(row))),
        Err(error) if is_unique_violation(&error) => match retry_lock(conn, context, charge)? {
            Some(row) => charge_again(conn, context, wish, row),
            None => Err(in_use("this claim")),
        },
        Err(error) => Err(error.into()),
    }
}

/// A charge that was begun before.
fn charge_again(
    conn: &mut Conn,
    context: &Context,
    wish: &ChargeWish,
    mut row: ChargeRow,
) -> Result<Begun, PublisherError> {
    match row.state()? {
        ChargeState::Paid if is_repeat(context, &row, &wish.charge) => {
            if is_objected(conn, context, &row)? {
                // Nothing would show that it was handed over: the answer to the objection may have been given.
                return Err(PublisherError::invalid(
                    "idempotency-key",
                    "is of a payment that you object to: choose another to pay for the page again",
                ));
            }
            paid_of(&row).map(Begun::Paid)
        }
        ChargeState::Paid => Err(PublisherError::invalid(
            "idempotency-key",
            "was used for a payment of this page with another visa, for something else, or a day ago: choose another",
        )),
        ChargeState::Asked if is_same(&row, &wish.charge) => Ok(Begun::Ask(Box::new(row))),
        // Whether the first visa pays is not known yet: another one could pay a second time.
        ChargeState::Asked => Err(in_use("another visa, or for something else,")),
        ChargeState::Refused | ChargeState::Returned => {
            row.visa_digest = sha256_hex(wish.charge.visa.as_bytes());
            row.claim_digest.clone_from(&wish.charge.claim_digest);
            wish.charge.purpose.as_str().clone_into(&mut row.purpose);
            row.fair_id = wish.charge.fair.as_ref().map(ToString::to_string);
            row.asset = wish.charge.price.asset.to_string();
            row.price = wish.charge.price.amount.micros();
            row.state_set(ChargeState::Asked);
            (row.refusal, row.checkout_id, row.receipt_id, row.paid_at) = (None, None, None, None);
            claim_keep(conn, context, &row, &wish.charge)?;
            Ok(Begun::Ask(Box::new(row.save(conn, &context.sealer)?)))
        }
    }
}

/// Whether somebody asks again for what was paid, and soon.
fn is_repeat(context: &Context, row: &ChargeRow, charge: &Charge) -> bool {
    let is_recent = row.paid_at.is_some_and(|at| context.env.now() < at.plus(REPEATED_FOR));
    is_recent && is_same(row, charge)
}

/// Whether somebody asks for the same, with the same visa.
fn is_same(row: &ChargeRow, charge: &Charge) -> bool {
    row.purpose == charge.purpose.as_str()
        && row.fair_id == charge.fair.as_ref().map(ToString::to_string)
        && row.asset == charge.price.asset.to_string()
        && row.price == charge.price.amount.micros()
        && row.visa_digest == sha256_hex(charge.visa.as_bytes())
}

/// Keeps the claim that pays for an access, in the place of one that came to nothing.
fn claim_keep(conn: &mut Conn, context: &Context, row: &ChargeRow, charge: &Charge) -> QueryResult<()> {
    diesel::delete(gate_claims::table.find(row.id)).execute(conn)?;
    if let Some(claim) = &charge.claim {
        // The visa was checked: who has issued it can be read.
        let broker = visa_issuer(&charge.visa).ok();
        ClaimRow::new(row, claim, broker).insert(conn, &context.sealer)?;
    }
    Ok(())
}

fn in_use(with: &str) -> PublisherError {
    PublisherError::State {
        detail: format!("A payment for this with {with} was begun and is not decided yet."),
        hint: "Ask again in a moment, with the same visa and the same key.",
    }
}

fn paid_of(row: &ChargeRow) -> Result<Charged, PublisherError> {
    let missing = || PublisherError::damaged(ChargeRow::TABLE, &row.id, "it is paid and has no receipt");
    Ok(Charged {
        receipt: row.receipt_id.ok_or_else(missing)?.to_string(),
        is_repeated: true,
    })
}

/// A charge that the same request has made before.
fn retry_lock(conn: &mut Conn, context: &Context, charge: &Charge) -> Result<Option<ChargeRow>, PublisherError> {
    let Some(key) = &charge.retry_key else { return Ok(None) };
    let row: Option<ChargeRow> = for_update!(
        conn,
        gate_charges::table
            .filter(gate_charges::agent.eq(&charge.agent))
            .filter(gate_charges::url.eq(&charge.url))
            .filter(gate_charges::retry_key.eq(key))
            .select(ChargeRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Whether a request needs no visa that pays: it is one that has paid, or has begun to.
pub(crate) fn is_begun(conn: &mut Conn, context: &Context, charge: &Charge) -> Result<bool, PublisherError> {
    let Some(key) = &charge.retry_key else { return Ok(false) };
    let row: Option<ChargeRow> = gate_charges::table
        .filter(gate_charges::agent.eq(&charge.agent))
        .filter(gate_charges::url.eq(&charge.url))
        .filter(gate_charges::retry_key.eq(key))
        .select(ChargeRow::as_select())
        .first(conn)
        .optional()?;
    let Some(row) = row else { return Ok(false) };
    let row = row.intact(&context.sealer)?;
    Ok(match row.state()? {
        ChargeState::Asked => is_same(&row, charge),
        ChargeState::Paid => is_repeat(context, &row, charge) && !is_objected(conn, context, &row)?,
        ChargeState::Refused | ChargeState::Returned => false,
    })
}

/// A charge, its seal checked.
pub(crate) fn charge_find(conn: &mut Conn, context: &Context, id: AccessId) -> Result<ChargeRow, PublisherError> {
    let query = gate_charges::table.find(id).select(ChargeRow::as_select());
    let row: Option<ChargeRow> = query.first(conn).optional()?;
    Ok(row.ok_or(PublisherError::NotFound("access"))?.intact(&context.sealer)?)
}

fn charge_lock(conn: &mut Conn, context: &Context, id: AccessId) -> Result<Option<ChargeRow>, PublisherError> {
    let row: Option<ChargeRow> = for_update!(
        conn,
        gate_charges::table.find(id).select(ChargeRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Pay took nothing: the same request may try again.
pub(crate) fn charge_refuse(
    conn: &mut Conn,
    context: &Context,
    id: AccessId,
    reason: &str,
) -> Result<(), PublisherError> {
    let Some(mut row) = charge_lock(conn, context, id)? else {
        return Ok(());
    };
    if row.state()? == ChargeState::Asked {
        row.state_set(ChargeState::Refused);
        row.refusal = Some(reason.to_owned());
        row.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// The money for an access is held: it is the agent's, once. A second payment for it goes back.
pub(crate) fn charge_deliver(
    conn: &mut Conn,
    context: &Context,
    id: AccessId,
    delivery: &Delivery,
) -> Result<DeliveryOutcome, PublisherError> {
    let Some(mut row) = charge_lock(conn, context, id)? else {
        return Ok(refused("Nobody waits for this access any more."));
    };
    let is_this = row.checkout_id == Some(delivery.checkout);
    match row.state()? {
        ChargeState::Paid | ChargeState::Returned if is_this => {}
        ChargeState::Paid | ChargeState::Returned => return Ok(refused("This access was paid already.")),
        ChargeState::Refused => return Ok(refused("Nobody waits for this access any more.")),
        ChargeState::Asked if row.price()? != delivery.gross => {
            return Ok(refused("The amount paid is not the price of the access."));
        }
        ChargeState::Asked => {
            row.state_set(ChargeState::Paid);
            row.checkout_id = Some(delivery.checkout);
            row.receipt_id = Some(delivery.receipt);
            row.paid_at = Some(delivery.paid_at);
            row.save(conn, &context.sealer)?;
        }
    }
    Ok(DeliveryOutcome::Delivered {
        references: vec![id.to_string()],
    })
}

/// The money went back.
pub(crate) fn charge_return(conn: &mut Conn, context: &Context, id: AccessId) -> Result<(), PublisherError> {
    let row = charge_lock(conn, context, id)?;
    let mut row = row.ok_or(PublisherError::NotFound("access"))?;
    if row.state()? == ChargeState::Paid {
        row.state_set(ChargeState::Returned);
        row.save(conn, &context.sealer)?;
    }
    Ok(())
}

/// Forgets charges that are older than the records of them are kept, and those that came to nothing a week
/// ago. The claims behind them go with the records.
pub(crate) fn charges_purge(
    conn: &mut Conn,
    site: &str,
    kept_since: Timestamp,
    open_since: Timestamp,
) -> Result<usize, PublisherError> {
    let came_to_nothing = [ChargeState::Asked.as_str(), ChargeState::Refused.as_str()];
    let old = gate_charges::table
        .filter(gate_charges::site.eq(site))
        .filter(gate_charges::created_at.lt(kept_since));
    let open = gate_charges::table
        .filter(gate_charges::site.eq(site))
        .filter(gate_charges::created_at.lt(open_since))
        .filter(gate_charges::state.eq_any(came_to_nothing));
    let claims = gate_claims::table
        .filter(gate_claims::site.eq(site))
        .filter(gate_claims::created_at.lt(kept_since));
    diesel::delete(claims).execute(conn)?;
    Ok(diesel::delete(old)
        .execute(conn)?
        .saturating_add(diesel::delete(open).execute(conn)?))
}
