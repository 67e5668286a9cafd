//! The payments that a payout is made of, and how the payouts before it went.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::PayoutId;
use imajin_kernel::{Span, Timestamp};
use imajin_money::Asset;
use imajin_pay_api::CheckoutState;
use imajin_store::{Conn, Literal, SealedRow};

use super::checkout_find;
use super::payment::payment_lock;
use super::refund_list::{refunded_units, refunds_of};
use crate::PayError;
use crate::context::Context;
use crate::rows::{FAILED, PartRow, PaymentRow, PayoutRow, WAITING};
use crate::schema::{disputes, payout_parts, payouts, rail_payments};

/// The most transfers of one payout: the rest of a balance goes with the next one.
const PARTS_MAX: usize = 100;
/// Payments that are looked at in one go for what is left of them.
const PAYMENTS_PAGE: i64 = 50;
/// The longest that nothing leaves by itself after a payout that the rail did not make: an hour after the first, and
/// twice as long after each further one.
const AFTER_FAILURE_MAX: Span = Span::days(7);
/// Payouts that are looked at: after so many in vain the rest is the longest anyway.
const FAILURES_MAX: i64 = 9;

/// Finds payments whose money is not passed on yet, oldest first, until they make up the payout; says how much of it no
/// payment is left for.
pub(crate) fn parts_allocate(
    conn: &mut Conn,
    context: &Context,
    payout: &PayoutRow,
) -> Result<(Vec<PartRow>, i64), PayError> {
    let (mut left, mut parts) = (payout.amount, Vec::new());
    let mut after = None;
    loop {
        // What went back to its buyer stays among them, so there may be any number in front of those that count.
        let page = payments_page(conn, payout, after.as_ref())?;
        let Some(last) = page.last().cloned() else { break };
        for (_, reference) in page {
            if left == 0 || parts.len() >= PARTS_MAX {
                return Ok((parts, left));
            }
            let Some(mut payment) = payment_lock(conn, context, &payout.rail, &reference)? else {
                continue;
            };
            let units = left_of(conn, context, &payment)?.min(left);
            if units <= 0 {
                continue;
            }
            payment.passed_on = Some(payment.passed_on.unwrap_or(0).saturating_add(units));
            payment.save(conn, &context.sealer)?;
            left = left.saturating_sub(units);
            let number = i64::try_from(parts.len()).unwrap_or(i64::MAX);
            parts.push(part_of(context, payout, number, reference, units));
        }
        after = Some(last);
    }
    Ok((parts, left))
}

/// Payments of a payout's rail that may not be passed on in full yet, oldest first.
fn payments_page(
    conn: &mut Conn,
    payout: &PayoutRow,
    after: Option<&(Timestamp, String)>,
) -> Result<Vec<(Timestamp, String)>, PayError> {
    let (paid_at, reference) = after.cloned().unwrap_or((Timestamp::from_seconds(0), String::new()));
    let page = rail_payments::table
        .filter(rail_payments::rail.eq(&payout.rail))
        .filter(rail_payments::asset.eq(&payout.asset))
        .filter(rail_payments::fee.is_not_null())
        .filter(
            rail_payments::passed_on.is_null().or(rail_payments::passed_on
                .assume_not_null()
                .lt(rail_payments::amount - rail_payments::fee.assume_not_null())),
        )
        .filter(
            rail_payments::paid_at.gt(paid_at).or(rail_payments::paid_at
                .eq(paid_at)
                .and(rail_payments::reference.gt(reference))),
        )
        .order_by((rail_payments::paid_at, rail_payments::reference))
        .limit(PAYMENTS_PAGE)
        .select((rail_payments::paid_at, rail_payments::reference))
        .load(conn)?;
    Ok(page)
}

/// A transfer that the rail is to make.
pub(crate) fn part_of(context: &Context, payout: &PayoutRow, part: i64, payment: String, units: i64) -> PartRow {
    PartRow {
        payout_id: payout.id,
        part,
        payment,
        amount: units,
        state: WAITING.to_owned(),
        reference: None,
        reversed: None,
        problem: None,
        updated_at: context.now(),
        row_seal: Vec::new(),
    }
}

/// What of a payment can still be passed on: only a payment that was split and that nobody disputes.
fn left_of(conn: &mut Conn, context: &Context, payment: &PaymentRow) -> Result<i64, PayError> {
    let Ok(checkout_id) = payment.checkout_id.parse() else {
        return Ok(0);
    };
    let checkout = checkout_find(conn, context, checkout_id)?;
    let settled = match checkout {
        Some(row) => {
            row.state()? == CheckoutState::Settled && row.rail_reference.as_deref() == Some(&payment.reference)
        }
        None => false,
    };
    let disputed: i64 = disputes::table
        .filter(disputes::rail.eq(&payment.rail))
        .filter(disputes::payment.eq(&payment.reference))
        .filter(disputes::state.ne("won"))
        .count()
        .get_result(conn)?;
    if !settled || disputed > 0 {
        return Ok(0);
    }
    let net = payment.amount.saturating_sub(payment.fee.unwrap_or(payment.amount));
    let refunded = refunded_units(&refunds_of(conn, context, checkout_id)?);
    Ok(net
        .saturating_sub(payment.passed_on.unwrap_or(0))
        .saturating_sub(refunded))
}

/// Until when nothing more is sent to somebody by itself, because the rail did not make what was sent last. It would
/// not make it a minute later either, and each attempt is told to the payee.
pub(crate) fn rests_until(
    conn: &mut Conn,
    rail: &str,
    payee: &Did,
    asset: Asset,
) -> Result<Option<Timestamp>, PayError> {
    let latest: Vec<PayoutId> = payouts::table
        .filter(payouts::did.eq(payee.canonical().to_string()))
        .filter(payouts::rail.eq(rail))
        .filter(payouts::asset.eq(asset.as_str()))
        .order_by((payouts::created_at.desc(), payouts::id.desc()))
        .limit(FAILURES_MAX)
        .select(payouts::id)
        .load(conn)?;
    let (mut since, mut rest_hours) = (None, 1_i64);
    for payout in latest {
        let failed: Option<Timestamp> = payout_parts::table
            .filter(payout_parts::payout_id.eq(payout))
            .filter(payout_parts::state.eq(Literal(FAILED)))
            .select(diesel::dsl::max(payout_parts::updated_at))
            .first(conn)?;
        let Some(failed) = failed else { break };
        if since.is_some() {
            rest_hours = rest_hours.saturating_mul(2);
        }
        since = since.or(Some(failed));
    }
    Ok(since.map(|since| since.plus(Span::hours(rest_hours).min(AFTER_FAILURE_MAX))))
}
