//! What brokers have accepted and not paid. Its owners may spend it at this node, where it can be taken back when the
//! agent wins a dispute; from a bank or a chain it cannot, so no payout sends it there.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_ledger::Purpose;
use imajin_money::{Asset, Money};
use imajin_store::{Conn, Literal, units_sum};

use super::payout::amount;
use crate::PayError;
use crate::rows::{CaptureState, ShareState};
use crate::schema::{held_shares, pledges, visa_captures};

/// So many brokers are named to a payee who waits.
const BROKERS_NAMED: i64 = 3;

/// How much of somebody's shares brokers have accepted and not paid.
pub(crate) fn promised_units(conn: &mut Conn, payee: &Did, asset: Asset) -> Result<i64, PayError> {
    let (did, asset) = (payee.canonical().to_string(), asset.as_str());
    let shares = visa_captures::table
        .inner_join(pledges::table.on(pledges::checkout_id.eq(visa_captures::checkout_id)))
        .filter(visa_captures::state.eq(Literal(CaptureState::Accepted.as_str())))
        .filter(pledges::did.eq(&did))
        .filter(pledges::asset.eq(asset))
        .filter(pledges::purpose.eq(Purpose::Available.as_str()));
    let shares = units_sum!(conn, shares, pledges::units)?;
    // Those that were held when the payment was made, and were given to somebody since. All of one is its payee's here,
    // also where a contract has divided it.
    let is_released = held_shares::state.eq(Literal(ShareState::Released.as_str()));
    let is_given = held_shares::payee_did
        .eq(&did)
        .and(is_released)
        .or(held_shares::to_did.assume_not_null().eq(&did));
    let held = visa_captures::table
        .inner_join(held_shares::table.on(held_shares::receipt_id.eq(visa_captures::receipt_id)))
        .filter(visa_captures::state.eq(Literal(CaptureState::Accepted.as_str())))
        .filter(held_shares::asset.eq(asset))
        .filter(is_given);
    let held = units_sum!(conn, held, held_shares::amount)?;
    Ok(shares.saturating_add(held))
}

/// The answer to somebody who wants more than may leave yet.
pub(crate) fn promised_refusal(
    conn: &mut Conn,
    (free, promised): (i64, i64),
    asset: Asset,
) -> Result<PayError, PayError> {
    let issuers: Vec<String> = visa_captures::table
        .filter(visa_captures::state.eq(Literal(CaptureState::Accepted.as_str())))
        .filter(visa_captures::asset.eq(asset.as_str()))
        .order_by(visa_captures::issuer)
        .select(visa_captures::issuer)
        .distinct()
        .limit(BROKERS_NAMED)
        .load(conn)?;
    let (free, promised) = (Money::new(amount(free)?, asset), Money::new(amount(promised)?, asset));
    Ok(PayError::State {
        detail: format!(
            "At most {free} may leave now: {promised} waits until {} has paid, and agents may object until then.",
            issuers.join(" or ")
        ),
        hint: "It can be spent at this node meanwhile. Ask for less, or again when the broker has paid.",
    })
}
