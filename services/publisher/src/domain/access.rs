//! Who has paid: deliveries of pay, and what they give.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::{CheckoutId, ContentId, ReceiptId};
use imajin_pay_api::{Delivery, DeliveryOutcome};
use imajin_publisher_api::{ContentState, ReaderAccess};
use imajin_store::{Conn, SealedRow, for_update};
use serde::{Deserialize, Serialize};

use super::work::work_lock;
use crate::context::Context;
use crate::rows::{AccessRow, VersionRow, WorkRow};
use crate::schema::{work_accesses, work_versions};
use crate::{PublisherError, log};

/// What the node writes down about a payment; the audit compares it with the row.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessLogged {
    pub(crate) content: ContentId,
    pub(crate) checkout: CheckoutId,
    pub(crate) reader: Did,
    pub(crate) receipt: String,
    pub(crate) asset: String,
    pub(crate) gross_micros: i64,
    pub(crate) refusal: Option<String>,
    pub(crate) revoked_because: Option<String>,
}

impl AccessLogged {
    pub(crate) fn of(row: &AccessRow) -> Self {
        Self {
            content: row.content_id,
            checkout: row.checkout_id,
            reader: row.reader_did.clone(),
            receipt: row.receipt_id.to_string(),
            asset: row.asset.clone(),
            gross_micros: row.gross,
            refusal: row.refusal.clone(),
            revoked_because: row.revoked_because.clone(),
        }
    }
}

/// Gives the payer access, or says why the money goes back; the same delivery always ends the same way.
pub(crate) fn access_deliver(
    conn: &mut Conn,
    context: &Context,
    id: ContentId,
    delivery: &Delivery,
) -> Result<DeliveryOutcome, PublisherError> {
    let Some(work) = work_lock(conn, context, id)? else {
        return Ok(refused("There is no such work."));
    };
    if let Some(row) = access_lock(conn, context, id, delivery.checkout)? {
        return Ok(outcome_of(&row));
    }
    let refusal = refusal_of(conn, &work, delivery)?;
    let row = AccessRow {
        content_id: id,
        checkout_id: delivery.checkout,
        reader_did: delivery.payer.canonical(),
        receipt_id: delivery.receipt,
        asset: delivery.gross.asset.to_string(),
        gross: delivery.gross.amount.micros(),
        paid_at: delivery.paid_at,
        refusal,
        revoked_at: None,
        revoked_because: None,
        created_at: context.env.now(),
        row_seal: Vec::new(),
    };
    log::access_append(conn, context, log::CONTENT_GRANT, &row)?;
    let row = row.insert(conn, &context.sealer)?;
    Ok(outcome_of(&row))
}

/// Takes access back, because the money went back; once, however often it is asked.
pub(crate) fn access_revoke(
    conn: &mut Conn,
    context: &Context,
    id: ContentId,
    checkout: CheckoutId,
    reason: &str,
) -> Result<(), PublisherError> {
    let row = access_lock(conn, context, id, checkout)?;
    let mut row = row.ok_or(PublisherError::NotFound("payment for this work"))?;
    if row.revoked_at.is_some() || row.refusal.is_some() {
        return Ok(());
    }
    row.revoked_at = Some(context.env.now());
    row.revoked_because = Some(reason.to_owned());
    log::access_append(conn, context, log::CONTENT_REVOKE, &row)?;
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// Why a payment gives no access.
fn refusal_of(conn: &mut Conn, work: &WorkRow, delivery: &Delivery) -> Result<Option<String>, PublisherError> {
    let reader = delivery.payer.canonical();
    let prices: i64 = work_versions::table
        .filter(work_versions::content_id.eq(work.id))
        .filter(work_versions::asset.eq(delivery.gross.asset.to_string()))
        .filter(work_versions::price.eq(delivery.gross.amount.micros()))
        .count()
        .get_result(conn)?;
    let refusal = if work.owner_did == reader {
        Some("The work is the payer's own.")
    } else if is_paid(conn, work.id, std::slice::from_ref(&reader))? {
        Some("The payer has this work already.")
    } else if work.state()? != ContentState::Published {
        Some("The work was withdrawn before it was paid.")
    } else if prices == 0 {
        Some("The amount paid is not the price of the work.")
    } else {
        None
    };
    Ok(refusal.map(ToOwned::to_owned))
}

fn outcome_of(row: &AccessRow) -> DeliveryOutcome {
    match &row.refusal {
        Some(reason) => refused(reason),
        None => DeliveryOutcome::Delivered {
            references: vec![row.content_id.to_string()],
        },
    }
}

pub(crate) fn refused(reason: &str) -> DeliveryOutcome {
    DeliveryOutcome::Refused {
        reason: reason.to_owned(),
    }
}

/// Whether one of these has paid for a work and keeps it.
fn is_paid(conn: &mut Conn, id: ContentId, readers: &[Did]) -> Result<bool, PublisherError> {
    let readers: Vec<String> = readers.iter().map(|did| did.canonical().to_string()).collect();
    let paid: i64 = work_accesses::table
        .filter(work_accesses::content_id.eq(id))
        .filter(work_accesses::reader_did.eq_any(readers))
        .filter(work_accesses::refusal.is_null())
        .filter(work_accesses::revoked_at.is_null())
        .count()
        .get_result(conn)?;
    Ok(paid > 0)
}

/// The receipt of the last payment by which one of these may read a work.
pub(crate) fn receipt_find(
    conn: &mut Conn,
    context: &Context,
    id: ContentId,
    readers: &[Did],
) -> Result<Option<ReceiptId>, PublisherError> {
    let readers: Vec<String> = readers.iter().map(|did| did.canonical().to_string()).collect();
    let row: Option<AccessRow> = work_accesses::table
        .filter(work_accesses::content_id.eq(id))
        .filter(work_accesses::reader_did.eq_any(readers))
        .filter(work_accesses::refusal.is_null())
        .filter(work_accesses::revoked_at.is_null())
        .order_by(work_accesses::checkout_id.desc())
        .select(AccessRow::as_select())
        .first(conn)
        .optional()?;
    let row = row.map(|row| row.intact(&context.sealer)).transpose()?;
    Ok(row.map(|row| row.receipt_id))
}

/// What a reader, with all identities that are theirs, may do with a version of a work.
pub(crate) fn access_of(
    conn: &mut Conn,
    work: &WorkRow,
    version: &VersionRow,
    readers: &[Did],
) -> Result<ReaderAccess, PublisherError> {
    if readers.iter().any(|did| did.canonical() == work.owner_did) {
        return Ok(ReaderAccess::Author);
    }
    if !readers.is_empty() && is_paid(conn, work.id, readers)? {
        return Ok(ReaderAccess::Paid);
    }
    Ok(match (work.state()?, version.price()?) {
        (ContentState::Withdrawn, _) => ReaderAccess::Withdrawn,
        (_, None) => ReaderAccess::Free,
        (_, Some(_)) => ReaderAccess::Unpaid,
    })
}

fn access_lock(
    conn: &mut Conn,
    context: &Context,
    id: ContentId,
    checkout: CheckoutId,
) -> Result<Option<AccessRow>, PublisherError> {
    let row: Option<AccessRow> = for_update!(
        conn,
        work_accesses::table.find((id, checkout)).select(AccessRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}
