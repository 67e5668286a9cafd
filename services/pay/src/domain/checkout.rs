//! The life of a checkout before the money.

use std::sync::Arc;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Code, Timestamp};
use imajin_money::Money;
use imajin_pay_api::{CheckoutState, GoodsRef};
use imajin_store::{Conn, Literal, SealedRow, StoreError, for_update, outbox, row_insert_missing};
use imajin_web::Verified;
use serde::{Deserialize, Serialize};

use super::checkout_lock;
use super::free::{free_deliver, free_find, free_pay};
use super::plan::Split;
use crate::PayError;
use crate::context::{Context, IdempotencyKey};
use crate::rows::{CheckoutRow, json_text, state_text};
use crate::schema::checkouts;

/// The action in the mutation log of a buyer's own request.
pub(crate) const CHECKOUT_REQUEST: &str = "checkout.request";
/// The action in the mutation log of the checkout itself.
pub(crate) const CHECKOUT_OPEN: &str = "checkout.open";

/// How often a checkout is looked for again, because another process has opened one meanwhile.
const RACES_MAX: u32 = 4;
/// Expired checkouts per transaction of the sweeper.
const SWEEP_ROWS: i64 = 200;

/// What the node writes down when it opens a checkout; the audit compares it with the row.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckoutOpened {
    pub(crate) checkout: CheckoutId,
    pub(crate) goods: GoodsRef,
    pub(crate) buyer: String,
    pub(crate) seller: String,
    pub(crate) title: String,
    pub(crate) price: Money,
    pub(crate) split: String,
}

impl CheckoutOpened {
    pub(crate) fn of(row: &CheckoutRow, price: Money) -> Self {
        Self {
            checkout: row.id,
            goods: row.goods(),
            buyer: row.owner_did.clone(),
            seller: row.seller_did.clone(),
            title: row.title.clone(),
            price,
            split: row.split_id.clone(),
        }
    }
}

/// A checkout about to be opened.
#[derive(Clone)]
pub(crate) struct NewCheckout {
    pub(crate) id: CheckoutId,
    pub(crate) rail: String,
    pub(crate) goods: GoodsRef,
    pub(crate) buyer: Did,
    pub(crate) title: String,
    pub(crate) price: Money,
    pub(crate) split: Arc<Split>,
    pub(crate) expires_at: Timestamp,
    pub(crate) pay_url: String,
    pub(crate) rail_reference: Option<String>,
    pub(crate) success_url: String,
    pub(crate) cancel_url: String,
    /// The buyer's own request, when it came to pay itself and not through a seller.
    pub(crate) request: Option<BuyerRequest>,
}

/// A signed request of a buyer.
#[derive(Clone)]
pub(crate) struct BuyerRequest {
    pub(crate) verified: Verified,
    pub(crate) body: Vec<u8>,
    pub(crate) key: Option<IdempotencyKey>,
}

/// Opens a checkout, or finds the one that these goods and this buyer have open; `true` when the request was answered
/// before.
pub(crate) fn checkout_open(
    conn: &mut Conn,
    context: &Context,
    new: &NewCheckout,
) -> Result<(CheckoutRow, bool), PayError> {
    let Some(request) = &new.request else {
        return Ok((open_or_find(conn, context, new)?, false));
    };
    if let Some(key) = &request.key
        && let Some(body) = key.replayed(conn, context, &new.buyer)?
    {
        context.nonce_spend(conn, &request.verified)?;
        let id = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok());
        let found = id.map(|id| checkout_lock(conn, context, id)).transpose()?.flatten();
        return found.map(|row| (row, true)).ok_or(PayError::NotFound("checkout"));
    }
    let row = open_or_find(conn, context, new)?;
    let id = row.id.to_string();
    context.signed_append(
        conn,
        &request.verified,
        CHECKOUT_REQUEST,
        &format!("{id}/request"),
        &request.body,
    )?;
    if let Some(key) = &request.key {
        key.store(conn, context, &new.buyer, 201, id.as_bytes())?;
    }
    Ok((row, false))
}

/// Several processes may open checkouts for the same goods at this moment: of those there is one, which is found then.
fn open_or_find(conn: &mut Conn, context: &Context, new: &NewCheckout) -> Result<CheckoutRow, PayError> {
    for _race in 0..RACES_MAX {
        if let Some(row) = find_as_wished(conn, context, new)? {
            return Ok(row);
        }
        if let Some(row) = open_unless_there(conn, context, new)? {
            return Ok(row);
        }
    }
    Err(StoreError::Busy.into())
}

/// The checkout that is there already and still good; one that is not, is ended.
fn find_as_wished(conn: &mut Conn, context: &Context, new: &NewCheckout) -> Result<Option<CheckoutRow>, PayError> {
    let now = context.now();
    if new.price.is_zero()
        && let Some(row) = free_find(conn, context, new)?
    {
        return Ok(Some(row));
    }
    let Some(mut row) = open_find(conn, context, &new.goods, &new.buyer)? else {
        return Ok(None);
    };
    if row.expires_at > now && row.price()? == new.price && row.rail == new.rail {
        return Ok(Some(row));
    }
    let (state, reason) = if row.expires_at <= now {
        (CheckoutState::Expired, NOT_PAID_IN_TIME)
    } else {
        let changed = "The price of the goods, or the way to pay, has changed.";
        (CheckoutState::Cancelled, changed)
    };
    row.state_set(state, now);
    row.reason = Some(reason.to_owned());
    let row = row.save(conn, &context.sealer)?;
    rail_close(conn, context, &row)?;
    Ok(None)
}

/// A new checkout; `None` when another process has just opened one.
fn open_unless_there(conn: &mut Conn, context: &Context, new: &NewCheckout) -> Result<Option<CheckoutRow>, PayError> {
    let split = new.split.store(conn, context)?;
    let mut row = row_of(context, new, split, context.now());
    if new.price.is_zero() {
        free_pay(&mut row, context);
    }
    let row = row.sealed(&context.sealer)?;
    if !row_insert_missing!(conn, checkouts, &row)? {
        return Ok(None);
    }
    let body = json_text(&CheckoutOpened::of(&row, new.price))?.into_bytes();
    context.node_append(conn, &new.buyer.canonical(), CHECKOUT_OPEN, &new.id.to_string(), body)?;
    if new.price.is_zero() {
        free_deliver(conn, context, &row)?;
    }
    Ok(Some(row))
}

fn row_of(context: &Context, new: &NewCheckout, split_id: String, now: Timestamp) -> CheckoutRow {
    CheckoutRow {
        id: new.id,
        rail: new.rail.clone(),
        goods_kind: new.goods.kind.clone(),
        goods_id: new.goods.id.clone(),
        owner_did: new.buyer.canonical().to_string(),
        seller_did: new.split.document.seller.to_string(),
        title: new.title.clone(),
        asset: new.price.asset.to_string(),
        price: new.price.amount.micros(),
        split_id,
        state: state_text(CheckoutState::Open).to_owned(),
        form_token: hex::encode(context.env.random_bytes::<32>()),
        pay_url: new.pay_url.clone(),
        success_url: new.success_url.clone(),
        cancel_url: new.cancel_url.clone(),
        expires_at: new.expires_at,
        hold_id: None,
        message_id: None,
        rail_reference: new.rail_reference.clone(),
        receipt_id: None,
        paid_at: None,
        reason: None,
        failures: 0,
        created_at: now,
        updated_at: now,
        row_seal: Vec::new(),
    }
}

/// The open checkout of these goods and this buyer.
pub(crate) fn open_find(
    conn: &mut Conn,
    context: &Context,
    goods: &GoodsRef,
    buyer: &Did,
) -> Result<Option<CheckoutRow>, PayError> {
    let buyer = buyer.canonical().to_string();
    let row: Option<CheckoutRow> = for_update!(
        conn,
        checkouts::table
            .filter(checkouts::goods_kind.eq(&goods.kind))
            .filter(checkouts::goods_id.eq(&goods.id))
            .filter(checkouts::owner_did.eq(&buyer))
            .filter(checkouts::state.eq(Literal(state_text(CheckoutState::Open))))
            .select(CheckoutRow::as_select()) => first
    )
    .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

const NOT_PAID_IN_TIME: &str = "Nobody paid in time.";

/// Ends an open checkout; leaves any other as it is.
pub(crate) fn checkout_cancel(
    conn: &mut Conn,
    context: &Context,
    id: CheckoutId,
    reason: &str,
) -> Result<CheckoutRow, PayError> {
    let mut row = checkout_lock(conn, context, id)?.ok_or(PayError::NotFound("checkout"))?;
    if row.state()? != CheckoutState::Open {
        return Ok(row);
    }
    row.state_set(CheckoutState::Cancelled, context.now());
    row.reason = Some(reason.to_owned());
    let row = row.save(conn, &context.sealer)?;
    rail_close(conn, context, &row)?;
    Ok(row)
}

/// The outbox topic of checkouts that have ended here and not at their rail.
pub(crate) const RAIL_CLOSE: &str = "rail_close";

/// What the worker tells the rail of a checkout that nobody is to pay any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CloseOrder {
    pub(crate) rail: String,
    pub(crate) reference: String,
}

/// Has a checkout that has ended here ended at its rail, if the rail knows of it.
fn rail_close(conn: &mut Conn, context: &Context, row: &CheckoutRow) -> Result<(), PayError> {
    let Some(reference) = row.rail_reference.clone() else {
        return Ok(());
    };
    let rail = row.rail.clone();
    let order = CloseOrder { rail, reference };
    outbox::enqueue(
        conn,
        &context.sealer,
        &context.env,
        RAIL_CLOSE,
        &row.id.to_string(),
        &order,
    )?;
    Ok(())
}

/// A row that a sweep has come to, by when its time was over; and rows that it could not handle.
pub(crate) type Swept<I> = (Option<(Timestamp, I)>, Vec<(I, PayError)>);

/// Ends open checkouts whose time has passed, a page of them; answers where the next page begins, if there is one.
pub(crate) fn checkouts_expire(
    conn: &mut Conn,
    context: &Context,
    after: Option<(Timestamp, CheckoutId)>,
) -> Result<Swept<CheckoutId>, PayError> {
    let now = context.now();
    let (since, last) = after.unwrap_or((Timestamp::from_micros(i64::MIN), CheckoutId::from_bytes([0; 16])));
    let due: Vec<(Timestamp, CheckoutId)> = checkouts::table
        .filter(checkouts::state.eq(Literal(state_text(CheckoutState::Open))))
        .filter(checkouts::expires_at.le(now))
        .filter(
            checkouts::expires_at
                .gt(since)
                .or(checkouts::expires_at.eq(since).and(checkouts::id.gt(last))),
        )
        .order_by((checkouts::expires_at, checkouts::id))
        .limit(SWEEP_ROWS)
        .select((checkouts::expires_at, checkouts::id))
        .load(conn)?;
    let mut damaged = Vec::new();
    for (_, id) in &due {
        let ended = conn.transaction(|conn| checkout_expire(conn, context, *id));
        match ended {
            Err(error) if error.code() == Code::Unavailable => return Err(error),
            Err(error) => damaged.push((*id, error)),
            Ok(()) => {}
        }
    }
    Ok((due.last().copied(), damaged))
}

fn checkout_expire(conn: &mut Conn, context: &Context, id: CheckoutId) -> Result<(), PayError> {
    let now = context.now();
    let row = checkout_lock(conn, context, id)?.ok_or(PayError::NotFound("checkout"))?;
    if row.state()? != CheckoutState::Open || row.expires_at > now {
        return Ok(());
    }
    let mut row = row;
    row.state_set(CheckoutState::Expired, now);
    row.reason = Some(NOT_PAID_IN_TIME.to_owned());
    let row = row.save(conn, &context.sealer)?;
    rail_close(conn, context, &row)
}
