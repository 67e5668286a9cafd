//! Held shares as those concerned read them.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::ReceiptId;
use imajin_money::Money;
use imajin_store::{Conn, Literal, SealedRow, units_sum};
use serde::Serialize;
use utoipa::ToSchema;

use super::sale::share_returned;
use super::shares::{ShareKey, receipt_of};
use crate::PayError;
use crate::context::Context;
use crate::rows::{ShareRow, ShareState};
use crate::schema::{held_shares, receipts, reversals};

/// A held share on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShareView {
    /// The receipt of the payment.
    #[schema(value_type = String)]
    pub(crate) receipt: ReceiptId,
    /// Which leg of the receipt, counted from 0.
    pub(crate) leg: i64,
    /// The manifest that has to be accepted.
    pub(crate) manifest: String,
    /// Whose share it is.
    #[schema(value_type = String)]
    pub(crate) payee: Did,
    /// Whether that is you, or a mailbox identity that you have claimed.
    pub(crate) own: bool,
    /// How much.
    #[schema(value_type = Object)]
    pub(crate) amount: Money,
    /// Since when it waits.
    #[schema(value_type = String)]
    pub(crate) held_since: Timestamp,
    /// Until when the payee can accept.
    #[schema(value_type = String)]
    pub(crate) held_until: Timestamp,
    /// `waiting`, `released`, `passed_on`, or `returned`: it went back to the buyer.
    pub(crate) state: String,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Timestamp>,
    /// Who got it instead, when it was passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// What became of it, in a sentence.
    pub(crate) notice: String,
}

fn view_of(row: &ShareRow, own: &[String]) -> Result<ShareView, PayError> {
    let amount = row.money()?;
    let notice = if row.is(ShareState::Waiting) {
        format!(
            "{amount} wait for the payee to accept the manifest, until {}.",
            row.held_until
        )
    } else if row.is(ShareState::Released) {
        format!("{amount} were paid out: the payee has accepted the manifest.")
    } else if row.is(ShareState::Returned) {
        format!("{amount} went back to the buyer before the payee had accepted the manifest.")
    } else {
        let to = row.to_did.as_deref().unwrap_or("somebody else");
        format!("Nobody accepted the manifest in 90 days: {amount} went to {to}.")
    };
    Ok(ShareView {
        receipt: row.receipt_id,
        leg: row.leg,
        manifest: row.manifest_id.clone(),
        payee: row.payee()?,
        own: own.contains(&row.payee_did),
        amount,
        held_since: row.held_since,
        held_until: row.held_until,
        state: row.state.clone(),
        ended_at: row.ended_at,
        to: row.to_did.clone(),
        notice,
    })
}

/// The shares that somebody is concerned with, as payee, author, seller or as who got it instead; newest first.
pub(crate) fn share_list(
    conn: &mut Conn,
    context: &Context,
    dids: &[Did],
    limit: i64,
) -> Result<Vec<ShareView>, PayError> {
    let dids: Vec<String> = dids.iter().map(|did| did.canonical().to_string()).collect();
    let concerned = held_shares::payee_did
        .eq_any(dids.clone())
        .or(held_shares::author_did.eq_any(dids.clone()))
        .or(held_shares::seller_did.eq_any(dids.clone()))
        .or(held_shares::to_did.assume_not_null().eq_any(dids.clone()));
    let rows: Vec<ShareRow> = held_shares::table
        .filter(concerned)
        .order_by((held_shares::receipt_id.desc(), held_shares::leg))
        .limit(limit)
        .select(ShareRow::as_select())
        .load(conn)?;
    rows.into_iter()
        .map(|row| view_of(&row.intact(&context.sealer)?, &dids))
        .collect()
}

/// What waits for somebody: all of the shares, without what went back to the buyer while they waited.
pub(crate) fn shares_waiting(
    conn: &mut Conn,
    context: &Context,
    payees: &[String],
    asset: &str,
) -> Result<i64, PayError> {
    let waiting = || {
        held_shares::table
            .filter(held_shares::state.eq(Literal(ShareState::Waiting.as_str())))
            .filter(held_shares::payee_did.eq_any(payees.to_vec()))
            .filter(held_shares::asset.eq(asset))
    };
    let mut units = units_sum!(conn, waiting(), held_shares::amount)?;
    let sent_back = receipts::table
        .filter(receipts::checkout_id.eq_any(reversals::table.select(reversals::checkout_id)))
        .select(receipts::id);
    let parts: Vec<ShareKey> = waiting()
        .filter(held_shares::receipt_id.eq_any(sent_back))
        .select((held_shares::receipt_id, held_shares::leg))
        .load(conn)?;
    for (receipt, leg) in parts {
        let body = receipt_of(conn, context, receipt)?;
        units = units.saturating_sub(share_returned(conn, context, &body, leg)?);
    }
    Ok(units)
}
